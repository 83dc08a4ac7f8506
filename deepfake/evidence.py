"""What the network looked at, as a picture for people."""

from __future__ import annotations

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
