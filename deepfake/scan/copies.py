"""Copies of photos, in a folder for each verdict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from deepfake.errors import ImageError, ScanError
from deepfake.formatting import printable
from deepfake.scan.journal import Journal
from deepfake.scan.judging import read
from deepfake.scan.output import whole
from deepfake.settings import Settings

# Of the name; what stands before it, from the SHA-256, tells files of one name apart.
LONGEST_NAME, HASH_DIGITS = 100, 12


def copy(journal: Journal, folder: Path, settings: Settings, tell: Callable[[str], None]) -> None:
    """Copy each content once; copies that are there already stay.

    Args:
        journal: Journal.
        folder: Path. Made if needed, with a folder for each verdict.
        settings: Settings. With the limit on bytes.
        tell: callable. Told what could not be copied.

    Raises:
        ScanError: the folder cannot be written.
    """
    for item, sha256, document in journal.items():
        verdict = json.loads(document).get("verdict")
        if verdict is None:
            continue
        place = folder / verdict / safe_name(item.name, sha256)
        if place.exists():
            continue
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ScanError(f"{place.parent} cannot be made: {error.strerror}.") from error
        try:
            limit = settings.max_video_bytes if item.kind == "video" else settings.max_bytes
            data = read(item, replace(settings, max_bytes=limit))
        except ImageError as error:
            tell(f"{item.name} was not copied: {error}")
            continue
        if hashlib.sha256(data).hexdigest() != sha256:
            tell(f"{item.name} was not copied: it has changed since it was judged.")
            continue
        with whole(place) as file:
            file.write(data)


def safe_name(name: str, sha256: str) -> str:
    """The last part of a name, with signs that every file system takes, behind part of the hash."""
    last = PurePosixPath(str(printable(name)).replace("\\", "/")).name
    kept = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in last)
    return f"{sha256[:HASH_DIGITS]}-{kept.encode()[-LONGEST_NAME:].decode(errors='ignore')}"
