"""ICC profiles → sRGB."""

from __future__ import annotations

import io
import itertools
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from deepfake.colour.codes import HDR

# All mixtures of five steps of red, green and blue.
PROBE = np.array(list(itertools.product((0, 64, 128, 192, 255), repeat=3)), np.uint8)[None]
# Makers of profiles round sRGB's curve in different ways, which moves a value by one or two.
SAME = 4
HEADER_BYTES, TAG_BYTES, MAX_TAGS = 128, 12, 100


def apply(image: Image.Image, data: bytes) -> tuple[Image.Image, list[str]]:
    """Convert a picture from its profile.

    Args:
        image: Image. With 8 bits a channel, without alpha.
        data: bytes. The profile.

    Returns:
        (the picture in sRGB, or as it was where the profile does not fit it; sentences on that).
    """
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        return image, []
    try:
        if image.mode == "RGB" and _is_srgb(data):
            return image, []
        return _converted(image, ImageCms.ImageCmsProfile(io.BytesIO(data))), []
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image, ["The colour profile is damaged or does not fit; sRGB was assumed."]


@lru_cache(maxsize=32)
def _is_srgb(data: bytes) -> bool:
    """Whether a profile is called sRGB, and is.

    Most photographs' profile is: the conversion would change nothing and take 20 ms. The name
    alone is not believed, since it may be "Linear sRGB".
    """
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    if "srgb" not in ImageCms.getProfileDescription(profile).lower():
        return False
    probed = np.asarray(_converted(Image.fromarray(PROBE), profile), int)
    return bool(abs(probed - PROBE).max() <= SAME)


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB") or image


def hdr_code(data: bytes) -> tuple[int, int] | None:
    """The code of HDR colours that a profile of version 4.4 may hold.

    Its tables would make its brightest light, fifty times that of paper, white.

    Args:
        data: bytes. The profile.

    Returns:
        (colour primaries, transfer function) of ITU-T H.273, or None for other pictures.
    """
    count = int.from_bytes(data[HEADER_BYTES : HEADER_BYTES + 4], "big")
    for index in range(min(count, MAX_TAGS)):
        place = HEADER_BYTES + 4 + index * TAG_BYTES
        if data[place : place + 4] == b"cicp":
            start = int.from_bytes(data[place + 4 : place + 8], "big") + 8
            code = data[start : start + 2]
            return (code[0], code[1]) if len(code) == 2 and code[1] in HDR else None
    return None
