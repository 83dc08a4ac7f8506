"""Pictures as they are shown."""

from __future__ import annotations

import numpy as np
from PIL import Image

# What is sent to the browser; larger pictures are shown smaller.
SHOWN_SIDE = 1280
# Around a face that was turned back to be judged.
BESIDE = (127, 127, 127)


def shrink(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """Make a picture small enough to show.

    Args:
        pixels: uint8 array (height, width, 3).

    Returns:
        The smaller picture, and its size as a share of the original's.
    """
    height, width = pixels.shape[:2]
    share = min(1.0, SHOWN_SIDE / max(height, width))
    if share == 1.0:
        return pixels, share
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(Image.fromarray(pixels).resize(size, reducing_gap=1.0)), share


def as_in_picture(crop: np.ndarray, turn: float, side: int, proportion: float = 1.0) -> np.ndarray:
    """A crop, or what is drawn over it, enlarged and turned as the face lies in the picture.

    Args:
        crop: uint8 array (size, size, 3). As the network saw it.
        turn: float. `FaceReport.turn`: by how much it was turned back.
        side: int. The longer one of the result in pixels.
        proportion: float. `FaceReport.proportion`: width by height in the picture.

    Returns:
        uint8 array (side, side, 3), or (height, width, 3) of what is no square; grey in
        the corners where the square stands askew.
    """
    longest = max(proportion, 1.0)
    size = max(1, round(side * proportion / longest)), max(1, round(side / longest))
    image = Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC)
    if turn:
        image = image.rotate(-turn, Image.Resampling.BICUBIC, expand=True, fillcolor=BESIDE)
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image)
