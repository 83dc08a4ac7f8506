"""What is done to a picture when a copy of it is made: drawn at random, written down, repeatable.

The on-the-fly augmentation works on faces at the network's size; this works on whole pictures and
keeps their size, as the offline scripts of this field do.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass, fields

import numpy as np
from PIL import Image, ImageEnhance

from deepfake.errors import TrainingError
from deepfake.forging import augmentation
from deepfake.opencv import cv2

USUAL = (
    "rotation", "shift", "zoom", "flip", "colour", "scale", "blur", "noise", "jpeg", "webp",
)  # fmt: skip
KINDS = (*USUAL, "upside-down")
# Each kind that may be used is used in every second copy.
SHARE = 0.5
# Of copies that no JPEG or WebP damage is drawn for.
UNDAMAGED_QUALITY = 95
LOSSLESS = ("PNG", "BMP", "TIFF", "GIF")


@dataclass(frozen=True)
class Recipe:
    """What is done to one copy, in this order; None or False where nothing is.

    Attributes:
        flip: bool. Mirrored, left to right.
        upside_down: bool. Mirrored, top to bottom.
        rotation: float. Degrees, counter-clockwise.
        shift_x: float. To the right, as a share of the width.
        shift_y: float. Down, as a share of the height.
        zoom: float. Factor; above 1 the picture's middle fills more of it.
        brightness: float. Factor, as of Pillow's ImageEnhance; contrast and saturation alike.
        contrast: float.
        saturation: float.
        scale: float. Made smaller by this factor, and as large as before again.
        blur: float. Sigma in pixels.
        noise: float. Sigma in grey levels.
        noise_seed: int. Of the noise.
        jpeg: int. Quality of the JPEG file that is written.
        webp: int. Quality of the WebP file that is written instead.
    """

    flip: bool = False
    upside_down: bool = False
    rotation: float | None = None
    shift_x: float | None = None
    shift_y: float | None = None
    zoom: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    saturation: float | None = None
    scale: float | None = None
    blur: float | None = None
    noise: float | None = None
    noise_seed: int | None = None
    jpeg: int | None = None
    webp: int | None = None

    def to_row(self) -> dict[str, str]:
        """The fields as cells of a table; empty where nothing is done."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: "" if value is None or value is False else "yes" if value is True else str(value)
            for name, value in values.items()
        }

    @classmethod
    def from_row(cls, row: dict[str, str]) -> Recipe:
        """The recipe that `to_row` wrote down.

        Args:
            row: dict. Cells by column; others than those of `to_row` are not looked at.
        """
        values: dict[str, bool | float | int] = {}
        for field in fields(cls):
            cell = row.get(field.name, "")
            if cell:
                of = {"bool": bool, "int | None": int}.get(str(field.type), float)
                values[field.name] = of(cell)
        return cls(**values)  # type: ignore[arg-type]


def choose_kinds(use: str | None, without: str | None) -> tuple[str, ...]:
    """The kinds of augmentation that a user wants.

    Args:
        use: str. Names with commas between; None for the usual ones.
        without: str. Names that are taken away.

    Returns:
        The kinds, in the order of `KINDS`.

    Raises:
        TrainingError: a name that is not known, or nothing is left.
    """
    wanted = set(USUAL) if use is None else _names(use)
    wanted -= _names(without or "")
    if not wanted:
        raise TrainingError("No augmentation is left. Name fewer after --without.")
    return tuple(kind for kind in KINDS if kind in wanted)


