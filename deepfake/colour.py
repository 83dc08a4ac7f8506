"""A decoded picture of any mode, depth and colour profile → RGB in sRGB, on white."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from deepfake.errors import ImageError

HIGHEST_16_BIT = 65_535


def to_srgb(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Bring a picture of any mode and colour profile to RGB in sRGB, on white.

    Args:
        image: Image. Decoded.

    Returns:
        (image in mode RGB, sentences on what was left out or repaired).

    Raises:
        ImageError: its values have more than 16 bits, so that nobody knows which one is white.
    """
    image = _to_8_bit(image)
    image, alpha = _split_alpha(image)
    image, notes = _apply_profile(image)
    if image.mode != "RGB":
        image = image.convert("RGB")
    if alpha is not None:
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=alpha)
        image = white
    return image, notes


def _to_8_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        values = np.asarray(image)
        if values.min(initial=0) < 0 or values.max(initial=0) > HIGHEST_16_BIT:
            raise ImageError(
                "The picture has 32-bit values, of which nobody knows which one is white. Export "
                "it with 8 or 16 bits a channel."
            )
        # Mode "I" holds 16-bit grey of some formats and 8-bit grey of others.
        shift = 8 if image.mode != "I" or values.max(initial=0) > 255 else 0
        return _grey(np.clip(values >> shift, 0, 255), image)
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image, np.float32))
        highest = values.max(initial=0.0)
        scale = 255.0 if highest <= 1.0 else 1.0 if highest <= 255.0 else 255.0 / HIGHEST_16_BIT
        return _grey(np.clip(values * scale, 0, 255), image)
    return image


def _grey(values: np.ndarray, like: Image.Image) -> Image.Image:
    grey = Image.fromarray(values.astype(np.uint8))
    grey.info = {key: value for key, value in like.info.items() if key == "icc_profile"}
    return grey


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    profile = image.info.get("icc_profile")
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode not in ("LA", "PA", "RGBA"):
        return image, None
    alpha = image.getchannel("A")
    opaque = image.convert("L" if image.mode == "LA" else "RGB")
    if profile:
        opaque.info["icc_profile"] = profile
    return opaque, alpha if np.asarray(alpha).min() < 255 else None


def _apply_profile(image: Image.Image) -> tuple[Image.Image, list[str]]:
    data = image.info.get("icc_profile")
    if not data or image.mode not in ("L", "RGB", "CMYK", "LAB"):
        return image, []
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        # Most photographs say sRGB: the conversion would change nothing and take 20 ms.
        if image.mode == "RGB" and "srgb" in ImageCms.getProfileDescription(profile).lower():
            return image, []
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
        return converted or image, []
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image, ["The colour profile is damaged or does not fit; sRGB was assumed."]
