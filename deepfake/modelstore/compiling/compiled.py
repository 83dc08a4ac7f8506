"""Keras models, compiled to LiteRT in the background: served at once, and fast a little later."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import threading
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock

from deepfake.errors import ModelError
from deepfake.files import atomic
from deepfake.manifest import Input, ModelManifest
from deepfake.modelstore.backends.litert import LiteRTBackend
from deepfake.modelstore.backends.protocol import Backend, Scores
from deepfake.modelstore.compiling import conversion, parity
from deepfake.modelstore.formats import LITERT
from deepfake.modelstore.safety import trial
from deepfake.settings import Settings, cache_folder
from deepfake.version import __version__

FOLDER = "compiled"
RECORD_FILE, FAILURE_SUFFIX, LOCK_FILE = "record.json", ".failed.json", ".lock"
# Raised when files compiled by older code should not be used any more.
FORMAT = 1
CONVERTERS = ("tensorflow-cpu", "tensorflow", "keras")
POLL_SECONDS = 0.5
# A process that is asked for scores this long after its first lives on: the page, a long scan.
LONG_LIVED_SECONDS = 10.0
MAX_RECORD_BYTES = 100_000


def cached(sha256: str, manifest: ModelManifest, settings: Settings) -> Backend | None:
    """The LiteRT form of a Keras model that was compiled before. Needs no TensorFlow.

    Args:
        sha256: str. Of the Keras file.
        manifest: ModelManifest. Of the model.
        settings: Settings. Where the cache is.

    Returns:
        The backend; None where there is none yet, it was damaged, or the manifest does not fit
        (the Keras file then says why).
    """
    weights = _compiled(cache_folder(settings) / FOLDER / _key(sha256, manifest))
    try:
        return None if weights is None else LiteRTBackend(weights, manifest, settings)
    except ModelError:
        return None


class CompiledBackend:
    """Serves a model with Keras until its LiteRT form is ready. Safe to share between threads.

    The conversion starts at a call that comes seconds after the first, so that a command for one
    photo, which ends before anything is converted, never starts it. It has a process of its own and
    low priority, and is taken over when its outputs equal those of Keras to 1e-4. What LiteRT
    cannot do is not tried again until TensorFlow, Keras or this package has another version; what
    was cut short is tried again by the next process.

    Args:
        keras_backend: Backend. Serves meanwhile.
        path: Path. The Keras file.
        sha256: str. Its hash.
        manifest: ModelManifest. Of the model.
        settings: Settings. Limits, and where the cache is.
        architecture: str. For a file that holds only weights.
    """

    def __init__(
        self,
        keras_backend: Backend,
        path: Path,
        sha256: str,
        manifest: ModelManifest,
        settings: Settings,
        architecture: str = "",
    ):
        self._backend = keras_backend
        self._path, self._sha256, self._architecture = path, sha256, architecture
        self._manifest, self._settings = manifest, settings
        self._why = ""
        self._first_scores: float | None = None
        self._starting = threading.Lock()
        self._started = False
        self._finished = threading.Event()

    @property
    def name(self) -> str:
        """What runs it now: "Keras", later "LiteRT"."""
        return self._backend.name

    @property
    def why(self) -> str:
        """Why it stays on Keras, as a sentence; "" while that is not known or not so."""
        return self._why

    def scores(self, batch: Any) -> Scores:
        """Run the network.

        Args:
            batch: float32 array (count, size, size, 3), scaled as the manifest says; count ≥ 1.

        Returns:
            The raw scores and, where the network has them, the evidence maps.
        """
        scores = self._backend.scores(batch)
        # Afterwards: whoever waits for a score need not share the cores.
        now = time.monotonic()
        if self._first_scores is None:
            self._first_scores = now
        elif now - self._first_scores >= LONG_LIVED_SECONDS:
            self._start()
        return scores

    def ready(self, timeout: float | None = None) -> bool:
        """Start the conversion if it has not started, and wait for it.

        Args:
            timeout: float. Seconds. Defaults to as long as it takes.

        Returns:
            Whether LiteRT runs now; False where it is not finished or has failed.
        """
        self._start()
        return self._finished.wait(timeout) and not self._why

    def _start(self) -> None:
        with self._starting:
            if self._started:
                return
            self._started = True
        # A daemon, so that nobody waits for it at the end of the program; the system then ends the
        # converting process, which is told to die with its parent.
        threading.Thread(target=self._compile, name="compile-model", daemon=True).start()

    def _compile(self) -> None:
        try:
            weights = _compile(
                self._path, self._sha256, self._manifest, self._settings, self._architecture
            )
            self._backend = LiteRTBackend(weights, self._manifest, self._settings)
        except ModelError as error:
            self._why = f"It stays on Keras, which is slower. {error}"
        except OSError as error:
            self._why = (
                "It stays on Keras, which is slower: nothing can be kept in "
                f"{cache_folder(self._settings)} ({error.strerror or error})."
            )
        except Exception as error:  # nobody waits for this thread who could be told
            self._why = f"It stays on Keras, which is slower: the conversion failed ({error!r})."
        finally:
            self._finished.set()


def _compile(
    path: Path, sha256: str, manifest: ModelManifest, settings: Settings, architecture: str
) -> bytes:
    """The LiteRT file, from the cache or made now.

    Raises:
        ModelError: it could not be made, now or with these versions before.
        OSError: the cache cannot be written.
    """
    base = cache_folder(settings) / FOLDER
    base.mkdir(parents=True, exist_ok=True)
    key = _key(sha256, manifest)
    final, failure = base / key, base / (key + FAILURE_SUFFIX)
    # One conversion at a time, of all processes that share the cache: each takes the memory of
    # TensorFlow, and the second of the same file finds the work done.
    with FileLock(base / LOCK_FILE, poll_interval=POLL_SECONDS):
        for left in base.glob("part-*"):
            # Of a process that was ended while it converted.
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
        weights = _compiled(final)
        if weights is not None:
            return weights
        why = _failed_before(failure)
        if why:
            raise ModelError(why)
        part = Path(tempfile.mkdtemp(prefix="part-", dir=base))
        try:
            weights = _convert(path, part, manifest, settings, architecture)
        except parity.NoLiteRTError as error:
            # Nothing else is kept: a child that was killed says nothing about the model.
            _write(failure, {"why": str(error), "versions": _versions()})
            raise
        else:
            shutil.rmtree(final, ignore_errors=True)
            part.replace(final)
            return weights
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _key(sha256: str, manifest: ModelManifest) -> str:
    """Name of a compiled model in the cache: one file can be served as several networks."""
    # Hashed, because it may be any text out of the file.
    architecture = hashlib.sha256(manifest.architecture.encode()).hexdigest()[:8]
    return f"{sha256}-{manifest.input.size}-{architecture}"


def _convert(
    path: Path, part: Path, manifest: ModelManifest, settings: Settings, architecture: str
) -> bytes:
    work = part / "work"
    work.mkdir()
    # All outputs, for the evidence map. The network's own values, not the picture's.
    conversion.in_sandbox(
        path, work, settings,
        architecture=architecture, size=manifest.input.size, all_outputs=True,
        span=span_of(manifest.input),
    )  # fmt: skip
    weights, difference = check(work, settings)
    (part / conversion.LITERT_FILE).write_bytes(weights)
    digest = hashlib.sha256(weights).hexdigest()
    _write(
        part / RECORD_FILE,
        {"format": FORMAT, "sha256": digest, "difference": difference, "versions": _versions()},
    )
    shutil.rmtree(work)
    return weights


def check(folder: Path, settings: Settings) -> tuple[bytes, float]:
    """Compare the LiteRT file that a conversion wrote with what Keras returned.

    Args:
        folder: Path. What `conversion.in_sandbox` filled.
        settings: Settings. Limits.

    Returns:
        The file, and the measured difference.

    Raises:
        NoLiteRTError: it differs by more than 1e-4, or LiteRT cannot run it.
        ModelError: it is missing, or its check was cut short.
    """
    file = folder / conversion.LITERT_FILE
    try:
        weights = file.read_bytes()
    except OSError as error:
        raise ModelError(f"The conversion left no {file.name} ({error.strerror}).") from error
    # It was made by a process that read a file from anywhere.
    trial.try_file(file, LITERT, hashlib.sha256(weights).hexdigest(), settings)
    difference = parity.litert_difference(folder, weights, settings.threads)
    if difference > parity.MAX_DIFFERENCE:
        raise parity.NoLiteRTError(
            f"Converted to LiteRT, the network returns something else: the difference is "
            f"{difference:.2g}, and {parity.MAX_DIFFERENCE:.0e} is allowed."
        )
    return weights, difference


def span_of(spec: Input) -> tuple[float, float]:
    """The lowest and the highest value that a network is given."""
    edges = [(v - m) / s for m, s in zip(spec.mean, spec.std, strict=True) for v in (0.0, 255.0)]
    return min(edges), max(edges)


def _compiled(folder: Path) -> bytes | None:
    """The LiteRT file of a folder in the cache; None where it is missing or damaged."""
    try:
        record = _read(folder / RECORD_FILE)
        weights = (folder / conversion.LITERT_FILE).read_bytes()
    except OSError:
        return None
    if record.get("format") != FORMAT:
        return None
    return weights if hashlib.sha256(weights).hexdigest() == record.get("sha256") else None


def _failed_before(failure: Path) -> str:
    """Why these versions could not convert the file; "" where they have not tried."""
    try:
        record = _read(failure)
    except OSError:
        return ""
    return str(record.get("why", "")) if record.get("versions") == _versions() else ""


def _versions() -> dict[str, str]:
    """Versions of what converts, without importing it."""
    found = {"deepfake": __version__}
    for package in CONVERTERS:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        text = file.read(MAX_RECORD_BYTES)
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _write(path: Path, document: dict[str, Any]) -> None:
    atomic.write(path, json.dumps(document, indent=1))
