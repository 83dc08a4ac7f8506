"""The one temporary folder that visitors' pictures pass through."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "deepfake-web-"


def make_scratch_folder() -> str:
    """Make the folder, readable by this user only; it is deleted when the process exits.

    Folders of processes that were killed before they could do so are deleted now.

    Returns:
        Its path.
    """
    for left_over in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = left_over.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdecimal() and not _is_running(int(owner)):
            shutil.rmtree(left_over, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # somebody else's process, or a name that is not ours: not ours to delete
    return True
