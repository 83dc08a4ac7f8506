"""What the network looked at, as a picture for people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

# Finer cells than this are averaged: the map sums stages of different fineness, and its blocks
# would look more exact than they are.
CELLS = 12
# A contribution of this many logits to the score is shown in full strength. A fixed scale, not
# each map's own maximum: a quiet map must look quiet.
FULL_STRENGTH = 12.0
# Orange raises the score, blue lowers it: told apart with every common colour blindness.
RAISES, LOWERS = np.array([255.0, 120.0, 0.0]), np.array([0.0, 110.0, 255.0])
MAX_OPACITY = 0.75
# Occlusion: cells a side, and how many of them a patch covers a side. Patches overlap by half and
# hide 4 % of the crop each; 9 × 9 of them and the crop as it is make 82 evaluations.
OCCLUSION_CELLS, PATCH_CELLS = 10, 2
# What is held in memory at a time.
OCCLUSION_BATCH = 8


def overlay(crop: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Paint an evidence map over the crop that it belongs to.

    Args:
        crop: uint8 array (size, size, 3). What the network saw.
        evidence: float array (rows, columns). Contributions to the logit; their mean is the
            logit, up to the bias.

    Returns:
        uint8 array (size, size, 3): orange where the score was raised, blue where it was lowered,
        the grey picture elsewhere.
    """
    size = (crop.shape[1], crop.shape[0])
    rows, columns = (min(CELLS, length) for length in evidence.shape)
    cells = Image.fromarray(evidence.astype(np.float32)).resize(
        (columns, rows), Image.Resampling.BOX
    )
    field = cells.resize(size, Image.Resampling.BICUBIC)
    strength = np.clip(np.asarray(field) / FULL_STRENGTH, -1.0, 1.0)[..., None]
    grey = np.asarray(Image.fromarray(crop).convert("L"), np.float32)[..., None]
    colour = np.where(strength > 0, RAISES, LOWERS)
    opacity = np.abs(strength) * MAX_OPACITY
    return np.array(np.clip(grey * (1 - opacity) + colour * opacity, 0, 255).astype(np.uint8))


def occlusion(logits: Callable[[np.ndarray], np.ndarray], crop: np.ndarray) -> np.ndarray:
    """Map by occlusion sensitivity (Zeiler & Fergus 2014, arXiv 1311.2901), for any network.

    A patch of the crop's mean colour is slid over the crop, and the map says by how much the logit
    falls where it lies, averaged over the patches that overlap there. The scale is fixed, so that
    `overlay` shows a quiet map quietly: a fall by one logit (the odds of "fake" divided by 2.7)
    under one patch is full strength. It is not the scale of the exact maps, whose places add up to
    the logit, which no map by occlusion does: where several places show the same trace, hiding one
    of them changes little, and the patch itself is something that no photograph shows.

    Args:
        logits: callable. uint8 array (count, size, size, 3) → float array (count,) of logits that
            grow with "fake". Called with at most 8 crops at a time, 82 in all.
        crop: uint8 array (size, size, 3), size ≥ 10. As the network sees it, before scaling.

    Returns:
        float32 array (10, 10), in `FULL_STRENGTH` a logit: positive where the place raises P(fake).
    """
    rows, columns = (
        np.linspace(0, side, OCCLUSION_CELLS + 1).round().astype(int) for side in crop.shape[:2]
    )
    mean = crop.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    steps = range(OCCLUSION_CELLS - PATCH_CELLS + 1)
    places = [(row, column) for row in steps for column in steps]
    original = float(logits(crop[None])[0])
    total = np.zeros((OCCLUSION_CELLS, OCCLUSION_CELLS))
    covers = np.zeros_like(total)
    for start in range(0, len(places), OCCLUSION_BATCH):
        part = places[start : start + OCCLUSION_BATCH]
        occluded = np.repeat(crop[None], len(part), axis=0)
        for picture, (row, column) in zip(occluded, part, strict=True):
            top, bottom = rows[row], rows[row + PATCH_CELLS]
            left, right = columns[column], columns[column + PATCH_CELLS]
            picture[top:bottom, left:right] = mean
        falls = original - np.asarray(logits(occluded), np.float64)
        for fall, (row, column) in zip(falls, part, strict=True):
            total[row : row + PATCH_CELLS, column : column + PATCH_CELLS] += fall
            covers[row : row + PATCH_CELLS, column : column + PATCH_CELLS] += 1
    return (FULL_STRENGTH * total / covers).astype(np.float32)
