"""Face + manifest → model input. The only place that crops, resizes and scales."""

from __future__ import annotations

from typing import Literal

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
        uint8 array (size, size, 3).
    """
    return expose(cut(picture, box, spec, turn), spec)


def expose(pixels: np.ndarray, spec: Input) -> np.ndarray:
    """A crop at the brightness that the manifest asks for: uint8 array of the same shape."""
    return level(pixels) if spec.exposure == "level" else pixels


def cut(picture: Picture, box: Box | None, spec: Input, turn: float = 0.0) -> np.ndarray:
    """Cut a face out and scale it to the network's size.

    Args:
        picture: Picture. The whole picture.
        box: tuple (left, top, right, bottom) in pixels; None for the whole picture's central
            square, which is also what a model with `crop: "full"` always gets.
        spec: Input. The manifest's `input`.
        turn: float. How far the face is turned clockwise, in degrees; where the manifest asks for
            upright faces, it is turned back. Defaults to upright.

    Returns:
        uint8 array (size, size, 3).
    """
    area, turn = square_of(picture, box, spec, turn)
    # Only the pixels around the crop are copied; the margin is more than the filters reach.
    margin = REACH * max(1.0, (area[2] - area[0]) / spec.size) + 1
    if turn:
        # The corners of the turned square.
        margin += (area[2] - area[0]) * (np.sqrt(0.5) - 0.5)
    left, top = (max(0, int(edge - margin)) for edge in area[:2])
    right, bottom = (int(edge + margin) + 1 for edge in area[2:])
    image = Image.fromarray(np.ascontiguousarray(picture.pixels[top:bottom, left:right]))
    moved = (area[0] - left, area[1] - top, area[2] - left, area[3] - top)
    if turn:
        image, moved = _turn_back(image, moved, turn)
    # Pillow low-passes when it makes things smaller.
    small = image.resize((spec.size, spec.size), RESAMPLING[spec.resample], box=moved)
    return np.asarray(small)


def square_of(
    picture: Picture, box: Box | None, spec: Input, turn: float = 0.0
) -> tuple[Box, float]:
    """The square of a picture that the network sees.

    Args:
        picture: Picture. The whole picture.
        box: tuple (left, top, right, bottom) in pixels; None for the central square.
        spec: Input. The manifest's `input`.
        turn: float. As for `cut`.

    Returns:
        (the square as of `crop_area`, by how many degrees it is turned back).
    """
    if box is None or spec.crop == "full":
        return crop_area(picture.width, picture.height, None, 1.0), 0.0
    turn = turned_back(turn, spec)
    return crop_area(picture.width, picture.height, box, spec.crop, turn), turn


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
    # Much faster than the maximum over an axis of three.
    return float(np.percentile(np.maximum(np.maximum(red, green), blue), LEVEL_PERCENTILE))


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
