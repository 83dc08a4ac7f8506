"""Whether a JPEG was compressed before with another table, by how often its coefficients occur.

Compression rounds each coefficient of a block of 8 × 8 pixels to multiples of a step. Where it was
rounded to multiples of another step before, some sizes occur too seldom and others too often
(Lukáš & Fridrich, 2003; Popescu & Farid, 2004). For each quality of libjpeg it is asked how much
better its steps explain the counts than one compression does. How coefficients spread in a picture
without such gaps is learned from the picture itself, in blocks of a grid that begins elsewhere.

What it finds and what it cannot is in docs/pictures.md: nothing where both qualities are the same,
where the picture was scaled, turned or cropped between (unless the grid stayed), and little where
the later quality is the lower one.
"""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from deepfake.imaging import jpeg
from deepfake.imaging.jpeg_quality import table_of, tables

SIDE = 8
# Down and across: what photographs have most of, without the brightness of the block (0, 0), which
# spreads too far.
FREQUENCIES = np.array(
    [(0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0), (3, 1), (2, 2),
     (1, 3), (0, 4)]
)  # fmt: skip
ORDER = SIDE * FREQUENCIES[:, 0] + FREQUENCIES[:, 1]
QUALITIES = np.arange(30, 98)
# Coefficients of one step to so many are counted; most of the others are none.
SIZES = 24
# Of a larger picture the upper part is looked at, and of that evenly spread rows of blocks.
MOST_PIXELS, MOST_BLOCKS, FEWEST_BLOCKS, FEWEST_COUNTED = 4_000_000, 8192, 64, 50
GRIDS_ELSEWHERE = ((4, 4), (2, 5))
# What decoding to whole numbers does to a coefficient (standard deviation), and from where on the
# file cannot be what it is taken for, such as one with RGB in place of brightness and colour.
ROUNDING, MOST_ROUNDING = 0.5, 0.7
# Nats by which two compressions must explain the counts better than one, all frequencies together
# and at how many of them on their own: 1 of 2,580 files that were compressed once does (docs).
SURE, SURE_OF_ONE, FREQUENCIES_SURE = 30.0, 3.0, 4
# Cumulative counts are known at places that each have three quarters of those of the last beyond
# them, down to eight; between them the logarithm is taken for straight.
SHARE, FEWEST_BEYOND = 0.75, 8
FINE, LARGEST = 4, 1024


def earlier_quality(data: bytes) -> int | None:
    """About what quality a JPEG was compressed with before its last compression.

    Args:
        data: bytes. A JPEG, whole or damaged.

    Returns:
        The quality, on the scale of libjpeg; None where nothing shows, which means nothing.
    """
    try:
        return _earlier_quality(*_brightness(data))
    except Exception:
        # As in imaging.reading: Pillow raises many types on damaged files.
        return None


