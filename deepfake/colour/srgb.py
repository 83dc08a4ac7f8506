"""A decoded picture of any mode, depth and colour → RGB in sRGB, on white."""

from __future__ import annotations

import numpy as np
from PIL import Image

from deepfake.colour import codes, profiles
from deepfake.colour.samples import floats_to_8_bit, whole_numbers_to_8_bit
from deepfake.errors import ImageError

# What Pillow, or the reader of a format, says of a picture's colours.
TELLING = ("icc_profile", "cicp", "srgb", "gamma", "chromaticity")


def to_srgb(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Bring a picture of any mode and colour profile to RGB in sRGB, on white.

    Of what says its colours, a code of HDR comes first (`info["cicp"]`: two numbers of ITU-T
    H.273), then an ICC profile, another code, and a PNG's gamma and chromaticities.

    Args:
        image: Image. Decoded.

    Returns:
        (image in mode RGB, sentences on what was left out or repaired).

    Raises:
        ImageError: nobody knows which of its values is white.
    """
    telling = {key: image.info[key] for key in TELLING if key in image.info}
    image, notes = _to_8_bit(image)
    image, alpha = _split_alpha(image)
    profile = telling.get("icc_profile")
    code = telling.get("cicp")
    if profile and not (code and code[1] in codes.HDR):
        code = profiles.hdr_code(profile)
    if code and image.mode != "CMYK":
        image, note = codes.from_code(image.convert("RGB"), *code)
    elif profile:
        image, note = profiles.apply(image, profile)
    elif "gamma" in telling and "srgb" not in telling and image.mode != "CMYK":
        image, note = codes.from_gamma(
            image.convert("RGB"), telling["gamma"], telling.get("chromaticity")
        )
    else:
        note = []
    if image.mode != "RGB":
        image = image.convert("RGB")
    if alpha is not None:
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=alpha)
        image = white
    return image, [*notes, *note]


def _to_8_bit(image: Image.Image) -> tuple[Image.Image, list[str]]:
    if image.mode.startswith("I;16"):
        narrow, notes = whole_numbers_to_8_bit(np.asarray(image), 16)
        if isinstance(clear := image.info.get("transparency"), int):
            # One value is transparent; of 8 bits several would be it.
            mask = np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)
            return Image.fromarray(np.dstack([narrow, mask]), "LA"), notes
    elif image.mode == "I":
        values = np.asarray(image)
        if values.min(initial=0) < 0:
            raise ImageError(
                "The picture has signed values, of which nobody knows which one is black and "
                "which one white. Export it with 8 or 16 bits a channel, unsigned."
            )
        narrow, notes = whole_numbers_to_8_bit(values, 32)
    elif image.mode == "F":
        narrow, notes = floats_to_8_bit(np.asarray(image, np.float32))
    else:
        return image, []
    return Image.fromarray(narrow), notes


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode not in ("LA", "PA", "RGBA"):
        return image, None
    alpha = image.getchannel("A")
    opaque = image.convert("L" if image.mode == "LA" else "RGB")
    return opaque, alpha if np.asarray(alpha).min() < 255 else None
