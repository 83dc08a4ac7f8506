"""What was said of model files, kept in the user's cache by the file's SHA-256.

Only what a person said is kept, and what the file says of itself. What a repository's `config.json`
says is read anew each time: it may be corrected, and must never be taken for another repository's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from deepfake.errors import DeepfakeError
from deepfake.files import atomic
from deepfake.manifest import MAX_MANIFEST_BYTES
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.protocol import Network
from deepfake.settings import Settings, cache_folder

FOLDER = "answers"


@dataclass(frozen=True)
class Kept:
    """What is kept of a file.

    Attributes:
        name: str. What the model is called.
        file: str. Name of its file.
        origin: str. Address on the Hub; "" for a local file.
        answers: Answers. What was said.
        network: Network. What the file says of itself, so that it need not be opened to know.
    """

    name: str
    file: str
    origin: str
    answers: Answers
    network: Network


_ADAPTER = TypeAdapter(Kept)


def recall(sha256: str, settings: Settings) -> Kept | None:
    """What was kept of a weight file; None without anything usable.

    Args:
        sha256: str. Of the weight file.
        settings: Settings. Where the cache is.
    """
    path = _path(sha256, settings)
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            return None
        return _ADAPTER.validate_json(path.read_bytes())
    except (OSError, ValidationError, DeepfakeError):
        # A damaged one is asked for again.
        return None


def remember(sha256: str, kept: Kept, settings: Settings) -> bool:
    """Keep what was said.

    Args:
        sha256: str. Of the weight file.
        kept: Kept. What was said of it.
        settings: Settings. Where the cache is.

    Returns:
        Whether it could be written; a machine without a home folder asks each time.
    """
    try:
        text = _ADAPTER.dump_json(kept, indent=1).decode()
        atomic.write(_path(sha256, settings), text + "\n")
    except OSError:
        return False
    return True


def everything(settings: Settings) -> list[Kept]:
    """All that is kept, by name."""
    folder = cache_folder(settings) / FOLDER
    found = [recall(path.stem, settings) for path in sorted(folder.glob("*.json"))]
    return sorted((kept for kept in found if kept is not None), key=lambda kept: kept.name)


def _path(sha256: str, settings: Settings) -> Path:
    return cache_folder(settings) / FOLDER / f"{sha256}.json"
