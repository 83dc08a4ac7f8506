"""What a worker does, of whichever engine: reads files, and judges contents."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepfake import imaging
from deepfake.detector import Detector
from deepfake.errors import ImageError, ModelError, VideoError
from deepfake.files.digest import sha256_of
from deepfake.report import Report
from deepfake.scan import archive, remote
from deepfake.scan.item import Item
from deepfake.scan.journal import Content
from deepfake.scan.near import fingerprint
from deepfake.scan.scratch import Scratch
from deepfake.settings import Settings
from deepfake.video.clip import Clip, check_readable
from deepfake.video.detector import VideoDetector
from deepfake.video.report import VideoReport

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
        self._videos = VideoDetector(self._detector)
        # Bytes of pictures, paths of videos; copies of those of archives and stores.
        self._held: list[bytes | Path] = []
        self._scratch = Scratch()

    def look(self, items: Sequence[Item]) -> list[Look]:
        """Read files and hash them; their bytes are held for `judge`.

        Args:
            items: sequence of Item.

        Returns:
            A Look for each of the first items: of all of them, unless they are large, or one is a
            video.
        """
        self.let_go()
        looks: list[Look] = []
        for item in items:
            large = sum(len(held) for held in self._held if isinstance(held, bytes)) > HELD_BYTES
            if looks and (large or isinstance(self._held[-1], Path)):
                break
            held: bytes | Path = b""
            look = Look()
            try:
                if item.kind == "video":
                    held = self._video(item)
                    look = Look(sha256_of(held))
                elif item.kind != "unknown" or self._is_picture(item):
                    held = read(item, self._settings)
                    look = Look(hashlib.sha256(held).hexdigest())
            except (ImageError, VideoError, ModelError) as error:
                look = Look(problem=str(error))
            self._held.append(held)
            looks.append(look)
        return looks

    def judge(self, chosen: Sequence[int]) -> list[Content]:
        """Judge files of those that were read last.

        Args:
            chosen: sequence of int. Which of them.

        Returns:
            The Content of each.
        """
        found = [self._content(self._held[index]) for index in chosen]
        self.let_go()
        return found

    def let_go(self) -> None:
        """Forget what was read."""
        self._held = []
        self._scratch.clear()

    def close(self) -> None:
        """Leave nothing behind."""
        self._held = []
        self._scratch.close()

    def _is_picture(self, item: Item) -> bool:
        """Whether it starts like one; of tables of gigabytes in stores, no more is fetched."""
        start = read(item, replace(self._settings, max_bytes=SNIFFED_BYTES))
        return imaging.looks_like_picture(start)

    def _video(self, item: Item) -> Path:
        """Where a video lies that may be read: FFmpeg opens files."""
        if item.entry < 0 and not remote.is_address(item.opened):
            path = Path(item.opened)
            check_readable(path, self._settings)
            return path
        data = read(item, replace(self._settings, max_bytes=self._settings.max_video_bytes))
        path = self._scratch.folder / f"{len(self._held)}.video"
        path.write_bytes(data)
        check_readable(path, self._settings)
        return path

    def _content(self, held: bytes | Path) -> Content:
        return self._of_picture(held) if isinstance(held, bytes) else self._of_video(held)

    def _of_video(self, path: Path) -> Content:
        small: bytes | None = None
        try:
            report = self._videos.detect(path)
            if self._task.thumbnails:
                small = self._frame(path, report)
        except VideoError as error:
            about = {"bytes": path.stat().st_size, "error": str(error)}
            return Content(sha256_of(path), about)
        return Content(report.sha256, video_document(report), thumbnail=small)

    def _frame(self, path: Path, report: VideoReport) -> bytes | None:
        """A small picture of the frame that speaks most for the verdict, or of the first one."""
        suspicious = report.people[0].suspicious if report.people else ()
        time = suspicious[0].time if suspicious else report.sampled[0]
        with Clip(path, self._settings) as clip:
            found = [thumbnail(f.pixels) for f in clip.frames([time], THUMBNAIL_SIDE, exact=False)]
        return found[0] if found else None

    def _of_picture(self, data: bytes) -> Content:
        try:
            picture = imaging.read(data, self._settings)
            report = self._detector.detect(picture)
        except ImageError as error:
            sha256 = hashlib.sha256(data).hexdigest()
            return Content(sha256, {"bytes": len(data), "error": str(error)})
        small = thumbnail(picture.pixels) if self._task.thumbnails else None
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


def video_document(report: VideoReport) -> dict[str, Any]:
    """Likewise of a VideoReport."""
    return {
        "bytes": report.byte_count,
        "format": report.format,
        "width": report.width,
        "height": report.height,
        "verdict": report.verdict,
        "p_fake": report.p_fake,
        "notes": list(report.notes),
        "video": {
            "seconds": round(report.seconds, 3),
            "frames": report.frames,
            "looked_at": len(report.sampled),
            "share_judged": round(report.share_judged, 4),
            "people": [
                {name: person[name] for name in PERSON_FIELDS}
                for person in (person.to_dict() for person in report.people)
            ],
        },
    }


PERSON_FIELDS = (
    "shot", "verdict", "p_fake", "reasons", "first_seen", "last_seen", "judged",
)  # fmt: skip
FACE_FIELDS = ("box", "p_fake", "verdict", "confidence", "note", "turn", "reasons", "signs")


def thumbnail(pixels: np.ndarray) -> bytes:
    """A small WebP picture of uint8 pixels (height, width, 3)."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=THUMBNAIL_QUALITY, method=0)
    return file.getvalue()
