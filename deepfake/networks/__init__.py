"""Network architectures, by name.

Every network here has two outputs: the logit, whose sigmoid grows with "fake", and the evidence
map, a low-resolution picture of which places raised or lowered the logit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras

from deepfake.errors import TrainingError
from deepfake.networks import applications, classic, efficientnet_lite
from deepfake.networks.applications import SYMMETRIC, Triple
from deepfake.networks.efficientnet_lite import IMAGENET_FILE, IMAGENET_PACKAGE

__all__ = [
    "ARCHITECTURES", "IMAGENET_FILE", "IMAGENET_PACKAGE", "Architecture", "architecture", "build",
    "check_size", "freeze_backbone", "load_imagenet",
]  # fmt: skip


@dataclass(frozen=True)
class Architecture:
    """What is known of an architecture before it is built.

    Attributes:
        network: makes it with random weights, from image size and dropout.
        load_imagenet: fills its backbone; None if there are no ImageNet weights for it.
        image_size: int. The usual side of its input in pixels.
        smallest: int. The smallest side.
        multiple: int. The side must be a multiple of this.
        mean: subtracted from each channel of RGB in 0..255.
        std: each channel is divided by it afterwards.
        dropout: float. The usual dropout of its head.
    """

    network: Callable[[int, float], keras.Model]
    load_imagenet: Callable[[keras.Model], None] | None
    image_size: int
    smallest: int
    multiple: int
    mean: Triple
    std: Triple
    dropout: float = 0.2


ARCHITECTURES = {
    "cnn": Architecture(classic.cnn, None, 128, 16, 8, *SYMMETRIC, dropout=0.5),
    # The ImageNet weights of EfficientNet-Lite expect (value - 127) / 128.
    "efficientnet-lite0": Architecture(
        efficientnet_lite.efficientnet_lite0, efficientnet_lite.load_imagenet, 192, 64, 32,
        (127.0, 127.0, 127.0), (128.0, 128.0, 128.0),
    ),
    "meso4": Architecture(classic.meso4, None, 256, 32, 32, *SYMMETRIC, dropout=0.5),
    "mesoinception4": Architecture(
        classic.mesoinception4, None, 256, 32, 32, *SYMMETRIC, dropout=0.5
    ),
    **{
        name: Architecture(
            partial(applications.network, name), applications.load_imagenet,
            row.image_size, row.smallest, 1, *row.scaling,
        )
        for name, row in applications.APPLICATIONS.items()
    },
}  # fmt: skip


def architecture(name: str) -> Architecture:
    """Look an architecture up.

    Raises:
        TrainingError: the name is not known.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise TrainingError(f"There is no architecture called {name!r}. Choose one of: {known}.")
    return ARCHITECTURES[name]


def build(name: str, image_size: int, *, dropout: float | None = None) -> keras.Model:
    """Build an untrained network.

    Args:
        name: str. One of `ARCHITECTURES`.
        image_size: int. Side of the square input in pixels.
        dropout: float. Share of features dropped in training. Defaults to the architecture's.

    Returns:
        A model from `(batch, image_size, image_size, 3)` float32 RGB, scaled as the architecture's
        mean and std say, to `{"logit": (batch, 1), "evidence": (batch, rows, columns)}`. The mean
        of the evidence is the logit, up to biases.

    Raises:
        TrainingError: the name is not known or the size does not fit.
    """
    check_size(name, image_size)
    entry = architecture(name)
    return entry.network(image_size, entry.dropout if dropout is None else dropout)


def check_size(name: str, image_size: int) -> None:
    """Refuse an input size that an architecture cannot take.

    Raises:
        TrainingError: it cannot, or the name is not known.
    """
    entry = architecture(name)
    if image_size % entry.multiple or not entry.smallest <= image_size <= 2048:
        multiple = f" a multiple of {entry.multiple} and" if entry.multiple > 1 else ""
        raise TrainingError(
            f"The image size of {name} must be{multiple} at least {entry.smallest}. "
            f"Received: {image_size}."
        )


def load_imagenet(model: keras.Model) -> None:
    """Fill the backbone with its ImageNet weights; the head keeps its random start.

    Args:
        model: keras.Model. Made by `build`.

    Raises:
        TrainingError: there are none, or they cannot be had.
    """
    load = architecture(model.name).load_imagenet
    if load is None:
        raise TrainingError(
            f"There are no ImageNet weights for {model.name}. Pass --weights none to start at "
            "random, or --weights FILE with a trained network."
        )
    load(model)


def freeze_backbone(model: keras.Model, frozen: bool) -> None:
    """Let only the head learn, or everything again.

    A frozen batch normalisation also keeps the statistics that it came with.

    Args:
        model: keras.Model. Made by `build`, or its logit alone.
        frozen: bool. Whether the backbone keeps its weights.

    Raises:
        TrainingError: it has no backbone.
    """
    if architecture(model.name).load_imagenet is None:
        raise TrainingError(
            f"{model.name} has no pretrained backbone that could be frozen. Leave "
            "--warm-up-epochs out."
        )
    for layer in model.layers:
        if layer.name == applications.BACKBONE or efficientnet_lite.is_backbone(layer):
            layer.trainable = not frozen
