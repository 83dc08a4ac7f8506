"""Pictures as JPEG, for files and for HTML."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def encode(picture: Image.Image, quality: int) -> bytes:
    """A picture as the bytes of a file."""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return data.getvalue()


def address(picture: Image.Image, quality: int) -> str:
    """A picture as its own address, for HTML."""
    return address_of(encode(picture, quality))


def address_of(data: bytes) -> str:
    """The same of a file that is there already."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def of_pixels(pixels: np.ndarray, side: int, quality: int) -> str:
    """The address of a square of pixels, made no larger than so many a side.

    Args:
        pixels: uint8 array (height, width, 3).
        side: int.
        quality: int. JPEG's.
    """
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side))
    return address(picture, quality)
