"""Which model files this user made here, by SHA-256: they need no process of their own."""

from __future__ import annotations

import contextlib

from deepfake.files import atomic
from deepfake.settings import Settings, cache_folder

FOLDER = "made"


def remember(sha256: str, settings: Settings) -> None:
    """Note that a file was made here, by training; where that fails, it counts as foreign.

    Args:
        sha256: str. Of the weight file.
        settings: Settings. Where the cache is.
    """
    with contextlib.suppress(OSError):
        atomic.write(cache_folder(settings) / FOLDER / sha256, "")


def is_known(sha256: str, settings: Settings) -> bool:
    """Whether a file with this hash was made here."""
    try:
        return (cache_folder(settings) / FOLDER / sha256).is_file()
    except OSError:
        return False
