"""Pictures as they are shown."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

# What is sent to the browser; larger pictures are shown smaller. Made smaller by a whole number,
# which takes a quarter of the time, where they are no smaller than the second one then.
SHOWN_SIDE, LEAST_SIDE = 1280, 960
# Around a face that was turned back to be judged.
BESIDE = (127, 127, 127)


def shrink(image: Image.Image) -> Image.Image:
    """A picture small enough to show."""
    longest = max(image.size)
    share = min(1.0, SHOWN_SIDE / longest)
    if share == 1.0:
        return image
    times = math.ceil(longest / SHOWN_SIDE)
    if longest >= times * LEAST_SIDE:
        return image.reduce(times)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    return image.resize(size, reducing_gap=1.0)


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
