"""Face + manifest → model input. The only place that crops, resizes and scales."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from PIL import Image

from deepfake.imaging import Picture
from deepfake.manifest import Input

RESAMPLING = {filter.name.lower(): filter for filter in Image.Resampling}
# Interpolates between the four pixels around a place, however much smaller the picture becomes.
LINEAR = "linear"
# The weights of red, green and blue in grey (ITU-R BT.601), as Pillow has them, in 65536ths.
GREY = (19595, 38470, 7471)
# A picture that is longer than this many times its shorter side is not scaled as a whole: a strip
# of ten pixels would come to gigabytes.
LONGEST = 8
# A face of which less than this share lies within what the network looks at is not seen.
SEEN_SHARE = 0.75
# Radius of the widest filter (Lanczos), in pixels of the result.
REACH = 3
# Faces that lean less keep their pixels: turning interpolates, which washes out the traces that
# are looked for, and a network learns to bear a little leaning. The key points err by about 10°.
TURNED_FROM = 15.0
# `level`: this percentile of the brightest channel is brought to this value, by a gain of at most
# this much (three stops). Photographs as they are exposed have it at 220 to 255.
LEVEL_PERCENTILE, LEVEL_VALUE, LEVEL_MOST = 99.0, 235.0, 8.0
# Below this the gain shows fewer than 20 steps between black and white, and noise.
DARKEST_VALUE = 20.0
# Pixels of all channels at 250 and more hold no picture; half of a face like that is no face.
BURNT_VALUE, BURNT_SHARE = 250, 0.5
QUARTER_TURNS = (
    Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270,
)  # fmt: skip
Box = tuple[float, float, float, float]


def crop_area(width: int, height: int, box: Box | None, factor: float, turn: float = 0.0) -> Box:
    """The square that is cut out around a face.

    It is moved, then shrunk, until it lies within the picture: no made-up pixels at the border
    and no stretched faces, both of which a network can mistake for a forgery.

    Args:
        width: int. Width of the picture in pixels.
        height: int. Height of the picture in pixels.
        box: tuple (left, top, right, bottom) in pixels; None for the central square.
        factor: float. Side of the square as a multiple of the box's longer side.
        turn: float. Degrees by which the square is turned around its centre. Defaults to none.

    Returns:
        (left, top, right, bottom) in pixels of the square before it is turned; all of it lies
        within the picture once it is.
    """
    if box is None:
        box, factor = (0.0, 0.0, float(width), float(height)), 1.0
    left, top, right, bottom = box
    angle = np.radians(turn)
    # What the turned square takes up, as a multiple of its side.
    spread = float(abs(np.cos(angle)) + abs(np.sin(angle)))
    # A turned square keeps a pixel away from the border, beyond which there is nothing to turn in.
    border = 1.0 if turn else 0.0
    side = min(max(right - left, bottom - top) * factor, (min(width, height) - 2 * border) / spread)
    reach = side * spread / 2 + border
    x = min(max((left + right) / 2, reach), width - reach)
    y = min(max((top + bottom) / 2, reach), height - reach)
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def crop(picture: Picture, box: Box | None, spec: Input, turn: float = 0.0) -> np.ndarray:
    """A face as the network sees it, before scaling: cut out, and levelled if the manifest says so.

    Args:
        picture: Picture. The whole picture.
        box: tuple (left, top, right, bottom) in pixels; None for the whole picture.
        spec: Input. The manifest's `input`.
        turn: float. As for `cut`.

    Returns:
        uint8 array (size, size, 3), RGB whatever the order of the network's channels.
    """
    return expose(cut(picture, box, spec, turn), spec)


def expose(pixels: np.ndarray, spec: Input) -> np.ndarray:
    """A crop at the brightness that the manifest asks for: uint8 array of the same shape."""
    return level(pixels) if spec.exposure == "level" else pixels


def cut(picture: Picture, box: Box | None, spec: Input, turn: float = 0.0) -> np.ndarray:
    """Cut a face out, or take the whole picture, at the network's size.

    Args:
        picture: Picture. The whole picture.
        box: tuple (left, top, right, bottom) in pixels; None for the whole picture, which is also
            what a model with `crop: "full"` gets, cut where the face is within it.
        spec: Input. The manifest's `input`.
        turn: float. How far the face is turned clockwise, in degrees; where the manifest asks for
            upright faces, it is turned back. Defaults to upright.

    Returns:
        uint8 array (size, size, 3).
    """
    placing = _placing(picture.width, picture.height, box, spec)
    if placing is None or max(placing[:2]) > LONGEST * min(placing[:2]):
        area, turn = area_of(picture, box, spec, turn)
        return cut_area(picture, area, spec, turn)
    width, height, left, top = placing
    image = Image.fromarray(picture.pixels)
    if (width, height) != image.size:
        # All of it, to a whole number of pixels, as those do who train with such pictures.
        image = _resized(image, (width, height), spec.resample, (0, 0, *image.size))
    # Beyond the picture there is black.
    return np.asarray(image.crop((left, top, left + spec.size, top + spec.size)))


def cut_area(picture: Picture, area: Box, spec: Input, turn: float = 0.0) -> np.ndarray:
    """Scale a part of a picture to the network's size, in whatever proportion it is.

    Args:
        picture: Picture. The whole picture.
        area: tuple (left, top, right, bottom) in pixels, as of `area_of`; what of it lies beyond
            the picture becomes black.
        spec: Input. The manifest's `input`.
        turn: float. Degrees by which the area is turned back.

    Returns:
        uint8 array (size, size, 3).
    """
    size = spec.size
    scale = (size / (area[2] - area[0]), size / (area[3] - area[1]))
    # The part of the result that the picture covers, in whole pixels: nearly always all of it.
    x0, y0 = (max(0, round(-area[axis] * scale[axis])) for axis in (0, 1))
    x1 = min(size, round((picture.width - area[0]) * scale[0]))
    y1 = min(size, round((picture.height - area[1]) * scale[1]))
    within = (x0, y0, x1, y1) == (0, 0, size, size)
    if not within:
        left, top = area[:2]
        area = (
            max(0.0, left + x0 / scale[0]), max(0.0, top + y0 / scale[1]),
            min(float(picture.width), left + x1 / scale[0]),
            min(float(picture.height), top + y1 / scale[1]),
        )  # fmt: skip
    # Only the pixels around the crop are copied; the margin is more than the filters reach.
    margins = [REACH * max(1.0, 1 / factor) + 1 for factor in scale]
    if turn:
        # The corners of the turned square.
        margins = [margin + (area[2] - area[0]) * (np.sqrt(0.5) - 0.5) for margin in margins]
    left, top = (max(0, int(area[axis] - margins[axis])) for axis in (0, 1))
    right, bottom = (int(area[2 + axis] + margins[axis]) + 1 for axis in (0, 1))
    image = Image.fromarray(np.ascontiguousarray(picture.pixels[top:bottom, left:right]))
    moved = (area[0] - left, area[1] - top, area[2] - left, area[3] - top)
    if turn:
        image, moved = _turn_back(image, moved, turn)
    small = np.asarray(_resized(image, (x1 - x0, y1 - y0), spec.resample, moved))
    if within:
        return small
    canvas = np.zeros((size, size, 3), np.uint8)
    canvas[y0:y1, x0:x1] = small
    return canvas


def _resized(image: Image.Image, size: tuple[int, int], resample: str, box: Box) -> Image.Image:
    if resample == LINEAR:
        return image.transform(size, Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
    # Pillow low-passes when it makes things smaller.
    return image.resize(size, RESAMPLING[resample], box=box)


def area_of(picture: Picture, box: Box | None, spec: Input, turn: float = 0.0) -> tuple[Box, float]:
    """The part of a picture that the network sees.

    Args:
        picture: Picture. The whole picture.
        box: tuple (left, top, right, bottom) in pixels; None for the whole picture.
        spec: Input. The manifest's `input`.
        turn: float. As for `cut`.

    Returns:
        (left, top, right, bottom) in pixels, of a square around a face before it is turned; of a
        whole picture it can be of any proportion, and reach beyond it. And by how many degrees it
        is turned back.
    """
    width, height = picture.width, picture.height
    placing = _placing(width, height, box, spec)
    if placing is not None:
        x, y = width / placing[0], height / placing[1]
        column, row = placing[2:]
        return (column * x, row * y, (column + spec.size) * x, (row + spec.size) * y), 0.0
    if box is None or spec.crop == "full":
        left, top, right, bottom = crop_area(width, height, None, 1.0)
        if box is not None:
            side = float(min(width, height))
            left = _towards(left, side, box[0], box[2], width)
            top = _towards(top, side, box[1], box[3], height)
            right, bottom = left + side, top + side
        return (left, top, right, bottom), 0.0
    turn = turned_back(turn, spec)
    left, top, right, bottom = crop_area(width, height, box, spec.crop, turn)
    if spec.resize_to is not None:
        # The middle of the square, as it would be of a picture of the face.
        edge = (right - left) * (1 - spec.size / spec.resize_to) / 2
        left, top, right, bottom = left + edge, top + edge, right - edge, bottom - edge
    return (left, top, right, bottom), turn


def proportion(picture: Picture, box: Box | None, spec: Input) -> float:
    """Width by height of what the network sees as a square."""
    (left, top, right, bottom), _ = area_of(picture, box, spec)
    return (right - left) / (bottom - top)


def _placing(
    width: int, height: int, box: Box | None, spec: Input
) -> tuple[int, int, int, int] | None:
    """How a whole picture is scaled to whole pixels and cut: its new width and height, left, top.

    Returns:
        None where it is not: for a face that is cut out, and for the middle of the picture that is
        scaled at once, without rounding.
    """
    whole = box is None or spec.crop == "full"
    if not whole or (spec.resize == "crop" and spec.resize_to is None):
        return None
    side, size = spec.resize_to or spec.size, spec.size
    new = width, height
    if spec.resize == "squash":
        new = side, side
    elif spec.resize == "crop":
        short, long = min(new), max(new)
        # Rounded down, as transformers and torchvision do.
        other = int(side * long / short)
        new = (side, other) if width <= height else (other, side)
    left, top = ((length - size) // 2 for length in new)
    if box is not None:
        x, y = new[0] / width, new[1] / height
        left = int(_towards(left, size, math.floor(box[0] * x), math.ceil(box[2] * x), new[0]))
        top = int(_towards(top, size, math.floor(box[1] * y), math.ceil(box[3] * y), new[1]))
    return *new, left, top


def _towards(start: float, side: float, low: float, high: float, length: float) -> float:
    """Where a stretch of a picture begins that is moved no further than shows low to high."""
    if side >= length:
        return start
    moved = start
    if high - low > side:
        moved = (low + high - side) / 2
    elif low < start:
        moved = low
    elif high > start + side:
        moved = high - side
    return min(max(moved, 0.0), length - side)


def is_seen(picture: Picture, box: Box, spec: Input) -> bool:
    """Whether a face lies within what a network sees that looks at whole pictures.

    What is cut out of a picture is moved towards the face, so this fails only where the face is
    larger than that.
    """
    if spec.crop != "full":
        return True
    area, _ = area_of(picture, box, spec)
    shares = [
        max(0.0, min(area[2 + axis], box[2 + axis]) - max(area[axis], box[axis]))
        / max(box[2 + axis] - box[axis], 1e-9)
        for axis in (0, 1)
    ]
    return shares[0] * shares[1] >= SEEN_SHARE


def turned_back(turn: float, spec: Input) -> float:
    """By how many degrees a network gets a face turned back that is turned by `turn`: all or 0."""
    return 0.0 if spec.align == "none" or abs(turn) < TURNED_FROM else turn


def _turn_back(image: Image.Image, area: Box, turn: float) -> tuple[Image.Image, Box]:
    """The picture turned counterclockwise, and where the centred square then lies.

    Quarter turns move pixels without changing them; what is left over is interpolated, at the full
    size of the picture, so that making it smaller hides the interpolation.
    """
    x, y = (area[0] + area[2]) / 2, (area[1] + area[3]) / 2
    quarters = round(turn / 90) % 4
    if quarters:
        width, height = image.size
        image = image.transpose(QUARTER_TURNS[quarters - 1])
        x, y = ((y, width - x), (width - x, height - y), (height - y, x))[quarters - 1]
    rest = turn - 90 * round(turn / 90)
    if abs(rest) >= TURNED_FROM:
        image = image.rotate(rest, Image.Resampling.BICUBIC, center=(x, y))
    half = (area[2] - area[0]) / 2
    return image, (x - half, y - half, x + half, y + half)


def level(crop: np.ndarray) -> np.ndarray:
    """Bring a dark or pale crop to a common brightness.

    All channels are multiplied by one gain that brings the brightest hundredth to 235: hues stay,
    crops that are exposed as usual hardly change, and dividing by the gain gives the old values
    back, up to rounding and to the hundredth that is cut off at 255. Two pictures that differ in
    exposure alone become the same one, so that a network cannot take darkness for a trace.

    Args:
        crop: uint8 array (height, width, 3).

    Returns:
        uint8 array of the same shape.
    """
    gain = level_gain(crop)
    if gain == 1.0:
        return crop
    levelled: np.ndarray = np.clip(crop * gain + 0.5, 0, 255).astype(np.uint8)
    return levelled


def level_gain(crop: np.ndarray) -> float:
    """What `level` multiplies a crop by: 1 to 8."""
    return float(np.clip(LEVEL_VALUE / max(_brightest(crop), 1.0), 1.0, LEVEL_MOST))


def _brightest(crop: np.ndarray) -> float:
    """What the brightest hundredth of the pixels reaches, each by its brightest channel."""
    red, green, blue = np.moveaxis(crop, -1, 0)
    # Much faster than the maximum over an axis of three, and than NumPy's percentile, which it is.
    values = np.maximum(np.maximum(red, green), blue).ravel()
    below = np.cumsum(np.bincount(values, minlength=256))
    place = (len(values) - 1) * LEVEL_PERCENTILE / 100
    first = int(place)
    low, high = np.searchsorted(below, [first, min(first + 1, len(values) - 1)], side="right")
    return float(low + (high - low) * (place - first))


def exposure_fault(crop: np.ndarray) -> Literal["", "dark", "burnt_out"]:
    """Whether a crop shows too little for any verdict, at whatever level.

    Args:
        crop: uint8 array (height, width, 3), before it is levelled.

    Returns:
        "dark" where the brightest hundredth is below 20, "burnt_out" where most of the middle, in
        which the face is, is plain white; "" otherwise.
    """
    if _brightest(crop) < DARKEST_VALUE:
        return "dark"
    height, width = crop.shape[:2]
    middle = crop[height // 4 : -height // 4, width // 4 : -width // 4]
    burnt = float((middle.min(axis=-1) >= BURNT_VALUE).mean()) > BURNT_SHARE
    return "burnt_out" if burnt else ""


def scale(crops: np.ndarray, spec: Input) -> np.ndarray:
    """Bring crops to the network's channels and range of values.

    Args:
        crops: uint8 array (count, size, size, 3), RGB.
        spec: Input. The manifest's `input`.

    Returns:
        float32 array (count, size, size, channels): (value − mean) / std per channel.
    """
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    if spec.channels == "bgr":
        crops = crops[..., ::-1]
    elif spec.channels in ("grey", "grey3"):
        grey = (crops @ np.array(GREY, np.int64) + 0x8000) >> 16
        crops = np.repeat(grey[..., None], spec.planes, axis=-1)
        mean, std = mean[: spec.planes], std[: spec.planes]
    scaled: np.ndarray = (crops.astype(np.float32) - mean) / std
    return scaled
