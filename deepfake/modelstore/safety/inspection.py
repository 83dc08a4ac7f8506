"""Refuses hostile model files before any library that runs them sees them.

Sizes come first, then what a file says of itself, read with json, zipfile, h5py and our own reader
of protocol buffers. What passes is what Keras, TensorFlow or ONNX would have written for a network
that judges pictures. HDF5 is read by a child in a sandbox first: its library is native code, and
some of its bombs are only seen when they go off.
"""

from __future__ import annotations

from pathlib import Path

from deepfake.errors import ModelError, ModelNotFoundError
from deepfake.modelstore.safety import inspection_child, sandbox
from deepfake.modelstore.safety.keras_config import inspect_config
from deepfake.modelstore.safety.onnx_file import inspect_model
from deepfake.modelstore.safety.saved_model import inspect_graph
from deepfake.settings import Settings

SECONDS = 120.0
MEMORY = 1_000_000_000

__all__ = [
    "check_size",
    "inspect_config",
    "inspect_hdf5",
    "inspect_keras_zip",
    "inspect_litert",
    "inspect_onnx",
    "inspect_saved_model",
]


def check_size(path: Path, settings: Settings) -> None:
    """Refuse a file over the size limit, before it is opened.

    Args:
        path: Path. The file.
        settings: Settings. `max_model_bytes`.

    Raises:
        ModelError: it is larger, is not a plain file, or is not there.
    """
    try:
        if not path.is_file():
            raise ModelNotFoundError(
                f"{path} is not a file. Check the name of the model file.", path=path
            )
        size = path.stat().st_size
    except OSError as error:
        raise ModelNotFoundError(
            f"{path} cannot be read ({error.strerror}). Check its name.", path=path
        ) from error
    if size > settings.max_model_bytes:
        raise ModelError(
            f"{path.name} has {size:,} bytes; models up to {settings.max_model_bytes:,} are "
            "opened. Use a smaller model or raise DEEPFAKE_MAX_MODEL_BYTES."
        )
    if size == 0:
        raise ModelError(f"{path.name} is empty. Get the file again.")


def inspect_hdf5(path: Path, settings: Settings, *, description: bool = True) -> None:
    """Refuse a hostile or damaged `.h5` file: a whole model or weights alone.

    Args:
        path: Path. The file.
        settings: Settings. `max_model_bytes`, which also holds for the arrays in it.
        description: bool. Whether the network that it describes is checked, too; without, the
            caller does so with `inspect_config`. Defaults to True.

    Raises:
        ModelError: it is too large, points outside, promises more than it holds, or describes
            a network that is not made of Keras's own layers; or h5py is missing.
    """
    check_size(path, settings)
    _inspect_apart("hdf5" if description else "arrays", path, settings)


def inspect_keras_zip(path: Path, settings: Settings, *, description: bool = True) -> None:
    """Refuse a hostile or damaged `.keras` archive.

    Args:
        path: Path. The file.
        settings: Settings. `max_model_bytes`, which also holds for what is in it.
        description: bool. As of `inspect_hdf5`.

    Raises:
        ModelError: as of `inspect_hdf5`, or its members lead outside of it, are too many, or are
            not what Keras writes.
    """
    check_size(path, settings)
    _inspect_apart("keras" if description else "members", path, settings)


def inspect_saved_model(path: Path, settings: Settings) -> None:
    """Refuse a SavedModel folder whose graph has other operations than networks are made of.

    Args:
        path: Path. The folder.
        settings: Settings. `max_model_bytes`, for all its files together.

    Raises:
        ModelError: it has, is of TensorFlow 1, too large, or damaged.
    """
    inspect_graph(path, settings.max_model_bytes)


def inspect_litert(path: Path, settings: Settings) -> tuple[Path, ...]:
    """Refuse a LiteRT file over the size limit; only a trial shows more.

    Returns:
        Nothing: all its numbers are in it.

    Raises:
        ModelError: it is too large, or not there.
    """
    check_size(path, settings)
    return ()


def inspect_onnx(path: Path, settings: Settings) -> tuple[Path, ...]:
    """Refuse an ONNX file that names files elsewhere, foreign operators, or endless arrays.

    Args:
        path: Path. The file.
        settings: Settings. `max_model_bytes`, which also holds for the arrays in it.

    Returns:
        The files beside it that hold some of its numbers.

    Raises:
        ModelError: it does, is too large, or is damaged.
    """
    check_size(path, settings)
    return inspect_model(path, settings.max_model_bytes)


def _inspect_apart(kind: str, path: Path, settings: Settings) -> None:
    limit = settings.max_model_bytes
    if sandbox.is_inside():
        inspection_child.inspect(kind, path, limit)
        return
    sandbox.run(
        "deepfake.modelstore.safety.inspection_child",
        [kind, str(path.absolute()), str(limit)],
        readable=[path],
        writable=[],
        seconds=SECONDS,
        # It unpacks the weights of an archive into a file, whose size this limits as well.
        memory=MEMORY + limit,
    )
