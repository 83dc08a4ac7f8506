"""Samples → faces, cut out by the same code that serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from deepfake import imaging, preprocessing
from deepfake.datasets.samples import Sample
from deepfake.errors import ImageError
from deepfake.faces import Face, FaceDetector, turn_of
from deepfake.manifest import Input
from deepfake.mesh import LEFT_EYE, LIPS, RIGHT_EYE, FaceMesh
from deepfake.opencv import cv2
from deepfake.settings import Settings

# Room around the face that augmentation can move and turn within.
CONTEXT_FACTOR = 1.9
# Pixels of that context for each pixel of the input: more than the largest view takes from it.
CONTEXT_PIXELS = 1.7
# Where a changed face is put back: how much of its surroundings fades, and how much of that must be
# as it was.
FADE = 0.06
UNCHANGED_SHARE = 0.9


@dataclass(frozen=True)
class TrainingFace:
    """A face with some room around it.

    Attributes:
        pixels: uint8 array (height, width, 3). RGB.
        box: float array (4,). left, top, right, bottom of the face in these pixels.
        mesh: float32 array (468, 2). The face mesh in these pixels.
        label: int. 1 for fake, 0 for real.
        source: str. As in `Sample`.
        group: str. As in `Sample`.
    """

    pixels: np.ndarray
    box: np.ndarray
    mesh: np.ndarray
    label: int
    source: str
    group: str = ""

    @property
    def turn(self) -> float:
        """As of `Face`, from the mesh."""
        right_eye, left_eye, mouth = (
            self.mesh[list(points)].mean(axis=0) for points in (RIGHT_EYE, LEFT_EYE, LIPS)
        )
        return turn_of(right_eye, left_eye, mouth)


@dataclass(frozen=True)
class FaceInPicture:
    """A face at full resolution, and the picture that it is in.

    Attributes:
        picture: Picture. The whole picture.
        face: TrainingFace. Its pixels are those of the picture, not scaled.
        origin: (left, top) of the face's pixels in the picture.
    """

    picture: imaging.Picture
    face: TrainingFace
    origin: tuple[int, int]

    def with_face(self, pixels: np.ndarray) -> np.ndarray:
        """The whole picture with other pixels in place of the face's.

        Args:
            pixels: uint8 array of the shape of `face.pixels`. Fades into the picture at its border.

        Returns:
            uint8 array (height, width, 3).
        """
        left, top = self.origin
        height, width = pixels.shape[:2]
        changed = self.picture.pixels.copy()
        weight = self._weight()[..., None]
        mixed = pixels * weight + self.face.pixels * (1.0 - weight)
        changed[top : top + height, left : left + width] = (mixed + 0.5).astype(np.uint8)
        return changed

    def fits(self, pixels: np.ndarray) -> bool:
        """Whether changed pixels go on into the picture around them without a step.

        Args:
            pixels: uint8 array of the shape of `face.pixels`.
        """
        border = self._weight() < 1.0
        same = (pixels == self.face.pixels).all(axis=-1)[border]
        return bool(same.mean() > UNCHANGED_SHARE) if same.size else True

    def _weight(self) -> np.ndarray:
        """1 inside, fading to 0 at those sides that are not sides of the picture."""
        (left, top), (height, width) = self.origin, self.face.pixels.shape[:2]
        ends = (
            (left, self.picture.width - left - width, width),
            (top, self.picture.height - top - height, height),
        )
        across, down = (_fade(length, before > 0, after > 0) for before, after, length in ends)
        weight: np.ndarray = np.minimum(down[:, None], across[None])
        return weight


class FaceReader:
    """Reads samples and cuts their largest face out. Unreadable files are listed, not fatal.

    Args:
        spec: Input. The manifest's `input` of the model in training.
        workers: int. Threads.
    """

    def __init__(self, spec: Input, workers: int = 2):
        self.skipped: list[str] = []
        self._spec = spec
        self._workers = workers
        self._settings = replace(Settings.from_environment(), interpreters=workers, threads=1)
        self._detector = FaceDetector(self._settings)
        self._mesh = FaceMesh(self._settings)

    def training_faces(self, samples: Iterable[Sample]) -> list[TrainingFace]:
        """Read faces with room around them, for augmentation."""
        return [face for _, face in self.pairs(samples)]

    def pairs(self, samples: Iterable[Sample]) -> Iterator[tuple[Sample, TrainingFace]]:
        """Read faces with room around them one after the other, each with its sample."""
        samples = list(samples)
        with ThreadPoolExecutor(self._workers) as pool:
            for sample, face in zip(samples, pool.map(self._training_face, samples), strict=True):
                if face is not None:
                    yield sample, face

    def crops(self, samples: Iterable[Sample]) -> list[tuple[Sample, np.ndarray]]:
        """Read faces as the served network sees them: uint8 arrays (size, size, 3)."""
        with ThreadPoolExecutor(self._workers) as pool:
            return [pair for pair in pool.map(self._crop, samples) if pair is not None]

    def in_picture(self, sample: Sample) -> FaceInPicture | None:
        """Read a face at full resolution with its picture; None, and listed, where there is none.

        Args:
            sample: Sample. May be called from several threads.
        """
        found = self._find(sample)
        if found is None:
            return None
        picture, face = found
        mesh = self._mesh.detect(Image.fromarray(picture.pixels), face.box, face.keypoints).points
        left, top, right, bottom = (
            round(edge)
            for edge in preprocessing.crop_area(
                picture.width, picture.height, face.box, CONTEXT_FACTOR
            )
        )
        pixels = np.ascontiguousarray(picture.pixels[top:bottom, left:right])
        origin = np.array([left, top])
        box = np.array(face.box) - np.tile(origin, 2)
        mesh = (mesh - origin).astype(np.float32)
        context = TrainingFace(pixels, box, mesh, sample.label, sample.source, sample.group)
        return FaceInPicture(picture, context, (left, top))

    def _find(self, sample: Sample) -> tuple[imaging.Picture, Face] | None:
        try:
            picture = imaging.read(sample.path, self._settings)
        except ImageError as error:
            self.skipped.append(f"{sample.path}: {error}")
            return None
        faces = self._detector.detect(picture)
        if not faces:
            self.skipped.append(f"{sample.path}: no face found")
            return None
        return picture, faces[0]

    def _crop(self, sample: Sample) -> tuple[Sample, np.ndarray] | None:
        found = self._find(sample)
        if found is None:
            return None
        picture, face = found
        return sample, preprocessing.crop(picture, face.box, self._spec, face.turn)

    def _training_face(self, sample: Sample) -> TrainingFace | None:
        found = self.in_picture(sample)
        return None if found is None else shrunk(found.face, self._spec)


def _fade(length: int, at_start: bool, at_end: bool) -> np.ndarray:
    place = np.arange(length, dtype=np.float32) / max(1.0, FADE * length)
    weight = np.ones(length, np.float32)
    if at_start:
        weight = np.minimum(weight, place)
    if at_end:
        weight = np.minimum(weight, place[::-1])
    return weight


def shrunk(face: TrainingFace, spec: Input) -> TrainingFace:
    """The face with no more pixels than views of it take.

    Args:
        face: TrainingFace. At any size.
        spec: Input. The manifest's `input`.

    Returns:
        The face, made smaller where it was larger.
    """
    scale = min(1.0, CONTEXT_PIXELS * spec.size / max(face.pixels.shape))
    if scale == 1.0:
        return face
    side = round(face.pixels.shape[1] * scale), round(face.pixels.shape[0] * scale)
    pixels = cv2.resize(face.pixels, side, interpolation=cv2.INTER_AREA)
    mesh = (face.mesh * scale).astype(np.float32)
    return replace(face, pixels=pixels, box=face.box * scale, mesh=mesh)


def served_crop(face: TrainingFace, spec: Input) -> np.ndarray:
    """What the served network would see of a training face: uint8 array (size, size, 3)."""
    left, top, right, bottom = face.box.tolist()
    picture = imaging.Picture.from_array(face.pixels)
    return preprocessing.crop(picture, (left, top, right, bottom), spec, face.turn)
