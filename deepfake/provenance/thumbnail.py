"""The preview that cameras put into EXIF, beside the picture."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image

from deepfake.imaging.jpeg import end_of

MAX_BYTES, MAX_SIDE, SIDE = 200_000, 1024, 32
# Correlation of brightness. On the six example pictures, previews of the same picture (smaller,
# with bars, brighter, of less contrast, grey) were at 0.988 and more, of another at 0.33 and less.
# A swapped face alone stays at 0.99: that is not noticed.
SAME_FROM = 0.8


def compare(thumbnail: bytes, picture: Image.Image) -> Literal["none", "same", "differs"]:
    """Whether a preview shows the picture.

    Args:
        thumbnail: bytes. A JPEG.
        picture: Image. As stored, not turned upright, since previews are not, either.

    Raises:
        ImageError: the preview has more scans than any encoder writes.
    """
    # Of one with hundreds of scans, as for pictures, each would be a pass over all pixels.
    if not 0 < len(thumbnail) <= MAX_BYTES or end_of(thumbnail) is None:
        return "none"
    with Image.open(io.BytesIO(thumbnail), formats=["JPEG"]) as small:
        if max(small.size) > MAX_SIDE or min(small.size) < SIDE // 2:
            return "none"
        preview = small.convert("L")
    shape = picture.size
    picture.draft("L", (4 * SIDE, 4 * SIDE))
    whole = picture.convert("L")
    first, second = (_seen(image) for image in (_without_bars(preview, shape), whole))
    if first.std() < 1 or second.std() < 1:
        return "none"
    correlation = float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
    return "same" if correlation >= SAME_FROM else "differs"


def _without_bars(preview: Image.Image, shape: tuple[int, int]) -> Image.Image:
    """Cameras fill previews of 4:3 with black bars where the picture is wider or taller."""
    width, height = preview.size
    share = min(width / shape[0], height / shape[1])
    inner = (max(1, round(shape[0] * share)), max(1, round(shape[1] * share)))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    return preview.crop((left, top, left + inner[0], top + inner[1]))


def _seen(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=float)
