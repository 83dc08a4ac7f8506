"""Pictures as JPEG, for files and for HTML."""

from __future__ import annotations

import base64
import io

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
