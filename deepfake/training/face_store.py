"""Training faces on disk, mapped into memory: the system keeps as many there as fit."""

from __future__ import annotations

import mmap
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepfake.errors import TrainingError
from deepfake.forging.face_reader import TrainingFace

NOTHING = np.zeros((0, 0, 3), np.uint8)


class FaceStore:
    """Collects faces whose pixels together may be larger than the memory.

    They are kept as they are: reading a page back is faster than decoding a picture, and nothing is
    lost to compression. The file has no name, so not even a killed run leaves it behind.

    Args:
        folder: Path. Where the file is.
    """

    def __init__(self, folder: Path):
        self._where = folder
        self._file = tempfile.TemporaryFile(dir=self._where)  # noqa: SIM115 - closed by `faces`
        self._faces: list[TrainingFace] = []
        self._shapes: list[tuple[int, ...]] = []

    def add(self, face: TrainingFace) -> None:
        """Keep a face.

        Args:
            face: TrainingFace. Its pixels are written and let go.

        Raises:
            TrainingError: there is no more room.
        """
        try:
            self._file.write(np.ascontiguousarray(face.pixels).data)
        except OSError as error:
            raise self._no_room(error) from error
        self._shapes.append(face.pixels.shape)
        self._faces.append(replace(face, pixels=NOTHING))

    def faces(self) -> list[TrainingFace]:
        """All of them in order, with read-only pixels; nothing can be added afterwards.

        Raises:
            TrainingError: there is no more room.
        """
        if not self._faces:
            self._file.close()
            return []
        try:
            self._file.flush()
            pixels = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            self._file.close()
        except OSError as error:
            raise self._no_room(error) from error
        start, faces = 0, []
        for face, shape in zip(self._faces, self._shapes, strict=True):
            count = int(np.prod(shape))
            array = np.frombuffer(pixels, np.uint8, count, start).reshape(shape)
            faces.append(replace(face, pixels=array))
            start += count
        return faces

    def _no_room(self, error: OSError) -> TrainingError:
        return TrainingError(
            f"The faces to train with could not be kept in {self._where} ({error.strerror}). Make "
            "room there: docs/training.md says how much a face takes."
        )
