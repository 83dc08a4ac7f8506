"""Overlapping squares that cover a large picture."""

from __future__ import annotations

import numpy as np

TILE_OVERLAP = 0.25
SMALLEST_TILE = 448
TILES_PER_SIDE = 5


def tiles(width: int, height: int) -> list[tuple[float, float, float, float]]:
    """Squares that cover a picture, as (left, top, right, bottom) in its pixels."""
    # No larger than the shorter side: else a face in a screenshot of many pages would be as small
    # in a tile as it is in the picture.
    share = max(width, height) / (TILES_PER_SIDE * (1 - TILE_OVERLAP) + TILE_OVERLAP)
    side = max(SMALLEST_TILE, min(share, width, height))
    return [
        (left, top, min(left + side, width), min(top + side, height))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]


def _starts(length: int, side: float) -> list[float]:
    """Evenly spaced starts of tiles that cover `length` with the wished overlap or more."""
    if length <= side:
        return [0.0]
    count = int(np.ceil((length - side) / (side * (1 - TILE_OVERLAP)))) + 1
    return list(np.linspace(0.0, length - side, count))
