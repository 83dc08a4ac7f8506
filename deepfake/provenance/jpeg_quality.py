"""Quantisation table → quality, on the scale of libjpeg."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from deepfake.provenance.facts import JpegQuality

# Brightness, ITU-T T.81 (the JPEG standard), table K.1, in rows; what libjpeg scales.
STANDARD = np.array(
    [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
     14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
     18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
     49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
)  # fmt: skip


def estimate(table: Sequence[int]) -> JpegQuality:
    """The quality whose table is nearest.

    Args:
        table: sequence of 64 int. For brightness, in rows.
    """
    distances = np.abs(_tables() - np.array(table)).sum(axis=1)
    nearest = int(np.argmin(distances))
    return JpegQuality(nearest + 1, bool(distances[nearest] == 0))


@cache
def _tables() -> np.ndarray:
    """The tables of quality 1 to 100: array (100, 64)."""
    # jpeg_quality_scaling and jpeg_add_quant_table of libjpeg's jcparam.c (Independent JPEG Group).
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables: np.ndarray = np.clip((STANDARD * scale + 50) // 100, 1, 255)
    return tables
