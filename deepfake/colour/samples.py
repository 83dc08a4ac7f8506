"""Values of many bits, whole or floating → eight bits; what nobody can be sure of is refused."""

from __future__ import annotations

import numpy as np

from deepfake.errors import ImageError

HIGHEST_16_BIT = 65_535
# Where nine in ten values lie says which number is white: light in 0..1 may have highlights above,
# and a picture in 0..255 that has so little in it would be black.
UNIT, BYTES, WORDS = (0, 4), (16, 255), (1_000, HIGHEST_16_BIT)
# As far as percentages reach.
PERCENT = 100
# Resampling leaves some values below black; pictures of −1 to 1 are half below it.
MOST_BELOW_BLACK = 0.01
ENOUGH = 1_000_000


def whole_numbers_to_8_bit(values: np.ndarray, depth: int) -> tuple[np.ndarray, list[str]]:
    """Bring unsigned whole numbers to eight bits.

    Args:
        values: unsigned array. Of any shape.
        depth: int. How many bits were meant; what is above them becomes white.

    Returns:
        (uint8 array of the same shape, no sentences).

    Raises:
        ImageError: more than 16 bits, so that nobody knows which value is white.
    """
    if depth > 16 and values.max(initial=0) > HIGHEST_16_BIT:
        raise ImageError(
            "The picture has 32-bit values, of which nobody knows which one is white. Export "
            "it with 8 or 16 bits a channel."
        )
    if depth > 16:
        # Programs that keep everything in 32 bits write 8-bit and 16-bit values into them.
        depth = 16 if values.max(initial=0) > 255 else 8
    if depth < 8:
        levels = np.arange(1 << depth) * (255 / ((1 << depth) - 1))
        return np.rint(levels).astype(np.uint8)[values], []
    return np.minimum(values >> (depth - 8), 255).astype(np.uint8), []


def floats_to_8_bit(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Bring floating-point values to eight bits.

    Args:
        values: float array. In 0..1, 0..255 or 0..65535; may hold what is no number.

    Returns:
        (uint8 array of the same shape, sentences on what was cut off).

    Raises:
        ImageError: it lies in none of these ranges, so that nobody knows which value is white.
    """
    flat = values.reshape(-1)
    few = flat[:: max(1, flat.size // ENOUGH)].astype(np.float64)
    few = few[np.isfinite(few)]
    most = float(np.percentile(few, 90)) if few.size else 0.0
    finite = np.isfinite(values)
    highest, infinite = float(np.max(values, initial=0, where=finite)), not finite.all()
    if most <= UNIT[1]:
        white = 1.0
    elif most >= BYTES[0] and highest <= BYTES[1]:
        white = 255.0
    elif most >= WORDS[0] and highest <= WORDS[1]:
        white = float(HIGHEST_16_BIT)
    else:
        raise ImageError(
            f"The picture has floating-point values up to {highest:,.4g}, of which nobody knows "
            "which one is white. Export it with 8 or 16 bits a channel."
        )
    if np.count_nonzero(values < -0.01 * white) > MOST_BELOW_BLACK * values.size:
        raise ImageError(
            f"The picture has floating-point values down to {float(np.nanmin(values)):,.4g}, of "
            "which nobody knows which one is black. Export it with 8 or 16 bits a channel."
        )
    narrow = np.empty(values.shape, np.uint8)
    for row, wide in zip(narrow, values, strict=True):
        known = np.nan_to_num(wide.astype(np.float64), nan=0.0, posinf=white, neginf=0.0)
        row[...] = np.rint(np.clip(known / white, 0, 1) * 255)
    notes = []
    if infinite:
        notes.append(
            "Some values of the picture are no finite numbers; they became black or white."
        )
    elif white == BYTES[1] and highest <= PERCENT:
        notes.append(
            f"The picture has floating-point values up to {highest:.3g}; 255 was taken for white, "
            "as in a picture of 8 bits."
        )
    elif highest > white:
        notes.append(
            f"The picture has floating-point values up to {highest:.3g}; what is brighter than 1, "
            "which was taken for white, was cut off."
        )
    return narrow, notes
