"""Several models by name: loaded when first needed, the last used ones kept in memory."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from deepfake import deadline
from deepfake.detector import Detector, Source
from deepfake.errors import DeepfakeError, ModelError
from deepfake.faces import FaceDetector
from deepfake.formatting import on_one_line
from deepfake.manifest import ModelManifest
from deepfake.modelstore.hub.address import is_address
from deepfake.modelstore.located import locate
from deepfake.progress import patience
from deepfake.settings import Settings

# A model that failed is not tried again before this: a large broken file, or a network that is
# down, would otherwise be waited for at every click.
RETRY_SECONDS = 30.0
PROBE_SIDE = 64


def model_names(settings: Settings, given: Sequence[str] = ()) -> tuple[str, ...]:
    """The models to serve: those that were named, then those of the setting `models`.

    Args:
        settings: Settings. `model` is taken where none was named.
        given: sequence of str. As named on the command line.

    Returns:
        The names, each once, in order; at least one.
    """
    further = (name.strip() for name in settings.models.split(","))
    named = [*(given or [settings.model]), *(name for name in further if name)]
    return tuple(dict.fromkeys(named))


class Shelf:
    """Models by name. Safe to share between threads.

    A model is loaded by the first who needs it, while others who need it wait. At most
    `settings.loaded_models` are kept, the last used ones; who holds a Detector may go on using it.

    Args:
        names: sequence of str. What `load_model` takes; the first is the one used by default.
        settings: Settings. Defaults to the environment's.
        on_failure: called with the name of a model that cannot be used and the reason, each time
            that it was tried, if it is not the only one of `names`.
        check_other: called with the name of a model that is not one of `names` before it is
            loaded; raises ModelError to refuse it.
        retry_seconds: float. How long a model that failed is not tried again.
    """

    def __init__(
        self,
        names: Sequence[str],
        settings: Settings | None = None,
        on_failure: Callable[[str, str], None] = lambda _name, _sentence: None,
        check_other: Callable[[str], None] = lambda _name: None,
        retry_seconds: float = RETRY_SECONDS,
    ):
        self.settings = settings or Settings.from_environment()
        self.names = tuple(names)
        self._on_failure = on_failure
        self._check_other = check_other
        self._retry_seconds = retry_seconds
        self.faces = FaceDetector(self.settings)
        self._loaded: OrderedDict[str, Detector] = OrderedDict()
        self._manifests: dict[str, ModelManifest | None] = {}
        self._failures: dict[str, tuple[ModelError, float]] = {}
        self._loading: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._lock = threading.Lock()

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the models in memory, the one used last at the end."""
        with self._lock:
            return tuple(self._loaded)

    def detector(self, name: str) -> Detector:
        """The Detector of a model, which is loaded now if it is not in memory.

        Args:
            name: str. One of `names`, or anything else that `load_model` takes.

        Raises:
            ModelError: it cannot be loaded or cannot run. The same sentence comes again, without
                another try, for half a minute. Or it is being loaded for somebody else, and this
                one watches.
        """
        with self._lock:
            if name in self._loaded:
                self._loaded.move_to_end(name)
                return self._loaded[name]
            turn = self._loading.setdefault(name, threading.Lock())
        if not turn.acquire(timeout=patience()):
            raise ModelError(
                f"{_shown(name)} is being made ready for somebody else. Try again in a minute."
            )
        try:
            with self._lock:
                if name in self._loaded:
                    return self._loaded[name]
                failure, failed = self._failures.get(name, (None, 0.0))
            if failure is not None and time.monotonic() - failed < self._retry_seconds:
                raise failure_of(name, failure)
            return self._load(name)
        finally:
            turn.release()

    def try_own(self) -> None:
        """Load those of `names` that lie on this machine, before anybody asks.

        So nobody waits while a file of Keras compiles, and whoever starts the page hears at once of
        a model that cannot judge. What fails is told to `on_failure`, and tried again for whoever
        asks.
        """
        # The first one last, so that it is kept in memory.
        for name in reversed(self.names):
            if not is_address(name):
                with suppress(DeepfakeError):
                    self.detector(name)

    def manifest(self, name: str) -> ModelManifest:
        """The manifest of a model; read without loading the network where that can be done.

        Raises:
            ModelError: the model cannot be loaded.
        """
        return self._read(name) or self.detector(name).model.manifest

    def title(self, name: str) -> str:
        """Name and version of a model; what is known of them where it was not loaded yet.

        Of several of `names` with the same, the later ones have a number after it.
        """
        title = self._plain_title(name)
        if name not in self.names:
            return title
        same = sum(self._plain_title(n) == title for n in self.names[: self.names.index(name) + 1])
        return title if same == 1 else f"{title} ({same})"

    def means(self, label: str, name: str) -> bool:
        """Whether a label means a model: its title or name, with or without the version.

        Args:
            label: str. What it sent.
            name: str. One of `names`.
        """
        manifest, title = self._read(name), self.title(name)
        others = () if manifest is None else (manifest.name, f"{manifest.name} {manifest.version}")
        return label in (title, title.rsplit(" ", 1)[0], *others)

    def _plain_title(self, name: str) -> str:
        manifest = self._read(name)
        if manifest is not None:
            return manifest.called
        return _shown(name)

    def _read(self, name: str) -> ModelManifest | None:
        """The manifest, if it can be had without loading or fetching anything."""
        if name not in self._manifests and not is_address(name):
            try:
                manifest = locate(name, self.settings).manifest
            except DeepfakeError:
                manifest = None  # using it says what is wrong
            self._remember(name, manifest)
            return manifest
        return self._manifests.get(name)

    def _remember(self, name: str, manifest: ModelManifest | None) -> None:
        # Not those that visitors type: there is no end to them.
        if name in self.names:
            self._manifests[name] = manifest

    def _load(self, name: str) -> Detector:
        try:
            if name not in self.names:
                self._check_other(name)
            # For those who come later, too: a visitor's time is no limit to it.
            with deadline.until(math.inf):
                detector = Detector(name, settings=self.settings, faces=self.faces)
                # A file can load and still not run; and the first visitor should not wait for what
                # some runtimes do at their first run.
                blank = np.zeros((PROBE_SIDE, PROBE_SIDE, 3), np.uint8)
                detector.detect(blank)
        except Exception as error:
            with self._lock:
                now = time.monotonic()
                still = now - self._retry_seconds
                recent = {n: f for n, f in self._failures.items() if f[1] > still}
                self._failures = {**recent, name: (failure_of(name, error), now)}
            failure = failure_of(name, error)
            # Without its only model nothing starts, and whoever starts it hears the same sentence.
            if self.names != (name,):
                self._on_failure(name, str(failure))
            raise failure from error
        with self._lock:
            self._failures.pop(name, None)
            self._remember(name, detector.model.manifest)
            self._loaded[name] = detector
            while len(self._loaded) > self.settings.loaded_models:
                self._loaded.popitem(last=False)
        return detector


