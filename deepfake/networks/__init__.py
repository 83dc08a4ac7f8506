"""Network architectures, by name.

Every network here has two outputs: the logit, whose sigmoid grows with "fake", and the evidence
map, a low-resolution picture of which places raised or lowered the logit. Some have two more: the
logits of two experts, whose combination the logit is.

Keras is imported when a network is built, not before: what an architecture is like is also asked
by those who build none.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from deepfake.errors import TrainingError
from deepfake.networks.architectures import (
    ARCHITECTURES,
    EXPERTS,
    Architecture,
    architecture,
    check_size,
)

if TYPE_CHECKING:
    import keras

__all__ = [
    "ARCHITECTURES", "EXPERTS", "Architecture", "architecture", "build", "check_size",
    "freeze_backbone", "load_imagenet",
]  # fmt: skip


def build(name: str, image_size: int, *, dropout: float | None = None) -> keras.Model:
    """Build an untrained network.

    Args:
        name: str. One of `ARCHITECTURES`.
        image_size: int. Side of the square input in pixels.
        dropout: float. Share of features dropped in training. Defaults to the architecture's.

    Returns:
        A model from `(batch, image_size, image_size, 3)` float32 RGB, scaled as the architecture
        says, to `{"logit": (batch, 1), "evidence": (batch, rows, columns)}`. The mean of the
        evidence is the logit, up to biases. With experts also "seam_logit" and "synthesis_logit",
        both (batch, 1).

    Raises:
        TrainingError: the name is not known or the size does not fit.
    """
    check_size(name, image_size)
    usual = architecture(name).dropout
    model: keras.Model = _module(name).network(
        name, image_size, usual if dropout is None else dropout
    )
    return model


def load_imagenet(model: keras.Model) -> None:
    """Fill the backbone with its ImageNet weights; the head keeps its random start.

    Args:
        model: keras.Model. Made by `build`.

    Raises:
        TrainingError: there are none, or they cannot be had.
    """
    if not architecture(model.name).imagenet:
        raise TrainingError(
            f"There are no ImageNet weights for {model.name}. Pass --weights none to start at "
            "random, or --weights FILE with a trained network."
        )
    _module(model.name).load_imagenet(model)


def freeze_backbone(model: keras.Model, frozen: bool) -> None:
    """Let only the head learn, or everything again.

    A frozen batch normalisation also keeps the statistics that it came with.

    Args:
        model: keras.Model. Made by `build`, or its logit alone.
        frozen: bool. Whether the backbone keeps its weights.

    Raises:
        TrainingError: it has no backbone.
    """
    if not architecture(model.name).imagenet:
        raise TrainingError(
            f"{model.name} has no pretrained backbone that could be frozen. Leave "
            "--warm-up-epochs out."
        )
    is_backbone = _module(model.name).is_backbone
    for layer in model.layers:
        if is_backbone(layer):
            layer.trainable = not frozen


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{architecture(name).module}")
