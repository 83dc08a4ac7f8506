"""The Keras backend: reads `.keras`, `.h5`, SavedModel and pickles of Keras, and runs them.

Only this module and those that it calls import TensorFlow; serving a LiteRT model never does.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from deepfake.errors import MissingPackageError, ModelError
from deepfake.extras import INSTALL
from deepfake.interpreters import silence
from deepfake.manifest import ModelManifest
from deepfake.modelstore.backends import keras_files, keras_messages
from deepfake.modelstore.backends.keras_network import describe, pick
from deepfake.modelstore.backends.protocol import Backend, Network, Opened, Scores, require_numbers
from deepfake.modelstore.formats import HDF5, SAVED_MODEL, Format
from deepfake.modelstore.safety import sandbox
from deepfake.modelstore.safety.kinds import kind_of
from deepfake.settings import Settings

MAX_BATCH = 8  # bounds the memory of one call; more faces run as several batches
# `serving_default` is TensorFlow's own name, `serve` that of `model.export` in Keras 3.
ENDPOINTS = ("serving_default", "serve")
# Keras keeps names and scopes in global state, and two loads at once double the memory.
_LOADING = threading.Lock()


class KerasBackend:
    """Runs a Keras model with TensorFlow. Safe to share between threads.

    Args:
        model: keras.Model. As of `load`.
        network: Network. What `describe` says of it.
        manifest: ModelManifest. Names of the outputs and size of the input.

    Raises:
        ModelError: the manifest says something else than the model, or TensorFlow cannot run it.
    """

    name = "Keras"

    def __init__(self, model: Any, network: Network, manifest: ModelManifest):
        import tensorflow as tf

        check(network, manifest)
        drawing = manifest.output.drawing
        if drawing and drawing not in dict(getattr(model, "output", {})):
            raise ModelError(
                f"The manifest names the output {drawing!r}, which the model does not have. "
                "Correct 'drawing' in it."
            )
        self.model = model
        self._output, self._columns = manifest.output, manifest.columns
        named_score = network.score or network.choices
        self._score = manifest.output.score if named_score else ""
        # TensorFlow 2.21 crashes (segmentation fault) when it fuses convolutions with a padded
        # skip connection; the fusing is worth little.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        spec = tf.TensorSpec((None, network.size, network.size, network.channels), tf.float32)
        # Traced here, once: threads then run a finished graph and never enter Keras.
        with _LOADING, _quiet():
            try:
                function = tf.function(lambda x: model(x, training=False))
                self._run = function.get_concrete_function(spec)
            except Exception as error:
                raise keras_messages.explain(error, "The model") from error

    def scores(self, batch: np.ndarray) -> Scores:
        """Run the network.

        Args:
            batch: float32 array (count, size, size, channels), scaled as the manifest says;
                count ≥ 1.

        Returns:
            The raw scores and, where the network has them, the evidence maps.

        Raises:
            ModelError: it returns something that is no number, or TensorFlow fails.
        """
        starts = range(0, len(batch), MAX_BATCH)
        parts = [self._part(batch[start : start + MAX_BATCH]) for start in starts]
        raw = np.concatenate([raw for raw, _ in parts])
        require_numbers(raw)
        return Scores.of(raw, [others for _, others in parts], self._output)

    def _part(self, batch: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        import tensorflow as tf

        try:
            outputs = self._run(tf.constant(batch, tf.float32))
        except tf.errors.OpError as error:
            raise keras_messages.explain(error, "The model") from error
        raw = np.asarray(pick(self.model, outputs, self._score), np.float32)
        shape = (len(batch),) if self._columns == 1 else (len(batch), self._columns)
        return raw.reshape(shape), {name: outputs[name] for name in self._output.beside_score}


def open_keras(
    path: Path, settings: Settings, architecture: str = "", size: int | None = None
) -> Opened:
    """Check and read a file of Keras.

    Args:
        path: Path. `.keras`, `.h5` of Keras 2 or 3, a pickled Keras model, or a SavedModel
            folder. It is never changed and nothing in it is run but Keras's own layers.
        settings: Settings. Limits.
        architecture: str. Which network the file's weights are for, where it holds only weights.
        size: int. Side of the input, where the file leaves it open.

    Returns:
        What the file says of itself, and what makes a `KerasBackend` of it.

    Raises:
        ModelError: Keras is not installed; the file is hostile, damaged, holds code, or is no
            model that tells two classes apart by one picture.
    """
    model, changes = load(path, settings, architecture, size)
    network = describe(model, size)
    return Opened(network, partial(_backend, model, network), changes)


def load(
    path: Path, settings: Settings, architecture: str = "", size: int | None = None
) -> tuple[Any, tuple[str, ...]]:
    """Read a file of Keras; arguments and errors as of `open_keras`.

    Returns:
        The keras.Model, and what had to be changed to load it, in words.
    """
    kind = kind_of(path)
    _need_keras()
    with (
        _explained(path), _LOADING, _quiet(), tempfile.TemporaryDirectory(prefix="deepfake-") as new
    ):  # fmt: skip
        if kind is SAVED_MODEL:
            return _saved_model(path, settings, size), ()
        if kind is HDF5:
            return keras_files.of_hdf5(path, Path(new), settings, architecture, size)
        if kind.is_keras:
            return keras_files.of_archive(path, kind, Path(new), settings)
    raise _foreign(path, kind)


def inspect(path: Path, settings: Settings) -> tuple[Path, ...]:
    """Refuse a hostile or damaged file, or one with code in it, without TensorFlow.

    Args:
        path: Path. As of `open_keras`.
        settings: Settings. Limits.

    Returns:
        Nothing: there are no files beside it with more of its weights.

    Raises:
        ModelError: as `load` would raise for what can be seen without making the network.
    """
    from deepfake.modelstore.safety.inspection import inspect_saved_model

    kind = kind_of(path)
    if find_spec("h5py") is None:
        _need_keras()  # says what to install
    with _explained(path), tempfile.TemporaryDirectory(prefix="deepfake-") as new:
        if kind is SAVED_MODEL:
            inspect_saved_model(path, settings)
        elif kind is HDF5:
            keras_files.inspected_hdf5(path, Path(new), settings)
        elif kind.is_keras:
            keras_files.inspected_archive(path, kind, Path(new), settings)
        else:
            raise _foreign(path, kind)
    return ()


def _foreign(path: Path, kind: Format) -> ModelError:
    return ModelError(
        f"{path} is a file of {kind.name}, not of Keras. Name a .keras or .h5 file, or the folder "
        "of a SavedModel.",
        path=path,
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except OSError as error:
        # Not its text, which may hold other paths of this machine.
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        raise ModelError(
            f"{path} cannot be read ({why}). Check that it may be read, or get it again.", path=path
        ) from error
    # Keras, TensorFlow and h5py raise nearly every kind of exception for a file they cannot read.
    except Exception as error:
        newer = keras_files.newer_version(path)
        raise keras_messages.explain(error, str(path), path, newer) from error


def _saved_model(path: Path, settings: Settings, size: int | None) -> Any:
    import keras

    from deepfake.modelstore.safety.inspection import inspect_saved_model

    inspect_saved_model(path, settings)
    layer = _endpoint(path)
    taken = getattr(layer.call_endpoint_fn, "structured_input_signature", None)
    tensors = [*taken[0], *taken[1].values()] if taken else []
    if len(tensors) != 1:
        raise ModelError(
            f"The SavedModel {path} takes {len(tensors)} inputs; only models that look at one "
            "picture can be used. Export a model with a single image input.",
            path=path,
        )
    shape = [side if index else None for index, side in enumerate(tensors[0].shape)]
    if len(shape) == 4 and size is not None:
        shape[1:3] = [side or size for side in shape[1:3]]
    inputs = keras.Input(tuple(shape[1:]), dtype=tensors[0].dtype.name)
    return keras.Model(inputs, layer(inputs), name="saved_model")


def _endpoint(path: Path) -> Any:
    import keras

    for name in ENDPOINTS:
        try:
            return keras.layers.TFSMLayer(str(path), call_endpoint=name)
        except ValueError as error:
            if "endpoint" not in str(error):
                raise
    raise ModelError(
        f"The SavedModel {path} has no endpoint called {' or '.join(ENDPOINTS)}. Export it again "
        "with model.export('folder') in Keras 3, or model.save('folder') in Keras 2.",
        path=path,
    )


def _backend(model: Any, network: Network, manifest: ModelManifest, _: Settings) -> Backend:
    return KerasBackend(model, network, manifest)


def check(network: Network, manifest: ModelManifest) -> None:
    """Refuse a manifest that says something else than the network.

    Raises:
        ModelError: it does.
    """
    said = manifest.input.size, manifest.input.planes
    if said != (network.size, network.channels):
        raise ModelError(
            f"The manifest says that the model takes {said[0]} × {said[0]} × {said[1]} values, but "
            f"its file takes {network.size} × {network.size} × {network.channels}. Correct "
            "'size' or 'channels' in the manifest."
        )
    output = manifest.output
    if output.score in (choice.name for choice in network.choices):
        network = network.choosing(output.score)
    if manifest.columns != network.columns:
        raise ModelError(
            f"The manifest says {output.kind}, which is {manifest.columns} number(s) a face, but "
            f"the model returns {network.kind} of {network.columns}. Correct 'kind' or 'labels' in "
            "the manifest."
        )
    # What tells drawings is looked for where it is used: no file says of itself that it was fitted.
    named = (output.score, *(name for name in output.beside_score if name != output.drawing))
    had = (network.score, *filter(None, [network.evidence]), *(network.experts or ()))
    if (network.score and output.score != network.score) or not set(named[1:]) <= set(had[1:]):
        raise ModelError(
            f"The manifest names the outputs {named}, but the model has {had}. Correct 'output' in "
            "the manifest."
        )


def need_packages() -> None:
    """Refuse to go on where Keras or its engine is not installed, without importing them.

    Raises:
        ModelError: one is missing.
    """
    for package in ("h5py", "keras", "tensorflow"):
        if find_spec(package) is None:
            raise _missing(package)


def _missing(package: str | None) -> MissingPackageError:
    return MissingPackageError(
        f"Models of Keras need more packages ({package} is missing). Install them with: {INSTALL}"
    )


def _need_keras() -> None:
    # TensorFlow greets with a dozen lines, some of them before its own level counts. Whoever asks
    # for them with 0 or 1 gets them; in a sandbox they tell why a process was ended.
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    loud = level in ("0", "1") or sandbox.is_inside() or "tensorflow" in sys.modules
    try:
        with nullcontext() if loud else silence():
            import h5py  # noqa: F401
            import keras
            import tensorflow

            if not loud:
                # It looks for a GPU when first asked, and complains where there is none.
                tensorflow.config.list_physical_devices()
    except ImportError as error:
        raise _missing(error.name) from error
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"Keras is set to run with {keras.backend.backend()}, and TensorFlow is needed here. "
            "Set the environment variable KERAS_BACKEND=tensorflow and start again."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep remarks of Keras and absl about old options off the terminal."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
