"""A JPEG's quantisation table for brightness → quality, on the scale of libjpeg."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image

# Brightness, ITU-T T.81 (the JPEG standard), table K.1, in rows; what libjpeg scales.
STANDARD = np.array(
    [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
     14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
     18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
     49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
)  # fmt: skip


def table_of(image: Image.Image) -> Sequence[int] | None:
    """The steps of brightness's 64 coefficients, in rows, from a file's head.

    Args:
        image: Image. As Pillow opened it.

    Returns:
        sequence of 64 int; None where it is no JPEG.
    """
    # Each component (number, sampling across and down, table) names the table that it uses.
    layers, tables = getattr(image, "layer", []), getattr(image, "quantization", {})
    return tables.get(layers[0][3]) if layers else None


def estimate(table: Sequence[int]) -> tuple[int, bool]:
    """The quality whose table is nearest, and whether it is the same.

    Args:
        table: sequence of 64 int. For brightness, in rows.
    """
    distances = np.abs(tables() - np.array(table)).sum(axis=1)
    nearest = int(np.argmin(distances))
    return nearest + 1, bool(distances[nearest] == 0)


def quality_of(image: Image.Image) -> int | None:
    """The quality that a JPEG was saved with, or about; None of what is no JPEG."""
    table = table_of(image)
    return None if table is None else estimate(table)[0]


@cache
def tables() -> np.ndarray:
    """The tables of quality 1 to 100: array (100, 64)."""
    # jpeg_quality_scaling and jpeg_add_quant_table of libjpeg's jcparam.c (Independent JPEG Group).
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    scaled: np.ndarray = np.clip((STANDARD * scale + 50) // 100, 1, 255)
    return scaled
