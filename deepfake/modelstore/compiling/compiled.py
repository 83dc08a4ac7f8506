"""Keras models, compiled to LiteRT before their first use: slow once, then without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock, Timeout

from deepfake.errors import ModelError
from deepfake.files import atomic
from deepfake.files.digest import sha256_of
from deepfake.formatting import on_one_line
from deepfake.manifest import ModelManifest
from deepfake.modelstore.backends import keras
from deepfake.modelstore.backends.protocol import Backend, Opened
from deepfake.modelstore.compiling import conversion, outcome, parity
from deepfake.modelstore.compiling.conversion import Conversion
from deepfake.modelstore.formats import LITERT
from deepfake.modelstore.safety import sandbox
from deepfake.modelstore.safety.kinds import kind_of
from deepfake.modelstore.workers.foreign import ForeignBackend, ForeignFile
from deepfake.progress import announce, patience
from deepfake.settings import Settings, cache_folder
from deepfake.version import __version__

FOLDER = "compiled"
RECORD_FILE, FAILURE_SUFFIX, LOCK_FILE = "record.json", ".failed.json", ".lock"
# Raised when files compiled by older code should not be used any more.
FORMAT = 2
CONVERTERS = ("tensorflow-cpu", "tensorflow", "keras", LITERT.package)
POLL_SECONDS = 0.5
MAX_RECORD_BYTES = 100_000
STAYS = "It stays on Keras, which is slower. {}"
ELSEWHERE = (
    "{} could be read, but not compiled to LiteRT. {} Or run `deepfake convert` for it on a "
    "machine with more memory, and use the file that this makes."
)


@dataclass(frozen=True)
class KerasFile:
    """A file of Keras, and what was said of it.

    Attributes:
        path: Path. `.keras`, `.h5`, a pickle, or the folder of a SavedModel.
        sha256: str. Its hash.
        architecture: str. Which network its weights are for, where it holds only weights.
        size: int. Side of the input, where the file leaves it open.
        span: (low, high). Values that the network is given; None where that is not known.
    """

    path: Path
    sha256: str
    architecture: str = ""
    size: int | None = None
    span: tuple[float, float] | None = None

    @property
    def key(self) -> str:
        """Its name in the cache: one file can be served as several networks."""
        # Hashed, because it may be any text.
        architecture = hashlib.sha256(self.architecture.encode()).hexdigest()[:8]
        return f"{self.sha256}-{self.size or 'own'}-{architecture}"


@dataclass(frozen=True)
class _Compiled:
    weights: bytes
    made: Conversion
    note: str = ""

    def backend(self, manifest: ModelManifest, settings: Settings) -> Backend:
        keras.check(self.made.network, manifest)
        file = ForeignFile(LITERT, Path(conversion.LITERT_FILE), weights=self.weights)
        return ForeignBackend(file, manifest, settings)


class _StaysOnKerasError(ModelError):
    """The file was read, but there is no LiteRT form of it."""


def open_compiled(file: KerasFile, settings: Settings) -> Opened:
    """Check a file of Keras, and compile it to LiteRT unless that was done before.

    The conversion is a process of its own in a sandbox, so that neither TensorFlow nor the file's
    graph comes into this one. Its result is taken if its outputs equal those of Keras to 1e-4, and
    kept under the file's hash and for this version of LiteRT. Keras runs, in a worker, only what
    LiteRT cannot do, and that is not tried again until TensorFlow, Keras, LiteRT or this package
    has another version. What crashes the child, or takes it too long or too much memory, is
    refused, as a file can be made to, and tried again the next time.

    Args:
        file: KerasFile. The file.
        settings: Settings. Limits, and where the cache is.

    Returns:
        The network, and what makes a backend of it, which runs in a worker.

    Raises:
        ModelError: it is hostile, damaged, holds code or is no model that tells two classes apart
            by one picture; compiling it was cut short; another one is being compiled and somebody
            watches; or Keras is not installed.
    """
    entry = cache_folder(settings) / FOLDER / file.key
    try:
        found = _recall(entry) or _compile(file, entry, settings)
    except _StaysOnKerasError as error:
        announce(f"Opening {_name(file)} with Keras: there is no LiteRT form of it.")
        foreign = ForeignFile(
            kind_of(file.path), file.path, architecture=file.architecture, size=file.size
        )
        opened = foreign.open(settings)
        return replace(opened, remarks=(*opened.remarks, STAYS.format(error)))
    remarks = tuple(filter(None, (*found.made.changes, found.note)))
    return Opened(found.made.network, found.backend, remarks)


def _compile(file: KerasFile, entry: Path, settings: Settings) -> _Compiled:
    # Before anything that takes long: the same sentences as of `open_keras`.
    keras.inspect(file.path, settings)
    keras.need_packages()
    # Not `file.sha256`, which of a model of several files is another one.
    before = sha256_of(file.path)
    announce(f"Compiling {_name(file)} to LiteRT, once. This can take a minute.")
    with _turn(entry.parent, _name(file)) as folder:
        found = _recall(entry)
        if found is not None:
            return found
        work, kept = folder / "work", folder / "kept"
        work.mkdir()
        kept.mkdir()
        try:
            # All outputs, for the evidence map.
            made = conversion.in_sandbox(
                file.path, work, settings,
                architecture=file.architecture, size=file.size, all_outputs=True, span=file.span,
            )  # fmt: skip
            weights, difference = check(work, settings)
        except parity.NoLiteRTError as error:
            _refuse_changed(file.path, before)
            with suppress(OSError):
                _write(_failure(entry), {"why": error.public, "versions": _versions()})
            raise _StaysOnKerasError(error.public) from error
        except ModelError as error:
            # Not with Keras in this process: what crashed the child could crash the page.
            if not conversion.was_read(work):
                raise
            raise ModelError(ELSEWHERE.format(_name(file), error), path=error.path) from error
        _refuse_changed(file.path, before)
        note = ""
        try:
            (kept / conversion.LITERT_FILE).write_bytes(weights)
            digest = hashlib.sha256(weights).hexdigest()
            record = {"format": FORMAT, "sha256": digest, "difference": difference}
            _write(kept / RECORD_FILE, {**record, "versions": _versions(), "made": made.to_json()})
            shutil.rmtree(entry, ignore_errors=True)
            kept.replace(entry)
        except OSError as error:
            note = (
                "It is compiled anew each time: nothing can be kept in the cache folder "
                f"({error.strerror or type(error).__name__})."
            )
        return _Compiled(weights, made, note)


@contextmanager
def _turn(base: Path, name: str) -> Iterator[Path]:
    """Wait until nobody else converts; a folder to work in, in the cache if it can be written.

    One conversion at a time, of all processes that share the cache: each takes the memory of
    TensorFlow, and the second of the same file finds the work done. Whoever watches does not wait
    for long.
    """
    with ExitStack() as stack:
        try:
            base.mkdir(parents=True, exist_ok=True)
            lock = FileLock(base / LOCK_FILE, timeout=patience(), poll_interval=POLL_SECONDS)
            stack.enter_context(lock)
            for left in base.glob("part-*"):
                # Of a process that was ended while it converted.
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)
            part = TemporaryDirectory(prefix="part-", dir=base, ignore_cleanup_errors=True)
        except Timeout as error:
            raise ModelError(
                f"{name} has to be compiled, and a model is being compiled for somebody else. Try "
                "again in a minute."
            ) from error
        except OSError:
            part = TemporaryDirectory(prefix="deepfake-", ignore_cleanup_errors=True)
        yield Path(stack.enter_context(part))


def check(folder: Path, settings: Settings) -> tuple[bytes, float]:
    """Compare the LiteRT file that a conversion wrote with what Keras returned.

    Args:
        folder: Path. What `conversion.in_sandbox` filled.
        settings: Settings. Limits.

    Returns:
        The file, and the measured difference.

    Raises:
        NoLiteRTError: it differs by more than 1e-4, or LiteRT cannot run it.
        ModelError: it is missing, no plain file or too large, or its check was cut short.
    """
    file = folder / conversion.LITERT_FILE
    with outcome.opened(file, settings.max_model_bytes) as opened:
        weights = opened.read()
    # It was made by a process that read a file from anywhere.
    said = sandbox.run(
        parity.MODULE, [str(folder.absolute()), str(settings.threads)],
        readable=[folder], writable=[],
        seconds=parity.SECONDS, memory=parity.MEMORY + parity.MEMORY_PER_BYTE * len(weights),
    )  # fmt: skip
    difference = float(said.strip().rpartition("\n")[2])
    if difference > parity.MAX_DIFFERENCE:
        raise parity.NoLiteRTError(
            f"Converted to LiteRT, the network returns something else: the difference is "
            f"{difference:.2g}, and {parity.MAX_DIFFERENCE:.0e} is allowed. {parity.UNLIKE}"
        )
    return weights, difference


def _refuse_changed(path: Path, before: str) -> None:
    # What is kept under the hash of before would stand for another file.
    if sha256_of(path) != before:
        raise ModelError(f"{path} was changed while it was compiled. Start again.", path=path)


def _name(file: KerasFile) -> str:
    return on_one_line(file.path.name)


def _recall(entry: Path) -> _Compiled | None:
    """What was compiled before; None where it is missing or damaged.

    Raises:
        _StaysOnKerasError: these versions could not convert the file before.
    """
    failure = _read(_failure(entry))
    if failure.get("versions") == _versions():
        raise _StaysOnKerasError(str(failure.get("why")))
    record = _read(entry / RECORD_FILE)
    try:
        weights = (entry / conversion.LITERT_FILE).read_bytes()
        if record["format"] != FORMAT or record["sha256"] != hashlib.sha256(weights).hexdigest():
            return None
        # Another runtime has not shown that it says the same as Keras.
        if record["versions"].get(LITERT.package) != _versions().get(LITERT.package):
            return None
        return _Compiled(weights, Conversion.from_json(record["made"]))
    except (OSError, KeyError, ModelError):
        return None


def _failure(entry: Path) -> Path:
    return entry.with_name(entry.name + FAILURE_SUFFIX)


def _versions() -> dict[str, str]:
    """Versions of what converts and of what runs the result, without importing them."""
    found = {"deepfake": __version__}
    for package in CONVERTERS:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _read(path: Path) -> dict[str, Any]:
    """A record; empty where there is none."""
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(MAX_RECORD_BYTES))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _write(path: Path, document: dict[str, Any]) -> None:
    atomic.write(path, json.dumps(document, indent=1))
