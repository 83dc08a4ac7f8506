"""A first run of an untrusted LiteRT or ONNX file, in a sandbox.

Both are read by native code that trusts the offsets and sizes in the file. A file that crashes it
must not take the page down, so it is loaded and run once by a child; only then is it loaded here.
"""

from __future__ import annotations

import contextlib
from importlib import metadata
from pathlib import Path
from typing import Literal

from deepfake.errors import MissingPackageError
from deepfake.files import atomic
from deepfake.modelstore.safety import sandbox
from deepfake.modelstore.safety.inspection import check_size, inspect_onnx
from deepfake.settings import Settings, cache_folder

SECONDS = 60.0
# What the runtimes take for themselves; a model may use eight times its own size on top.
BASE_MEMORY = 2_000_000_000
PER_BYTE = 8
_PACKAGES = {"litert": "ai-edge-litert", "onnx": "onnxruntime"}


def try_file(path: Path, kind: Literal["litert", "onnx"], sha256: str, settings: Settings) -> None:
    """Load and run a file once where it can do no harm, unless that was done before.

    A success is kept in the cache folder under the file's hash and the runtime's version.

    Args:
        path: Path. The file.
        kind: str. Which runtime it is for.
        sha256: str. Its hash.
        settings: Settings. Size limit and cache folder.

    Raises:
        ModelError: it is too large, names files elsewhere, cannot be run, crashes, takes too long
            or too much memory.
    """
    check_size(path, settings)
    data_files = inspect_onnx(path, settings) if kind == "onnx" else ()
    note = cache_folder(settings) / "trials" / f"{sha256}-{kind}-{_version(kind)}"
    # Data files are not part of the hash, so nothing is kept of a model that has some.
    if not data_files and note.is_file():
        return
    files = [path, *data_files]
    sandbox.run(
        "deepfake.modelstore.safety.trial_child",
        [kind, str(path.absolute())],
        readable=files,
        writable=[],
        seconds=SECONDS,
        memory=BASE_MEMORY + PER_BYTE * sum(file.stat().st_size for file in files),
    )
    if not data_files:
        _remember(note)


def _version(kind: str) -> str:
    try:
        return metadata.version(_PACKAGES[kind])
    except metadata.PackageNotFoundError as error:
        if kind == "onnx":
            raise MissingPackageError(
                "Models in ONNX format need ONNX Runtime. Install it with: pip install onnxruntime"
            ) from error
        return "unknown"


def _remember(note: Path) -> None:
    # A cache that cannot be written costs a second run next time, nothing else.
    with contextlib.suppress(OSError):
        atomic.write(note, "")
