"""Many files on the page: what is judged, in which order, and what comes back."""

from __future__ import annotations

import hashlib
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deepfake import imaging
from deepfake.detector import Detector
from deepfake.errors import ImageError
from deepfake.scan import archive, judging, output
from deepfake.scan.copies import safe_name
from deepfake.scan.documents import ScanRowDocument
from deepfake.scan.item import Item, kind_of
from deepfake.scan.rows import row_of
from deepfake.settings import Settings

# An archive's table of contents is read before anything else is known of it.
MAX_ENTRIES = 2_000
FLAGGED = ("fake", "uncertain")
TABLE_NAME, ZIP_NAME = "deepfake-results.csv", "deepfake-flagged.zip"


@dataclass(frozen=True)
class Found:
    """What is known of one file.

    Attributes:
        row: ScanRowDocument.
        item: Item. The file.
        thumbnail: bytes. A small WebP picture; empty where it is none.
    """

    row: ScanRowDocument
    item: Item
    thumbnail: bytes = b""

    @property
    def is_flagged(self) -> bool:
        """Whether it is called fake or uncertain."""
        return self.row["verdict"] in FLAGGED


def items_of(paths: Sequence[str], settings: Settings) -> list[Item]:
    """The photos among uploaded files and in uploaded archives.

    Args:
        paths: sequence of str. Uploaded files.
        settings: Settings.

    Returns:
        Items under the names that the visitor knows.

    Raises:
        ScanError: an archive is damaged, or has too many entries.
    """
    found = []
    start = replace(settings, max_bytes=judging.SNIFFED_BYTES)
    for path in paths:
        name = Path(path).name
        if not archive.is_archive(path):
            found.append(Item(name, kind_of(name, named=True), path))
            continue
        for item in archive.listing(path, MAX_ENTRIES, name):
            if item.kind == "unknown":
                try:
                    if not imaging.looks_like_picture(judging.read(item, start)):
                        continue
                except ImageError:
                    continue
            found.append(item)
    return found


def judge(items: Sequence[Item], detector: Detector) -> Iterator[Found]:
    """Judge files one by one; one that is there twice is judged once.

    Args:
        items: sequence of Item.
        detector: Detector.
    """
    known: dict[str, Found] = {}
    for item in items:
        sha256: str | None = None
        small = b""
        try:
            if item.problem:
                raise ImageError(item.problem)
            data = b"" if item.kind == "video" else judging.read(item, detector.settings)
            sha256 = hashlib.sha256(data).hexdigest() if data else None
            if sha256 in known:
                first = known[sha256]
                same = replace(first.item, name=item.name)
                row: ScanRowDocument = {
                    **first.row, "path": item.name, "duplicate_of": first.row["path"],
                }  # fmt: skip
                yield Found(row, same, first.thumbnail)
                continue
            if data:
                picture = imaging.read(data, detector.settings)
                document = judging.document(detector.detect(picture))
                small = judging.thumbnail(picture.pixels)
            else:
                document = {}
        except ImageError as error:
            document = {"error": error.public}
        row = row_of(item.name, item.kind, sha256, document, detector.model, detector.threshold)
        found = Found(row, item, small)
        if sha256 is not None:
            known[sha256] = found
        yield found


def write(found: Sequence[Found], folder: Path, settings: Settings) -> tuple[Path, Path | None]:
    """Write what can be downloaded.

    Args:
        found: sequence of Found.
        folder: Path. The folder for visitors' files.
        settings: Settings.

    Returns:
        (the table, the archive of flagged photos or None where there are none).

    Raises:
        ScanError: the disk is full.
    """
    place = Path(tempfile.mkdtemp(prefix="many-", dir=folder))
    with output.writer(place / TABLE_NAME) as put:
        for one in found:
            put(one.row)
    flagged = [one for one in found if one.is_flagged and one.row["duplicate_of"] is None]
    if not flagged:
        return place / TABLE_NAME, None
    # Photos do not become smaller by packing.
    with output.whole(place / ZIP_NAME) as file, zipfile.ZipFile(file, "w") as packed:
        for one in flagged:
            name = safe_name(one.row["path"], one.row["sha256"] or "")
            packed.writestr(f"{one.row['verdict']}/{name}", judging.read(one.item, settings))
    return place / TABLE_NAME, place / ZIP_NAME


class Pace:
    """How fast it goes, and whether it is time to show more."""

    EVERY_SECONDS = 0.7

    def __init__(self) -> None:
        self._start = self._shown = time.monotonic()

    def is_due(self) -> bool:
        """Whether the last time is a while ago."""
        now = time.monotonic()
        if now - self._shown < self.EVERY_SECONDS:
            return False
        self._shown = now
        return True

    def rate(self, done: int) -> float:
        """Files a second."""
        return done / max(time.monotonic() - self._start, 1e-3)
