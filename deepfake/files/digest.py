"""The SHA-256 of a model file, or of a folder that is one."""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

from deepfake.errors import ModelError

# Files of a SavedModel folder; more is not one.
MAX_FILES = 1_000


def sha256_of(path: Path) -> str:
    """Hash a weight file, or all files of a folder with their names.

    Args:
        path: Path. A file, or a SavedModel folder.

    Returns:
        64 hexadecimal digits.

    Raises:
        ModelError: it cannot be read, or the folder holds too many files.
    """
    try:
        if path.is_file():
            with path.open("rb") as opened:
                return hashlib.file_digest(opened, "sha256").hexdigest()
        if not path.is_dir():
            raise ModelError(f"There is no model {path}.", path=path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        if len(files) > MAX_FILES:
            raise ModelError(
                f"{path} holds {len(files):,} files, too many for a model. Name the model's "
                "folder.",
                path=path,
            )
        total = hashlib.sha256()
        for file in files:
            total.update(f"{file.relative_to(path).as_posix()}\n{sha256_of(file)}\n".encode())
        return total.hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).", path=path) from error


def times_of(path: Path) -> tuple[int, int]:
    """When a file's content was changed last, and its entry, in nanoseconds.

    A program can set the first back, but not the second. On Windows, where the second is when the
    file was made, the time of asking stands for it, so that the file is always hashed again.
    """
    found = path.stat()
    return found.st_mtime_ns, time.time_ns() if sys.platform == "win32" else found.st_ctime_ns


def state_of(path: Path) -> tuple[object, ...]:
    """Names, sizes and times of a file, or of all files of a folder.

    Two that differ tell that something was changed or replaced, without reading it. () where it is
    gone or cannot be looked at.
    """
    try:
        files = [(f, f.stat()) for f in ([path] if path.is_file() else sorted(path.rglob("*")))]
        return tuple((str(f), of.st_size, of.st_ino, of.st_mtime_ns) for f, of in files)
    except OSError:
        return ()


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
