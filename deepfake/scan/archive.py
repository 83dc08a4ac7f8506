"""Pictures in a ZIP archive. Nothing is unpacked to disk, so no entry chooses where it lands."""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from deepfake.errors import ImageError, ScanError
from deepfake.files.members import BOUNDED
from deepfake.scan.item import Item, kind_of
from deepfake.settings import Settings

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
# zipfile holds the whole table of contents in memory, some hundred bytes an entry.
MAX_ENTRIES = 1_000_000
TABLE_BYTES_EACH = 500
# Pictures hardly shrink; only what is nearly all of one colour becomes so much smaller.
MAX_RATIO, RATIO_FROM = 100, 1_000_000
ENCRYPTED = 0x1
NESTED = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".cbz", ".jar")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
END, END_64 = b"PK\x05\x06", b"PK\x06\x06"
END_WITHIN = 65_557
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, ValueError)


def is_archive(path: str) -> bool:
    """Whether a file starts like a ZIP archive; not, if it cannot be opened."""
    try:
        with Path(path).open("rb") as file:
            return file.read(4) in MAGIC
    except OSError:
        return False


def listing(path: str, max_entries: int = MAX_ENTRIES, label: str = "") -> Iterator[Item]:
    """The files in an archive, in its order; `label/entry` is what they are called.

    Args:
        path: str. The archive.
        max_entries: int. How many entries it may have.
        label: str. What it is called. Defaults to its path.

    Raises:
        ScanError: it cannot be opened, is damaged, or has too many entries.
    """
    names: set[str] = set()
    for number, entry in enumerate(_open_checked(path, max_entries, label).infolist()):
        if entry.is_dir():
            continue
        name = f"{label or path}/{entry.filename}"
        count = 1
        while name in names:
            count += 1
            name = f"{label or path}/{entry.filename} ({count})"
        names.add(name)
        kind = kind_of(entry.filename)
        nested = entry.filename.lower().endswith(NESTED)
        problem = refusal(entry) if kind != "unknown" or nested else ""
        yield Item(name, "picture" if problem else kind, path, number, problem)


def refusal(entry: zipfile.ZipInfo) -> str:
    """Why an entry is not read, as a sentence; "" if it may be."""
    name = entry.orig_filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:", name):
        return "The archive gives this entry a name that leads out of it; it was refused."
    if CONTROL.search(name):
        return "The archive gives this entry a name with control characters; it was refused."
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "This entry of the archive is a link; links in archives are not followed."
    if entry.flag_bits & ENCRYPTED:
        return "This entry of the archive is protected by a password. Unpack the archive first."
    if entry.compress_type not in BOUNDED:
        return (
            "This entry of the archive is packed in a way that is not read here. Pack the archive "
            "again as an ordinary ZIP (method “Deflate”)."
        )
    if name.lower().endswith(NESTED):
        return "An archive in an archive is not opened. Unpack it first."
    if entry.file_size > max(RATIO_FROM, MAX_RATIO * entry.compress_size):
        return (
            f"This entry would unpack to {entry.file_size / max(entry.compress_size, 1):,.0f} "
            "times its size, as ZIP bombs do; it was refused."
        )
    return ""


def read(path: str, number: int, settings: Settings) -> bytes:
    """Read an entry into memory, no more than one byte over the limit.

    Args:
        path: str. The archive.
        number: int. Of the entry.
        settings: Settings. With the limit on bytes.

    Raises:
        ImageError: it cannot be read, or may not be.
    """
    try:
        opened = _kept(path, *_state(path))
        entry = opened.infolist()[number]
        if problem := refusal(entry):
            raise ImageError(problem)
        with opened.open(entry) as file:
            return file.read(settings.max_bytes + 1)
    except (ScanError, IndexError) as error:
        raise ImageError(f"The archive has changed or cannot be read. {error}") from error
    except DAMAGED as error:
        raise ImageError(f"This entry of the archive is damaged ({error}).") from error
    except (OSError, RuntimeError) as error:
        raise ImageError(f"This entry of the archive cannot be read: {error}.") from error


def let_go() -> None:
    """Close the archives that were read from, so that those that are deleted leave the disk."""
    _kept.cache_clear()


@lru_cache(maxsize=4)
def _kept(path: str, _size: int, _changed: int) -> zipfile.ZipFile:
    """The opened archive, for as long as it stays the same: the table is read once."""
    return _open_checked(path, MAX_ENTRIES)


def _state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError as error:
        raise ScanError(f"{path} cannot be opened: {error.strerror}.") from error
    return found.st_size, found.st_mtime_ns


def _open_checked(path: str, max_entries: int, label: str = "") -> zipfile.ZipFile:
    label = label or path
    try:
        entries, table = _claimed(path)
        # The number may be a lie; what zipfile reads is the table.
        if entries <= max_entries and table <= max_entries * TABLE_BYTES_EACH:
            opened = zipfile.ZipFile(path)
            entries = len(opened.infolist())
            if entries <= max_entries:
                return opened
    except DAMAGED as error:
        raise ScanError(f"The archive {label} is damaged ({error}). Get it again.") from error
    except OSError as error:
        raise ScanError(f"The archive {label} cannot be opened: {error.strerror}.") from error
    raise ScanError(
        f"The archive {label} has {entries:,} entries; at most {max_entries:,} are taken. Unpack "
        "it, or make several archives of it."
    )


def _claimed(path: str) -> tuple[int, int]:
    """(entries, bytes of the table of contents), as the archive's end says, before it is read."""
    with Path(path).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - END_WITHIN))
        end = file.read()
    place = end.rfind(END)
    if place < 0:
        raise zipfile.BadZipFile("it lacks its end")
    entries, table = struct.unpack_from("<HL", end, place + 10)
    place_64 = end.rfind(END_64, 0, place)
    if place_64 >= 0:
        entries, table = struct.unpack_from("<QQ", end, place_64 + 32)
    return int(entries), int(table)
