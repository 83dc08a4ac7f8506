"""A first run of an untrusted LiteRT or ONNX file, in a sandbox.

Both are read by native code that trusts the offsets and sizes in the file. A file that crashes it
must not take the page down, so it is loaded and run once by a child; only then is it loaded here.
"""

from __future__ import annotations

import contextlib
from importlib import metadata
from pathlib import Path

from deepfake.errors import MissingPackageError
from deepfake.files import atomic
from deepfake.modelstore.formats import Format, bring
from deepfake.modelstore.safety import sandbox
from deepfake.settings import Settings, cache_folder

SECONDS = 60.0
# What the runtimes take for themselves; a model may use eight times its own size on top.
BASE_MEMORY = 2_000_000_000
PER_BYTE = 8


def try_file(path: Path, row: Format, sha256: str, settings: Settings) -> None:
    """Load and run a file once where it can do no harm, unless that was done before.

    A success is kept in the cache folder under the file's hash and the runtime's version.

    Args:
        path: Path. The file.
        row: Format. What it is; one with a trial.
        sha256: str. Its hash.
        settings: Settings. Size limit and cache folder.

    Raises:
        MissingPackageError: what runs it is not installed.
        ModelError: it is too large, names files elsewhere, cannot be run, crashes, takes too long
            or too much memory.
    """
    data_files: tuple[Path, ...] = bring(row.inspect)(path, settings)
    note = cache_folder(settings) / "trials" / f"{sha256}-{row.kind}-{_version(row)}"
    # Data files are not part of the hash, so nothing is kept of a model that has some.
    if not data_files and note.is_file():
        return
    files = [path, *data_files]
    sandbox.run(
        "deepfake.modelstore.safety.trial_child",
        [row.kind, str(path.absolute())],
        readable=files,
        writable=[],
        seconds=SECONDS,
        memory=BASE_MEMORY + PER_BYTE * sum(file.stat().st_size for file in files),
    )
    if not data_files:
        _remember(note)


def _version(row: Format) -> str:
    try:
        return metadata.version(row.package)
    except metadata.PackageNotFoundError as error:
        raise MissingPackageError(
            f"Models in {row.name} format need a package more. Install it with: "
            f"pip install {row.package}"
        ) from error


def _remember(note: Path) -> None:
    # A cache that cannot be written costs a second run next time, nothing else.
    with contextlib.suppress(OSError):
        atomic.write(note, "")
