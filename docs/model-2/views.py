"""A face -> one view of it, as served or as training sees it; both end with `level`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import serving
from table import Table, turn_of

from deepfake.forging import augmentation
from deepfake.imaging import Picture

SIZE, CROP = 224, 1.3
TIGHTEST, WIDEST = 0.9, 1.4
DARKEST, BRIGHTEST = 0.15, 1.6


@dataclass(frozen=True)
class Face:
    """As the project's TrainingFace, and how far it is turned clockwise, in degrees."""

    pixels: np.ndarray
    box: np.ndarray
    mesh: np.ndarray
    turn: float
    label: int
    source: str
    group: str = ""


def face_of(table: Table, index: int) -> Face:
    return Face(table.pixels(index), table.box[index], table.mesh[index],
                turn_of(table.keypoints[index]), int(table.label[index]), str(table.source[index]))  # fmt: skip


def served(face: Face, spec: serving.Input) -> np.ndarray:
    """What the served network sees: uint8 (size, size, 3)."""
    return serving.crop(Picture.from_array(face.pixels), tuple(face.box.tolist()), spec, face.turn)


def view(face: Face, random: np.random.Generator) -> np.ndarray:
    """A random view with delivery damage and light, levelled: uint8 (size, size, 3)."""
    pixels, _ = _cut(face, random)
    if random.random() < 0.25:
        gain = np.exp(random.uniform(np.log(DARKEST), np.log(BRIGHTEST)))
        pixels = np.clip(pixels * gain + 0.5, 0, 255).astype(np.uint8)
    pixels = augmentation.damage(pixels, random)
    if random.random() < 0.1:
        pixels = augmentation.compress(pixels, random, 30, 90)
    return serving.level(pixels)


def _cut(face: Face, random: np.random.Generator) -> tuple[np.ndarray, float]:
    """As `augmentation._cut`, but upright where it leans far, and tight one time in four."""
    left, top, right, bottom = face.box
    side = max(right - left, bottom - top)
    factor = CROP * float(np.exp(random.normal(0.0, 0.06)))
    if random.random() < 0.25:
        factor = float(random.uniform(TIGHTEST, WIDEST))
    shift = random.normal(0.0, 0.03, 2) * side
    height, width = face.pixels.shape[:2]
    wanted = side * min(factor, 1.02 * min(width, height) / side)
    centre = np.array([(left + right) / 2, (top + bottom) / 2]) + shift
    centre = np.clip(centre, wanted / 2, np.maximum([width, height] - wanted / 2, wanted / 2))
    angle = face.turn if abs(face.turn) >= serving.TURNED_FROM else 0.0
    if random.random() < 0.5:
        angle += float(random.normal(0.0, 5.0))
    scale = SIZE / wanted
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), angle, scale)
    matrix[:, 2] += SIZE / 2 - centre
    if random.random() < 0.5:
        mirror = np.array([[-1.0, 0.0, SIZE - 1.0], [0.0, 1.0, 0.0]])
        matrix = mirror @ np.vstack([matrix, [0.0, 0.0, 1.0]])
    pixels = face.pixels
    if scale < 0.75:
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.4 / scale)
    way = augmentation.INTERPOLATIONS[random.integers(3)]
    cut = cv2.warpAffine(pixels, matrix, (SIZE, SIZE), flags=way, borderMode=cv2.BORDER_REFLECT_101)
    return np.array(cut), wanted / side


def darkened(face: Face, gain: float) -> Face:
    return replace(face, pixels=np.clip(face.pixels * gain + 0.5, 0, 255).astype(np.uint8))


def turned(face: Face, degrees: float) -> Face:
    """The picture turned clockwise around the face, reflected beyond its border."""
    left, top, right, bottom = (float(edge) for edge in face.box)
    centre = ((left + right) / 2, (top + bottom) / 2)
    matrix = cv2.getRotationMatrix2D(centre, -degrees, 1.0)
    height, width = face.pixels.shape[:2]
    pixels = cv2.warpAffine(face.pixels, matrix, (width, height), flags=cv2.INTER_CUBIC,
                            borderMode=cv2.BORDER_REFLECT_101)  # fmt: skip
    return replace(face, pixels=np.array(pixels), turn=face.turn + degrees)
