"""Bitmaps whose bits lie as Pillow does not know it."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from deepfake.imaging.limits import check_dimensions
from deepfake.settings import Settings

BITFIELDS = (3, 6)
# Where they stand, whether they belong to a long header or follow a short one.
MASKS = 54


def read_bit_fields(data: bytes, settings: Settings) -> Image.Image:
    """Read a bitmap whose header says which bits are red, green, blue and alpha.

    Args:
        data: bytes. The file.
        settings: Settings. With the limit on pixels.

    Returns:
        The picture, in mode RGB or RGBA.

    Raises:
        ImageError: no pixels, or too many.
        ValueError: another kind of bitmap, or a damaged one.
        EOFError: it is cut off.
    """
    offset, header, width, height, _, bits, kind = struct.unpack_from("<IIiiHHI", data, 10)
    check_dimensions(width, abs(height), settings)
    if kind not in BITFIELDS or bits not in (16, 32) or header < 40:
        raise ValueError("Unsupported BMP")
    masks = list(struct.unpack_from("<III", data, MASKS))
    if header >= 56 or kind == BITFIELDS[1]:
        masks += struct.unpack_from("<I", data, MASKS + 12)
    row = (width * bits + 31) // 32 * 4
    if offset + row * abs(height) > len(data):
        raise EOFError("truncated")
    rows = np.frombuffer(data, np.uint8, row * abs(height), offset).reshape(abs(height), row)
    values = rows.view(f"<u{bits // 8}")[:, :width]
    channels = [_channel(values, mask) for mask in masks if mask or len(masks) < 4]
    stacked = np.dstack(channels)
    return Image.fromarray(stacked if height < 0 else stacked[::-1])


def shown_opaque(image: Image.Image) -> Image.Image:
    """A bitmap whose alpha is zero everywhere as all programs show it, others as they are.

    Whoever wrote it did not know what the fourth byte is for.
    """
    if image.format != "BMP" or image.mode != "RGBA":
        return image
    return image.convert("RGB") if image.getchannel("A").getextrema() == (0, 0) else image


def _channel(values: np.ndarray, mask: int) -> np.ndarray:
    if not mask:
        raise ValueError("a colour without bits")
    shift = (mask & -mask).bit_length() - 1
    highest = mask >> shift
    if highest & (highest + 1):
        raise ValueError("a colour whose bits lie apart")
    scaled: np.ndarray = np.rint(((values & mask) >> shift) * (255 / highest))
    return scaled.astype(np.uint8)
