"""What a worker does, of whichever engine: reads files, and judges contents."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from deepfake import imaging
from deepfake.detector import Detector
from deepfake.errors import ImageError
from deepfake.imaging import Picture
from deepfake.report import Report
from deepfake.scan import archive, remote
from deepfake.scan.item import Item
from deepfake.scan.journal import Content
from deepfake.scan.near import fingerprint
from deepfake.settings import Settings

SNIFFED_BYTES = 4096
# Files are held between being read and being judged; the rest of the batch waits if they are large.
HELD_BYTES = 64_000_000
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 144, 50


@dataclass(frozen=True)
class Task:
    """What each worker is made with.

    Attributes:
        model: str. Name, path or address.
        threshold: float. P(fake) that verdicts are made at.
        settings: Settings.
        thumbnails: bool. Whether small pictures are made.
    """

    model: str
    threshold: float
    settings: Settings
    thumbnails: bool = False


@dataclass(frozen=True)
class Look:
    """What reading a file gave: its content's hash, or what is wrong, or neither for no picture."""

    sha256: str = ""
    problem: str = ""


class Judge:
    """Reads and judges. For one thread.

    One picture's faces are one batch: on a processor, faces of several files in one batch gain
    nothing (docs/scaling.md).

    Args:
        task: Task.

    Raises:
        ModelError: the model cannot be loaded.
    """

    def __init__(self, task: Task):
        self._task = task
        # As many workers as cores, so each has one; and it is what is killed if a file breaks it.
        self._settings = replace(task.settings, threads=1, interpreters=1, decoders=0)
        self._detector = Detector(task.model, threshold=task.threshold, settings=self._settings)
        self._held: list[bytes] = []

    def look(self, items: Sequence[Item]) -> list[Look]:
        """Read files and hash them; their bytes are held for `judge`.

        Args:
            items: sequence of Item.

        Returns:
            A Look for each of the first items: of all of them, unless they are large.
        """
        self._held = []
        looks: list[Look] = []
        for item in items:
            if looks and sum(map(len, self._held)) > HELD_BYTES:
                break
            data, look = b"", Look()
            try:
                data = read(item, self._settings)
            except ImageError as error:
                look = Look(problem=str(error))
            else:
                if item.kind != "unknown" or imaging.looks_like_picture(data[:SNIFFED_BYTES]):
                    look = Look(hashlib.sha256(data).hexdigest())
            self._held.append(data)
            looks.append(look)
        return looks

    def judge(self, chosen: Sequence[int]) -> list[Content]:
        """Judge files of those that were read last.

        Args:
            chosen: sequence of int. Which of them.

        Returns:
            The Content of each.
        """
        return [self._content(self._held[index]) for index in chosen]

    def _content(self, data: bytes) -> Content:
        try:
            picture = imaging.read(data, self._settings)
            report = self._detector.detect(picture)
        except ImageError as error:
            sha256 = hashlib.sha256(data).hexdigest()
            return Content(sha256, {"bytes": len(data), "error": str(error)})
        small = thumbnail(picture) if self._task.thumbnails else None
        return Content(picture.sha256, document(report), *fingerprint(picture.pixels), small)


def read(item: Item, settings: Settings) -> bytes:
    """Read a file, wherever it is, no more than one byte over the limit.

    Args:
        item: Item.
        settings: Settings. With the limit on bytes.

    Raises:
        ImageError: it cannot be read.
    """
    if item.entry >= 0:
        return archive.read(item.opened, item.entry, settings)
    if remote.is_address(item.opened):
        return remote.read(item.opened, settings)
    return imaging.read_path(item.opened, settings)


def document(report: Report) -> dict[str, Any]:
    """The fields of a row that come from a Report."""
    whole = report.to_dict()
    picture = whole["picture"]
    return {
        **{name: picture[name] for name in ("bytes", "format", "width", "height")},
        **{name: whole[name] for name in ("verdict", "p_fake", "reasons", "signs", "notes")},
        "faces": [
            {name: value for name, value in face.items() if name in FACE_FIELDS}
            for face in whole["faces"]
        ],
    }


FACE_FIELDS = ("box", "p_fake", "verdict", "confidence", "note", "turn", "reasons", "signs")


def thumbnail(picture: Picture) -> bytes:
    """A small WebP picture of a picture."""
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=THUMBNAIL_QUALITY, method=0)
    return file.getvalue()
