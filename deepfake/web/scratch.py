"""The one temporary folder that visitors' pictures pass through."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from deepfake.errors import SettingError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = "deepfake-web-"
# Files older than half an hour are looked for every ten minutes: none gets older than an hour.
MAX_AGE_SECONDS = 1800
SWEEP_SECONDS = 600
BLOCK_BYTES = 4096


def make_scratch_folder(parent: str | None = None) -> Path:
    """Make the folder, readable by this user only; it is deleted when the process exits.

    Folders of processes that were killed before they could do so are deleted now. One with our own
    number is such a folder, too: in a container every process is number 1.

    Args:
        parent: str. The folder to make it in, itself made if needed; others may use it, too.
            Defaults to the system's folder for temporary files.

    Returns:
        Its path.

    Raises:
        SettingError: it cannot be made.
    """
    try:
        return _make(Path(parent or tempfile.gettempdir()))
    except OSError as error:
        raise SettingError(
            f"The page needs a folder for uploads, and none can be made in {parent or 'TMPDIR'}: "
            f"{error.strerror}. Set GRADIO_TEMP_DIR to a folder that can be written to."
        ) from error


def _make(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    for left_over in parent.glob(f"{PREFIX}*"):
        owner = left_over.name.removeprefix(PREFIX).split("-")[0]
        dead = owner.isdecimal() and (int(owner) == os.getpid() or not _is_running(int(owner)))
        if dead and not _is_locked(left_over):
            shutil.rmtree(left_over, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent.absolute()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _lock(folder)
    return folder


def lend_to_gradio(folder: Path) -> None:
    """Have Gradio keep its files in a folder, and report nothing to anybody.

    Most of Gradio looks for it when it needs one; some looks once, when it is imported. A process
    has one folder.

    Args:
        folder: Path. From `make_scratch_folder`.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def start_sweeper(folder: Path, look: Callable[[], object]) -> None:
    """Delete old files of a folder again and again, in the background.

    Gradio's own schedule knows finished uploads only, not those that broke off midway.

    Args:
        folder: Path. The scratch folder.
        look: callable. Called after each time.
    """

    def sweep_for_ever() -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            sweep(folder, MAX_AGE_SECONDS)
            look()

    threading.Thread(target=sweep_for_ever, daemon=True).start()


def sweep(folder: Path, max_age: float) -> None:
    """Delete the files of a folder that were last written more than `max_age` seconds ago."""
    for path in folder.rglob("*"):
        try:
            old = time.time() - path.stat().st_mtime > max_age
            if old and path.is_file():
                path.unlink()
            elif old:
                # Each upload has a folder of its own; one that is not empty stays.
                path.rmdir()
        except OSError:
            # Deleted by Gradio in between, or in use: the next sweep looks again.
            continue


def size(folder: Path) -> int:
    """How many bytes a folder takes, each file or folder in it at least a block of the disk."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += max(path.stat().st_size, BLOCK_BYTES)
        except OSError:
            continue  # deleted in between
    return total


def _lock(folder: Path) -> int | None:
    """Lock a folder until the process ends, or the number that is returned is closed.

    Containers that share a folder do not see each other's processes, but their locks.
    """
    if fcntl is None:
        return None
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(number)
        raise
    return number


def _is_locked(folder: Path) -> bool:
    try:
        number = _lock(folder)
    except OSError:
        return True
    if number is not None:
        os.close(number)
    return False


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # somebody else's process, or a name that is not ours: not ours to delete
    return True
