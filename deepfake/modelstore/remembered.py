"""Manifests made from a user's answers, kept in the user's cache by the weight file's SHA-256."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from deepfake.modelstore.manifest import MAX_MANIFEST_BYTES, ModelManifest
from deepfake.settings import Settings, cache_folder

FOLDER = "manifests"


def recall(sha256: str, settings: Settings) -> ModelManifest | None:
    """The manifest that was kept for a weight file; None without a usable one.

    Args:
        sha256: str. Of the weight file.
        settings: Settings. Where the cache is.
    """
    path = _path(sha256, settings)
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            return None
        return ModelManifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        # A damaged one is asked for again.
        return None


def remember(sha256: str, manifest: ModelManifest, settings: Settings) -> bool:
    """Keep a manifest.

    Args:
        sha256: str. Of the weight file.
        manifest: ModelManifest. What was said of it.
        settings: Settings. Where the cache is.

    Returns:
        Whether it could be written; a machine without a home folder asks each time.
    """
    path = _path(sha256, settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Another process may read it at the same moment.
        handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(manifest.model_dump_json(indent=1) + "\n")
        Path(part).replace(path)
    except OSError:
        return False
    return True


def everything(settings: Settings) -> list[ModelManifest]:
    """All manifests that are kept, by name."""
    folder = cache_folder(settings) / FOLDER
    found = [recall(path.stem, settings) for path in sorted(folder.glob("*.json"))]
    return sorted((m for m in found if m is not None), key=lambda manifest: manifest.name)


def _path(sha256: str, settings: Settings) -> Path:
    return cache_folder(settings) / FOLDER / f"{sha256}.json"