def _shown(name: str) -> str:
    # Where a model lies on the server is none of a visitor's business.
    return name if is_address(name) else Path(name).name


def predict(source: Source, model: str | Path | None = None) -> dict[str, float]:
    """Judge a picture with a model that is loaded once and kept.

    Args:
        source: path, bytes of a file, uint8 array (height, width, 3) in RGB, Pillow image, or
            Picture.
        model: name or path for `load_model`. Defaults to the setting `model`.

    Returns:
        {"Fake": P(fake), "Real": 1 − P(fake)}.

    Raises:
        ImageError: the file cannot be read as a picture.
        NoFaceError: there is no face in it that could be judged.
        ModelError: the model cannot be loaded.
    """
    settings = Settings.from_environment()
    return _own_shelf(settings).detector(str(model or settings.model)).detect(source).labels()


@lru_cache(maxsize=1)  # another environment, another shelf
def _own_shelf(settings: Settings) -> Shelf:
    # Whoever calls `predict` again after a failure has mended it.
    return Shelf((), settings, retry_seconds=0.0)


def failure_of(name: str, error: Exception) -> ModelError:
    """A new error that tells people of one of a model, whatever its runtime raised."""
    if isinstance(error, ModelError):
        return type(error)(str(error), path=error.path)
    if isinstance(error, DeepfakeError):
        return ModelError(str(error), path=name)
    # Native runtimes raise what they like. One broken model must not take the others down.
    return ModelError(
        f"The model {Path(name).name} does not run as it should ({type(error).__name__}: {error}). "
        "Get it again, or leave it out.",
        path=name,
    )


def say_failure(model: str, sentence: str) -> None:
    """Tell the operator why a model cannot be used, while the others go on."""
    print(f"deepfake: {on_one_line(f'{model}: {sentence}')}", file=sys.stderr, flush=True)
