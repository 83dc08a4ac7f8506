"""Pictures larger than the limit, read smaller: what phones with 48 megapixels and more make."""

from __future__ import annotations

from PIL import Image

from deepfake.settings import Settings

# How large they may be, as a multiple of `Settings.max_pixels`. A JPEG with one scan is made
# smaller while it is decoded, which takes little memory; one with several is kept whole by its
# decoder, and so are other formats.
STREAMED, WHOLE = 5.0, 1.25
# Pillow makes these smaller; of others, such as palettes, it would mix numbers that are no colours.
MODES = ("L", "LA", "RGB", "RGBA", "CMYK")
SHARES = {2: "half", 4: "a quarter", 8: "an eighth"}


def times_allowed(image: Image.Image) -> float:
    """How many times `Settings.max_pixels` a picture may have.

    Args:
        image: Image. Opened, not decoded.
    """
    if image.mode not in MODES or image.format in ("TIFF", "BMP"):
        return 1.0
    streamed = image.format in ("JPEG", "MPO") and "progressive" not in image.info
    return STREAMED if streamed else WHOLE


def read_smaller(image: Image.Image, settings: Settings) -> tuple[Image.Image, int]:
    """Decode a picture, with no more pixels than the limit.

    Args:
        image: Image. Opened, of a size that `times_allowed` allows.
        settings: Settings. With the limit.

    Returns:
        (the picture, half, a quarter or an eighth as wide and high where it must be; 1, 2, 4 or 8).
    """
    width, height = image.size
    by = 1
    while -(-width // by) * -(-height // by) > settings.max_pixels:
        by *= 2
    if by > 1 and image.format in ("JPEG", "MPO"):
        image.draft(image.mode, (width // by, height // by))
    image.load()
    while image.width * image.height > settings.max_pixels:
        image = image.reduce(2)
    return image, by


def in_words(by: int, full: tuple[int, int], read: tuple[int, int]) -> list[str]:
    """A sentence on what `read_smaller` did, if anything.

    Args:
        by: int. As it returns.
        full: tuple (width, height). Of the file's picture.
        read: tuple (width, height). Of what was read, after it was turned upright.
    """
    if by == 1:
        return []
    if (full[0] < full[1]) != (read[0] < read[1]):
        full = full[::-1]
    return [
        f"The photo has {full[0]} × {full[1]} pixels. It was read at {SHARES[by]} of its width "
        f"and height; places are given in that size, {read[0]} × {read[1]}."
    ]
