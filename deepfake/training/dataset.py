"""A labelled folder → samples, and their faces cut out by the same code that serves."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from deepfake import imaging, preprocessing
from deepfake.errors import ImageError, TrainingError
from deepfake.faces import Face, FaceDetector
from deepfake.mesh import FaceMesh
from deepfake.modelstore.manifest import Input
from deepfake.settings import Settings

LABEL_WORDS = {
    "real": 0,
    "original": 0,
    "0_real": 0,
    "fake": 1,
    "df": 1,
    "deepfake": 1,
    "1_fake": 1,
}
SPLIT_WORDS = {
    "train": "train", "training": "train", "valid": "valid", "val": "valid",
    "validation": "valid", "test": "test",
}  # fmt: skip
SPLITS = ("train", "valid", "test")
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic"}
# Room around the face that augmentation can move and turn within.
CONTEXT_FACTOR = 1.9
# Pixels of that context for each pixel of the input: more than the largest view takes from it.
CONTEXT_PIXELS = 1.7


@dataclass(frozen=True)
class Sample:
    """One labelled file.

    Attributes:
        path: Path. The picture.
        label: int. 1 for fake, 0 for real.
        split: str. "train", "valid" or "test".
        source: str. The generator or collection that it came from; error rates are told per source.
    """

    path: Path
    label: int
    split: str
    source: str


@dataclass(frozen=True)
class TrainingFace:
    """A face with some room around it.

    Attributes:
        pixels: uint8 array (height, width, 3). RGB.
        box: float array (4,). left, top, right, bottom of the face in these pixels.
        mesh: float32 array (468, 2). The face mesh in these pixels.
        label: int. 1 for fake, 0 for real.
        source: str. As in `Sample`.
    """

    pixels: np.ndarray
    box: np.ndarray
    mesh: np.ndarray
    label: int
    source: str


def find_samples(folder: Path) -> list[Sample]:
    """Find the labelled pictures of a folder.

    Three layouts are known: a `labels.csv` (columns path, label and, if wished, split and
    generator or source), `train|valid|test/real|fake/…`, and `real|fake/…`, which is split
    80/10/10 by the hash of the file's name.

    Args:
        folder: Path. The data set.

    Returns:
        The samples, sorted by path.

    Raises:
        TrainingError: no known layout, an unknown label, or a class without pictures.
    """
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}. Name a folder of real and fake faces.")
    table = folder / "labels.csv"
    samples = list(_from_table(table) if table.is_file() else _from_folders(folder))
    for split in SPLITS:
        if split == "test" and not any(sample.split == split for sample in samples):
            continue
        for label, word in enumerate(("real", "fake")):
            if not any(s.split == split and s.label == label for s in samples):
                found = ", ".join(sorted(p.name for p in folder.iterdir())[:12]) or "nothing"
                use = {"train": "train", "valid": "validate", "test": "test"}[split]
                raise TrainingError(
                    f"{folder} has no {word} pictures to {use} with. Expected real/ and fake/, or "
                    "train/ and valid/ with both inside, or a labels.csv. "
                    f"Found: {found}."
                )
    return sorted(samples, key=lambda sample: sample.path)


def _from_table(table: Path) -> Iterator[Sample]:
    try:
        # Excel writes a byte-order mark.
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{table} is not a CSV file in UTF-8: {error}.") from error
    for number, row in enumerate(rows, 2):
        label = LABEL_WORDS.get((row.get("label") or "").strip().lower())
        if label is None or not row.get("path"):
            raise TrainingError(
                f"Line {number} of {table} needs a path and a label (real or fake). "
                f"Received: {row.get('path')!r}, {row.get('label')!r}."
            )
        word = (row.get("split") or "").strip().lower()
        split = SPLIT_WORDS.get(word)
        if word and split is None:
            raise TrainingError(
                f"Line {number} of {table}: a split is train, valid or test. Received: {word!r}."
            )
        source = row.get("generator") or row.get("source") or ("real", "fake")[label]
        path = table.parent / row["path"]
        yield Sample(path, label, split or _split_by_hash(path.name), source)


def _from_folders(folder: Path) -> Iterator[Sample]:
    for path in folder.rglob("*"):
        if path.suffix.lower() not in SUFFIXES:
            continue
        parts = [part.lower() for part in path.relative_to(folder).parts[:-1]]
        labels = [LABEL_WORDS[part] for part in parts if part in LABEL_WORDS]
        splits = [SPLIT_WORDS[part] for part in parts if part in SPLIT_WORDS]
        if labels:
            split = splits[0] if splits else _split_by_hash(path.name)
            yield Sample(path, labels[0], split, ("real", "fake")[labels[0]])


def _split_by_hash(name: str) -> str:
    tenth = hashlib.sha256(name.encode()).digest()[0] % 10
    return SPLITS[max(0, tenth - 7)]


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
        with ThreadPoolExecutor(self._workers) as pool:
            return [face for face in pool.map(self._training_face, samples) if face is not None]

    def crops(self, samples: Iterable[Sample]) -> list[tuple[Sample, np.ndarray]]:
        """Read faces as the served network sees them: uint8 arrays (size, size, 3)."""
        with ThreadPoolExecutor(self._workers) as pool:
            return [pair for pair in pool.map(self._crop, samples) if pair is not None]

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
        return sample, preprocessing.crop(picture, face.box, self._spec)

    def _training_face(self, sample: Sample) -> TrainingFace | None:
        found = self._find(sample)
        if found is None:
            return None
        picture, face = found
        image = Image.fromarray(picture.pixels)
        mesh = self._mesh.detect(image, face.box, face.keypoints).points
        left, top, right, bottom = (
            round(edge)
            for edge in preprocessing.crop_area(
                picture.width, picture.height, face.box, CONTEXT_FACTOR
            )
        )
        pixels = picture.pixels[top:bottom, left:right]
        origin = np.array([left, top])
        shrink = min(1.0, CONTEXT_PIXELS * self._spec.size / max(pixels.shape))
        if shrink < 1.0:
            side = round(pixels.shape[1] * shrink), round(pixels.shape[0] * shrink)
            pixels = cv2.resize(pixels, side, interpolation=cv2.INTER_AREA)
        box = (np.array(face.box) - np.tile(origin, 2)) * shrink
        mesh = ((mesh - origin) * shrink).astype(np.float32)
        return TrainingFace(np.ascontiguousarray(pixels), box, mesh, sample.label, sample.source)


def served_crop(face: TrainingFace, spec: Input) -> np.ndarray:
    """What the served network would see of a training face: uint8 array (size, size, 3)."""
    left, top, right, bottom = face.box.tolist()
    picture = imaging.Picture.from_array(face.pixels)
    return preprocessing.crop(picture, (left, top, right, bottom), spec)
