"""What happens to a picture on its way: scaled, blurred, compressed, before any face is looked for.

Three tiers are told for every set: as it is, as a web site hands it on, and worse. The grid takes
the three kinds of damage apart. Edits change light and colour alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from deepfake import imaging
from deepfake.evaluation.edits import EDITS, Edit
from deepfake.imaging import Picture
from deepfake.settings import Settings


@dataclass(frozen=True)
class Delivery:
    """A way for a picture to be delivered. First edited, then scaled, blurred and compressed.

    Attributes:
        name: str. What it is called.
        longer_side: int. The picture's longer side is at most this many pixels; None for any.
        face_side: int. The face is at most this many pixels large; None for any.
        blur: float. Sigma of a Gaussian blur in pixels of the scaled picture.
        quality: int. Of the JPEG that it becomes; None for none.
        edit: Edit. Of light and colour; None for none.
    """

    name: str
    longer_side: int | None = None
    face_side: int | None = None
    blur: float = 0.0
    quality: int | None = None
    edit: Edit | None = None

    def describe(self) -> dict[str, Any]:
        """What goes into the report, beside the edit, which describes itself."""
        return {
            "longer_side": self.longer_side,
            "face_side": self.face_side,
            "blur": self.blur,
            "jpeg_quality": self.quality,
        }


CLEAN = Delivery("clean")
TIERS = (
    CLEAN,
    Delivery("web", longer_side=768, quality=60),
    Delivery("hard", longer_side=512, quality=40),
)
GRID_FACE_SIDES: tuple[int | None, ...] = (None, 112, 64)
GRID_BLURS = (0.0, 1.0, 2.0)
GRID_QUALITIES: tuple[int | None, ...] = (None, 80, 60, 40)


def grid() -> tuple[Delivery, ...]:
    """Every combination of face side, blur and JPEG quality."""
    return tuple(
        Delivery(f"face {side or 'any'}, blur {blur:g}, JPEG {quality or 'none'}",
                 face_side=side, blur=blur, quality=quality)
        for blur, side, quality in product(GRID_BLURS, GRID_FACE_SIDES, GRID_QUALITIES)
    )  # fmt: skip


def edits() -> tuple[Delivery, ...]:
    """Every edit by itself, beginning with none."""
    return tuple(Delivery(edit.name, edit=edit) for edit in EDITS)


def deliver(
    picture: Picture,
    delivery: Delivery,
    face_side: float | None = None,
    settings: Settings | None = None,
) -> Picture:
    """Damage a picture. Never enlarged; the same input gives the same output.

    Args:
        picture: Picture. As it was read.
        delivery: Delivery. What to do to it.
        face_side: float. Longer side of its face in pixels, where `delivery.face_side` is set.
        settings: Settings. With the limits that the picture was read under. Defaults to the usual.

    Returns:
        The picture as it arrives; the same object where nothing is to be done.

    Raises:
        ImageError: the JPEG that it becomes is over a limit.
        OSError: it cannot become a JPEG, as with a side of more than 65,500 pixels.
    """
    longer = max(picture.width, picture.height)
    ratio = min(1.0, (delivery.longer_side or longer) / longer)
    if delivery.face_side is not None and face_side:
        ratio = min(ratio, delivery.face_side / face_side)
    image = original = Image.fromarray(picture.pixels)
    if delivery.edit is not None:
        image = delivery.edit.apply(image)
    if ratio < 1.0:
        size = max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio))
        image = image.resize(size, Image.Resampling.LANCZOS)
    if delivery.blur:
        image = image.filter(ImageFilter.GaussianBlur(delivery.blur))
    if image is original and delivery.quality is None:
        return picture
    if delivery.quality is None:
        return Picture.from_array(np.asarray(image))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=delivery.quality)
    return imaging.read(file.getvalue(), settings or Settings())
