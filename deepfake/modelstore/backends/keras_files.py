"""Files of Keras 2 and 3 → a checked copy that Keras 3 reads → a network."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepfake.errors import ModelError
from deepfake.files.digest import size_of
from deepfake.modelstore.backends import keras_sizes
from deepfake.modelstore.formats import KERAS, PICKLE, Format
from deepfake.modelstore.keras2 import archives, functions, pickles, rewriting
from deepfake.modelstore.safety.kinds import kind_of
from deepfake.settings import Settings

Loaded = tuple[Any, tuple[str, ...]]


def of_archive(path: Path, kind: Format, folder: Path, settings: Settings) -> Loaded:
    """Load a `.keras` file or the one in a pickle.

    Args:
        path: Path. The file.
        kind: Format. Which of the two it is.
        folder: Path. An empty one, for copies.
        settings: Settings. Limits.

    Returns:
        The keras.Model, and what had to be changed to load it, in words.

    Raises:
        ModelError: it is hostile, damaged, or larger than its file is worth.
    """
    import keras

    copy, changes = inspected_archive(path, kind, folder, settings)
    with zipfile.ZipFile(copy) as archive:
        build = _builder(archive.read("config.json"))
    keras_sizes.inspect(build, size_of(copy))
    if archives.is_of_keras_2(copy):
        model = build()
        model.load_weights(archives.weights_of(copy, folder))
        return model, changes
    return keras.saving.load_model(copy, compile=False, safe_mode=True), changes


def inspected_archive(
    path: Path, kind: Format, folder: Path, settings: Settings
) -> tuple[Path, tuple[str, ...]]:
    """Check a `.keras` file; arguments and errors as of `of_archive`.

    Returns:
        A copy that Keras 3 reads, and what was changed in it.
    """
    from deepfake.modelstore.safety.inspection import check_size, inspect_keras_zip

    # A copy: what was inspected is what is loaded, and Keras decides by the name's ending.
    copy = folder / "model.keras"
    changes: tuple[str, ...] = ()
    if kind is PICKLE:
        copy.write_bytes(pickles.read_archive(path, settings))
        if kind_of(copy) is not KERAS:
            raise ModelError(f"{path} holds no .keras archive. {pickles.RE_EXPORT}", path=path)
        changes = ("took the .keras archive out of the pickle, without running it",)
    else:
        check_size(path, settings)
        shutil.copyfile(path, copy)
    if archives.is_of_keras_2(copy):
        # Its arrays first; what it describes is looked at once it is in the words of Keras 3.
        inspect_keras_zip(copy, settings, description=False)
        changes += archives.rewrite(copy)
    inspect_keras_zip(copy, settings)
    return copy, changes


def of_hdf5(
    path: Path, folder: Path, settings: Settings, architecture: str, size: int | None
) -> Loaded:
    """Load an `.h5` file.

    Args:
        path: Path. The file.
        folder: Path. An empty one, for copies.
        settings: Settings. Limits.
        architecture: str. Which network its weights are for, where it holds only weights.
        size: int. Side of the input of that network.

    Returns:
        As of `of_archive`; errors, too.
    """
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    from deepfake.modelstore.keras2 import classic_networks

    copy, whole, changes = inspected_hdf5(path, folder, settings)
    if not whole:
        return classic_networks.load_weights(copy, architecture, size, path)
    with h5py.File(copy, "r") as file:
        # Not `load_model`, which takes the dots of x[..., ::-1] for an object before they are read.
        build = _builder(file.attrs["model_config"])
        keras_sizes.inspect(build, size_of(copy))
        model = build()
        legacy_h5_format.load_weights_from_hdf5_group(file["model_weights"], model)
    for layer in model._flatten_layers():
        # Keras 3.15 forgets those in nested networks: EfficientNet's would then do nothing.
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return model, changes


def inspected_hdf5(
    path: Path, folder: Path, settings: Settings
) -> tuple[Path, bool, tuple[str, ...]]:
    """Check an `.h5` file; arguments and errors as of `of_hdf5`.

    Returns:
        A copy that Keras 3 reads, whether it holds a whole model, and what was changed in it.
    """
    import h5py

    from deepfake.modelstore.safety.inspection import check_size, inspect_hdf5

    check_size(path, settings)
    copy = folder / "model.h5"
    shutil.copyfile(path, copy)
    # In a process of its own, before anything here reads it; what it describes is looked at below.
    inspect_hdf5(copy, settings, description=False)
    with h5py.File(copy, "r") as file:
        whole = "model_config" in file.attrs
    if not whole:
        return copy, False, ()
    # Rewritten first, so that the description that is inspected is the one that Keras reads.
    changes = rewriting.rewrite(copy)
    inspect_hdf5(copy, settings)
    return copy, True, changes


def newer_version(path: Path) -> str:
    """The version of Keras that a file was saved with, if it is newer than the installed one.

    Args:
        path: Path. The file, whatever it is.

    Returns:
        Such as "3.20.0"; "" for older ones and where the file does not say it.
    """
    from importlib.metadata import version

    try:
        if zipfile.is_zipfile(path):
            saved = archives.version_of(path)
        else:
            import h5py

            with h5py.File(path, "r") as file:
                saved = str(file.attrs.get("keras_version", ""))[:20]
        numbers = [[int(n) for n in text.split(".")[:2]] for text in (saved, version("keras"))]
    # Whatever is wrong with it, it is said elsewhere.
    except Exception:
        return ""
    return saved if numbers[0] > numbers[1] else ""


def _builder(described: str | bytes) -> Callable[[], Any]:
    """What makes the network of a description: of Keras 3, or of Keras 2 in its words."""
    import keras
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer
    from keras.src.legacy.saving.saving_utils import model_from_config

    functions.register()
    # A layer that belongs to Keras but is not found by its name.
    own = {"CustomScaleLayer": CustomScaleLayer}

    def build() -> Any:
        config = json.loads(described)  # Keras takes things out of what it is given
        if "module" not in config:
            return model_from_config(config, custom_objects=own)
        make = keras.saving.deserialize_keras_object
        return make(config, custom_objects=own, safe_mode=True)

    return build