def _brightness(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Brightness around zero (height, width), and the steps of its 64 coefficients."""
    jpeg.end_of(data)  # raises where there are too many scans
    frame = next(start for marker, start, _ in jpeg.segments(data) if marker in jpeg.FRAMES)
    height, width = (int.from_bytes(data[frame + at : frame + at + 2], "big") for at in (1, 3))
    rows = max(SIDE, MOST_PIXELS // max(1, width))
    if height > rows:
        # Decoders stop after as many rows as the head says.
        data = data[: frame + 1] + rows.to_bytes(2, "big") + data[frame + 3 :]
    with Image.open(io.BytesIO(data), formats=("JPEG", "MPO")) as image:
        steps = table_of(image)
        image.draft("L", image.size)
        if image.mode != "L" or steps is None or min(steps) < 1:
            raise ValueError("No brightness to be had without colour")
        return np.asarray(image, np.float32) - 128, np.array(steps)[ORDER]


def _earlier_quality(brightness: np.ndarray, steps: np.ndarray) -> int | None:
    own = _coefficients(brightness, 0, 0)
    other = np.concatenate([_coefficients(brightness, *grid) for grid in GRIDS_ELSEWHERE])
    if min(len(own), len(other)) < FEWEST_BLOCKS:
        return None
    gains = np.zeros((len(steps), len(QUALITIES)))
    for number, step in enumerate(steps.tolist()):
        sizes = np.rint(own[:, number] / step)
        if np.std(own[:, number] - sizes * step) > MOST_ROUNDING:
            return None
        counts = np.bincount(sizes[sizes <= SIZES].astype(int), minlength=SIZES + 1)[1:]
        spread = Spread(other[:, number])
        if counts.sum() >= FEWEST_COUNTED and spread.is_known:
            gains[number] = _gains(counts, step, spread, tables()[QUALITIES - 1, ORDER[number]])
    together = gains.sum(axis=0)
    # Of qualities whose steps are the same here the highest.
    best = np.flatnonzero(together == together.max())[-1]
    agreeing = int((gains[:, best] >= SURE_OF_ONE).sum())
    return int(QUALITIES[best]) if together[best] >= SURE and agreeing >= FREQUENCIES_SURE else None


def _coefficients(brightness: np.ndarray, top: int, left: int) -> np.ndarray:
    """Sizes of coefficients: array (blocks, frequencies).

    Blocks of one colour have none, and in those with black or white some were cut off.
    """
    down, across = (brightness.shape[0] - top) // SIDE, (brightness.shape[1] - left) // SIDE
    part = brightness[top : top + SIDE * down, left : left + SIDE * across]
    rows = part.reshape(down, SIDE, across, SIDE)[:: max(1, math.ceil(down * across / MOST_BLOCKS))]
    blocks = rows.transpose(0, 2, 1, 3).reshape(-1, SIDE * SIDE)
    low, high = blocks.min(axis=1), blocks.max(axis=1)
    sizes: np.ndarray = np.abs(blocks[(low > -128) & (high < 127) & (low < high)] @ _waves())
    return sizes


def _waves() -> np.ndarray:
    """The cosines of `FREQUENCIES`: array (64, frequencies)."""
    place = np.arange(SIDE)
    waves = np.cos((2 * place + 1) * place[:, None] * np.pi / (2 * SIDE)) / 2
    waves[0] /= math.sqrt(2)
    both: np.ndarray = np.einsum("fy,fx->yxf", *waves[FREQUENCIES.T])
    return both.reshape(SIDE * SIDE, -1).astype(np.float32)


class Spread:
    """How many coefficients are larger than a size, as a smooth curve.

    Args:
        sizes: float array (count,).
    """

    def __init__(self, sizes: np.ndarray):
        cells = (np.minimum(sizes, LARGEST) * FINE).astype(int)
        larger = len(sizes) - np.cumsum(np.bincount(cells, minlength=FINE * LARGEST))
        wanted = len(sizes) * SHARE ** np.arange(1, 40)
        ends = np.unique(np.searchsorted(-larger, -wanted[wanted >= FEWEST_BEYOND]))
        self._places = np.concatenate(([0.0], (ends + 1) / FINE))
        self._logs = np.log(np.concatenate(([len(sizes)], larger[ends])).clip(0.5))
        self.is_known = len(ends) >= 3

    def beyond(self, sizes: np.ndarray) -> np.ndarray:
        """How many are larger than each size."""
        last, end = self._places[-1], self._logs[-1]
        slope = (end - self._logs[-3]) / (last - self._places[-3])
        inside = np.interp(sizes, self._places, self._logs)
        number: np.ndarray = np.exp(np.where(sizes > last, end + slope * (sizes - last), inside))
        return number

    def between(self, edges: np.ndarray) -> np.ndarray:
        """How many lie between each edge and the next."""
        return -np.diff(self.beyond(edges))


def _gains(counts: np.ndarray, step: int, spread: Spread, earlier: np.ndarray) -> np.ndarray:
    """By how many nats two compressions explain counts better than one does.

    Args:
        counts: int array (SIZES,). Of coefficients of 1, 2, … steps.
        step: int. Of the last compression.
        spread: Spread. Of coefficients that were not rounded.
        earlier: int array (qualities,). Steps of an earlier compression.
    """
    edges = (np.arange(SIZES + 1) + 0.5) * step
    once = spread.between(edges)

    def explained(expected: np.ndarray) -> float:
        # No size is impossible: other programs round in other ways.
        expected = expected + 0.02 * once + 0.5 / SIZES
        return float(counts @ np.log(expected / expected.sum()))

    gains = dict.fromkeys(earlier.tolist(), 0.0)
    for first in gains.keys() - {1, step}:
        multiples = first * np.arange(int(edges[-1] / first) + 2)
        there = spread.between(
            np.append((multiples - first / 2).clip(0), multiples[-1] + first / 2)
        )
        # The share of each multiple that is below each edge, by a logistic curve that is near
        # that of the normal distribution.
        below = 1.702 / ROUNDING * (edges[:, None] - multiples)
        share = np.diff(1 / (1 + np.exp(-below.clip(-40, 40))), axis=0)
        gains[first] = explained(share @ there) - explained(once)
    return np.array([gains[first] for first in earlier.tolist()])
