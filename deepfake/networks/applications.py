"""The networks of `keras.applications`, with our two outputs and ImageNet weights if wished.

Their preprocessing differs: some scale inside, some outside, one group wants BGR. Here all of it is
outside, in the manifest's mean and standard deviation, except for the order of the channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras

from deepfake.errors import TrainingError
from deepfake.networks import heads
from deepfake.networks.architectures import APPLICATIONS

BACKBONE = "backbone"


def backbone(name: str, image_size: int, weights: Literal["imagenet"] | None) -> keras.Model:
    """A network of `APPLICATIONS` without its classifier.

    Raises:
        TrainingError: the weights cannot be downloaded.
    """
    entry = APPLICATIONS[name]
    function: Callable[..., Any] = getattr(keras.applications, entry.function)
    shape = (image_size, image_size, 3)
    try:
        return function(include_top=False, weights=weights, input_shape=shape, **entry.options)
    except Exception as error:
        # `keras.utils.get_file` raises plain Exception when the network fails.
        if weights is None:
            raise
        raise TrainingError(
            f"The ImageNet weights of {entry.function} could not be downloaded ({error}). "
            "Pass --weights none to start at random, or --weights FILE with a downloaded "
            ".h5 or .keras file."
        ) from error


def network(name: str, image_size: int, dropout: float) -> keras.Model:
    """A network of `APPLICATIONS` with random weights and our head."""
    inputs = keras.Input((image_size, image_size, 3), name="image")
    # Slicing backwards is an operation that every converter knows; a Lambda layer is code.
    x = inputs[:, :, :, ::-1] if APPLICATIONS[name].bgr else inputs
    features = _without_preprocessing(name, backbone(name, image_size, None))(x)
    return heads.pooled(inputs, [features], dropout, name)


def load_imagenet(model: keras.Model) -> None:
    """Fill the backbone with its ImageNet weights, downloaded by Keras into `~/.keras`.

    Raises:
        TrainingError: they cannot be downloaded.
    """
    fill_backbone(model, backbone(model.name, model.input_shape[1], "imagenet"))


def fill_backbone(model: keras.Model, source: keras.Model) -> None:
    """Copy the weights of a backbone, as `backbone` makes it, into a network."""
    bare = _without_preprocessing(model.name, source)
    model.get_layer(BACKBONE).set_weights(bare.get_weights())


def is_backbone(layer: keras.Layer) -> bool:
    """Whether the ImageNet weights have this layer; the others start at random."""
    return bool(layer.name == BACKBONE)


def _without_preprocessing(name: str, whole: keras.Model) -> keras.Model:
    """The same layers, from the first one that learns on.

    EfficientNet keeps the mean and variance of ImageNet as weights; cut off here, the start with
    random weights gets scaled pictures as well.
    """
    first = APPLICATIONS[name].first_layer
    start = whole.get_layer(first).input if first else whole.input
    return keras.Model(start, whole.output, name=BACKBONE)