def draw(random: np.random.Generator, kinds: Collection[str]) -> Recipe:
    """Draw a recipe that changes something.

    Args:
        random: Generator. Source of all choices.
        kinds: names of `KINDS` that may be used, one or more.

    Returns:
        The Recipe. Its numbers are rounded, so that the table tells all.
    """
    used = [kind for kind in kinds if random.random() < SHARE]
    if not used:
        used = [list(kinds)[int(random.integers(len(kinds)))]]
    if "jpeg" in used and "webp" in used:
        used.remove("jpeg" if random.random() < SHARE else "webp")

    def between(low: float, high: float) -> float:
        return round(float(random.uniform(low, high)), 4)

    values: dict[str, bool | float | int] = {}
    for kind in used:
        if kind in ("flip", "upside-down"):
            values[kind.replace("-", "_")] = True
        elif kind == "rotation":
            values["rotation"] = between(-15, 15)
        elif kind == "shift":
            values |= {"shift_x": between(-0.1, 0.1), "shift_y": between(-0.1, 0.1)}
        elif kind == "zoom":
            values["zoom"] = between(0.9, 1.2)
        elif kind == "colour":
            for name in ("brightness", "contrast", "saturation"):
                values[name] = between(0.7, 1.3)
        elif kind == "scale":
            values["scale"] = between(0.33, 0.9)
        elif kind == "blur":
            values["blur"] = between(0.4, 2.0)
        elif kind == "noise":
            values |= {"noise": between(2, 12), "noise_seed": int(random.integers(2**31))}
        else:
            values[kind] = int(random.integers(30, 96))
    return Recipe(**values)  # type: ignore[arg-type]


def apply(pixels: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Do what a recipe says, up to the writing of the file.

    Args:
        pixels: uint8 array (height, width, 3).
        recipe: Recipe.

    Returns:
        uint8 array of the same shape. What moves in at the border is mirrored.
    """
    height, width = pixels.shape[:2]
    pixels = _move(pixels, recipe)
    image = Image.fromarray(pixels)
    for enhance, factor in (
        (ImageEnhance.Brightness, recipe.brightness),
        (ImageEnhance.Contrast, recipe.contrast),
        (ImageEnhance.Color, recipe.saturation),
    ):
        if factor is not None:
            image = enhance(image).enhance(factor)
    pixels = np.asarray(image)
    if recipe.scale is not None:
        side = max(1, round(width * recipe.scale)), max(1, round(height * recipe.scale))
        small = cv2.resize(pixels, side, interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    if recipe.blur is not None:
        pixels = augmentation.blur(pixels, recipe.blur)
    if recipe.noise is not None:
        random = np.random.default_rng(recipe.noise_seed)
        pixels = augmentation.add_noise(pixels, random, recipe.noise)
    return np.ascontiguousarray(pixels)


def encode(pixels: np.ndarray, recipe: Recipe, kind: str) -> tuple[bytes, str]:
    """Write a copy as the recipe says, or else like its original.

    Args:
        pixels: uint8 array (height, width, 3).
        recipe: Recipe.
        kind: str. Format of the original, as in `Picture.format`.

    Returns:
        The file, and its ending.
    """
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    if recipe.webp is not None:
        image.save(buffer, "WEBP", quality=recipe.webp)
        return buffer.getvalue(), ".webp"
    if recipe.jpeg is None and kind in LOSSLESS:
        image.save(buffer, "PNG")
        return buffer.getvalue(), ".png"
    image.save(buffer, "JPEG", quality=recipe.jpeg or UNDAMAGED_QUALITY)
    return buffer.getvalue(), ".jpg"


def _move(pixels: np.ndarray, recipe: Recipe) -> np.ndarray:
    if recipe.flip:
        pixels = pixels[:, ::-1]
    if recipe.upside_down:
        pixels = pixels[::-1]
    pixels = np.ascontiguousarray(pixels)
    moves = (recipe.rotation, recipe.shift_x, recipe.shift_y, recipe.zoom)
    if all(move is None for move in moves):
        return pixels
    height, width = pixels.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, recipe.rotation or 0.0, recipe.zoom or 1.0)
    matrix[:, 2] += ((recipe.shift_x or 0.0) * width, (recipe.shift_y or 0.0) * height)
    return np.array(
        cv2.warpAffine(
            pixels, matrix, (width, height), flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
    )  # fmt: skip


def _names(text: str) -> set[str]:
    names = {name.strip().lower() for name in text.split(",")} - {""}
    unknown = sorted(names - set(KINDS))
    if unknown:
        raise TrainingError(
            f"There is no augmentation {', '.join(unknown)}. Known are {', '.join(KINDS)}."
        )
    return names
