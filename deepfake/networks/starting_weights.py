"""A file of weights → the start of a network."""

from __future__ import annotations

import warnings
from pathlib import Path
from zipfile import BadZipFile

import h5py
import keras

from deepfake.errors import TrainingError
from deepfake.networks import applications
from deepfake.networks.architectures import APPLICATIONS

SUFFIXES = (".keras", ".h5")


def load_weights(network: keras.Model, path: Path) -> bool:
    """Fill a network, or only its backbone, from a file.

    Args:
        network: keras.Model. As of `networks.build`.
        path: Path. A `.keras` or `.h5` model or `.weights.h5` file: a network of this architecture,
            or for those of `keras.applications` the backbone, with or without its classifier.

    Returns:
        True if the head was filled as well, so that the network can already tell fakes.

    Raises:
        TrainingError: the file cannot be read, or holds another network.
    """
    if path.suffix not in SUFFIXES:
        raise TrainingError(f"Weights come as {' or '.join(SUFFIXES)} files. Received: {path}.")
    try:
        if _holds_a_model(path):
            return _from_model(network, keras.saving.load_model(path, compile=False), path)
        return _from_weights(network, path)
    except (ValueError, OSError, TypeError, KeyError, AttributeError, BadZipFile) as error:
        raise TrainingError(
            f"{path} cannot be used as a start for {network.name}: {error}"
        ) from error


def _holds_a_model(path: Path) -> bool:
    if path.suffix == ".keras":
        return True
    with h5py.File(path) as file:
        return "model_config" in file.attrs


def _from_model(network: keras.Model, source: keras.Model, path: Path) -> bool:
    weights = source.get_weights()
    if _shapes(source) == _shapes(network):
        network.set_weights(weights)
        return True
    if network.name in APPLICATIONS:
        backbone = _backbone(network)
        count = len(backbone.weights)
        # A classifier comes after the backbone.
        if _shapes(source)[:count] == _shapes(backbone):
            backbone.set_weights(weights[:count])
            applications.fill_backbone(network, backbone)
            return False
    raise TrainingError(
        f"{path} holds another network than {network.name} at {network.input_shape[1]} pixels. "
        "Name a file of the same architecture, and the same --image-size for a dense network."
    )


def _from_weights(network: keras.Model, path: Path) -> bool:
    if network.name not in APPLICATIONS:
        network.load_weights(path)
        return True
    try:
        # A copy: a load that fails halfway leaves some weights changed.
        copy = keras.models.clone_model(network)
        with warnings.catch_warnings():
            # One for each layer that the file lacks; the backbone's file lacks our head.
            warnings.simplefilter("ignore")
            copy.load_weights(path)
    except (ValueError, KeyError):
        backbone = _backbone(network)
        backbone.load_weights(path)
        applications.fill_backbone(network, backbone)
        return False
    network.set_weights(copy.get_weights())
    return True


def _backbone(network: keras.Model) -> keras.Model:
    return applications.backbone(network.name, network.input_shape[1], None)


def _shapes(model: keras.Model) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in model.weights]
