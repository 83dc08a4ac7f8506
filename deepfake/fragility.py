"""A judged face, changed as pictures are on their way → the same face seven times more.

None of these changes makes a real face a fake one or the other way round. A verdict that they turn
into its opposite tells about the file, not about the face.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from deepfake import jpeg, preprocessing
from deepfake.faces import Face
from deepfake.imaging import Picture
from deepfake.manifest import Input
from deepfake.verdict import Change

# The area around a face is made no smaller than this many times what the network sees, so that
# re-encoding damages what a web site would damage; and no larger, so that it takes milliseconds.
MOST = 2.0
# Of the side of that area: about one pixel of what the network sees.
BLUR = 1 / 200
DARKER = 0.5


def changed(picture: Picture, face: Face, spec: Input) -> dict[Change, np.ndarray]:
    """The face after each change, as the network sees it.

    Args:
        picture: Picture. The whole picture.
        face: Face. That was judged.
        spec: Input. The manifest's `input`.

    Returns:
        Name of the change → uint8 array (size, size, 3).
    """
    image, area, turn = _around(picture, face, spec)

    def crop(image: Image.Image, area: preprocessing.Box, turn: float) -> np.ndarray:
        # Without a hash, which nobody asks for and which would take longer than cutting.
        part = Picture(np.asarray(image), "array", 0, "")
        if spec.crop != "full":
            # A square again, where rounding made it none.
            area = preprocessing.crop_area(image.width, image.height, area, 1.0, turn)
        return preprocessing.expose(preprocessing.cut_area(part, area, spec, turn), spec)

    left, top, right, bottom = area
    small = image.resize(
        (max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS
    )
    x, y = small.width / image.width, small.height / image.height
    same: dict[Change, Callable[[], Image.Image]] = {
        "jpeg_90": lambda: _as_jpeg(image, 90),
        "jpeg_60": lambda: _as_jpeg(image, 60),
        "jpeg_40": lambda: _as_jpeg(image, 40),
        "blurred": lambda: image.filter(
            ImageFilter.GaussianBlur(BLUR * min(right - left, bottom - top))
        ),
        "darkened": lambda: image.point(lambda value: DARKER * value + 0.5),
    }
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return {
        **{name: crop(change(), area, turn) for name, change in same.items()},
        "halved": crop(small, (left * x, top * y, right * x, bottom * y), turn),
        "mirrored": crop(mirrored, (image.width - right, top, image.width - left, bottom), -turn),
    }


def _around(
    picture: Picture, face: Face, spec: Input
) -> tuple[Image.Image, preprocessing.Box, float]:
    """The part of a picture that the network looks at, the area in it, and its turn."""
    area, turn = preprocessing.area_of(picture, face.box, spec, face.turn)
    side = min(area[2] - area[0], area[3] - area[1])
    # The corners of a turned square reach further, and it keeps a pixel away from the border.
    angle = np.radians(turn)
    reach = side / 2 * (abs(np.cos(angle)) + abs(np.sin(angle)) - 1) + 2
    left, top = (max(0, int(edge - reach)) for edge in area[:2])
    right, bottom = (int(edge + reach) + 1 for edge in area[2:])
    part = Image.fromarray(np.ascontiguousarray(picture.pixels[top:bottom, left:right]))
    ratio = min(1.0, MOST * spec.size / side)
    size = (max(1, round(part.width * ratio)), max(1, round(part.height * ratio)))
    x, y = size[0] / part.width, size[1] / part.height
    if size != part.size:
        # Of a face of 2,000 pixels half the time goes into these, without the second step.
        part = part.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return (
        part,
        ((area[0] - left) * x, (area[1] - top) * y, (area[2] - left) * x, (area[3] - top) * y),
        turn,
    )


def _as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(jpeg.encode(image, quality))).convert("RGB")
