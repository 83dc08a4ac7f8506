"""Face + manifest → model input. The only place that crops, resizes and scales."""

from __future__ import annotations

import numpy as np
from PIL import Image

from deepfake.imaging import Picture
from deepfake.manifest import Input

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# Radius of the widest filter (Lanczos), in pixels of the result.
REACH = 3
Box = tuple[float, float, float, float]


def crop_area(width: int, height: int, box: Box | None, factor: float) -> Box:
    """The square that is cut out around a face.

    It is moved, then shrunk, until it lies within the picture: no made-up pixels at the border
    and no stretched faces, both of which a network can mistake for a forgery.

    Args:
        width: int. Width of the picture in pixels.
        height: int. Height of the picture in pixels.
        box: tuple (left, top, right, bottom) in pixels; None for the central square.
        factor: float. Side of the square as a multiple of the box's longer side.

    Returns:
        (left, top, right, bottom) in pixels, within the picture.
    """
    if box is None:
        box, factor = (0.0, 0.0, float(width), float(height)), 1.0
    left, top, right, bottom = box
    side = min(max(right - left, bottom - top) * factor, width, height)
    x = min(max((left + right - side) / 2, 0.0), width - side)
    y = min(max((top + bottom - side) / 2, 0.0), height - side)
    return x, y, x + side, y + side


def crop(picture: Picture, box: Box | None, spec: Input) -> np.ndarray:
    """Cut a face out as the network sees it, before scaling.

    Args:
        picture: Picture. The whole picture.
        box: tuple (left, top, right, bottom) in pixels; None for the whole picture's central
            square, which is also what a model with `crop: "full"` always gets.
        spec: Input. The manifest's `input`.

    Returns:
        uint8 array (size, size, 3).
    """
    whole = box is None or spec.crop == "full"
    factor = 1.0 if spec.crop == "full" else spec.crop
    area = crop_area(picture.width, picture.height, None if whole else box, factor)
    # Only the pixels around the crop are copied; the margin is more than the filters reach.
    margin = REACH * max(1.0, (area[2] - area[0]) / spec.size) + 1
    left, top = (max(0, int(edge - margin)) for edge in area[:2])
    right, bottom = (int(edge + margin) + 1 for edge in area[2:])
    image = Image.fromarray(np.ascontiguousarray(picture.pixels[top:bottom, left:right]))
    moved = (area[0] - left, area[1] - top, area[2] - left, area[3] - top)
    # Pillow low-passes when it makes things smaller.
    small = image.resize((spec.size, spec.size), RESAMPLING[spec.resample], box=moved)
    return np.asarray(small)


def scale(crops: np.ndarray, spec: Input) -> np.ndarray:
    """Scale crops to the network's range of values.

    Args:
        crops: uint8 array (count, size, size, 3).
        spec: Input. The manifest's `input`.

    Returns:
        float32 array of the same shape: (value − mean) / std per channel.
    """
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    scaled: np.ndarray = (crops.astype(np.float32) - mean) / std
    return scaled
