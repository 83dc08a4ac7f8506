"""A decoded picture → its pixels as an array."""

from __future__ import annotations

import numpy as np
from PIL import Image

# Pillow packs a picture piece by piece and then joins the pieces. Of a large one that takes longer
# than packing, so it is done in bands.
BAND_BYTES, LARGE_BYTES = 1_000_000, 8_000_000


def as_array(image: Image.Image) -> np.ndarray:
    """The pixels of a picture.

    Args:
        image: Image. In mode RGB.

    Returns:
        uint8 array (height, width, 3) that cannot be written to.
    """
    width, height = image.size
    if 3 * width * height < LARGE_BYTES:
        return np.asarray(image)
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, BAND_BYTES // (3 * width))
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        pixels[top : top + rows] = np.asarray(band)
    pixels.setflags(write=False)
    return pixels
