"""Heads on the shipped trunk -> final/network.keras, in plain Keras 3 layers without a Lambda.

Usage: build_network.py HEADS.npz PART, PART being all or blocks.

Input (batch, 224, 224, 3), (x − 127) / 128 of the upright, levelled crop. Outputs: `logit`
(batch, 1), the noisy-or of both experts; `seam_logit` and `synthesis_logit` (batch, 1);
`evidence` (batch, 56, 56): the sum of the experts' maps, each times how much the logit follows it;
its mean is the logit.

An expert is linear in means of the taps, and in means and standard deviations of the trunk's
outputs over all places. Each place's share of a standard deviation s is (x − mean)² / s, the mean
of which is s: so the mean of an expert's map is its logit up to the bias, without gradients.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

REPEATS = (1, 2, 2, 3, 3, 4, 1)
EXPERTS = ("seam", "synthesis")
FINAL = Path("/work/m2/final")
SMALLEST = 1e-6


def feature_maps(network: keras.Model, part: str) -> list[Any]:
    """Maps in the order of the fit's features.

    "all": taps, outputs of the stages, spreads of those; "blocks": taps, outputs of all blocks,
    spreads of both.
    """
    names = {layer.name for layer in network.layers}
    taps = [network.get_layer(f"tap{stage}_relu").output for stage in (1, 2, 3, 4)]
    taps.append(network.get_layer("head_relu").output)
    blocks = []
    for stage, count in enumerate(REPEATS):
        for repeat in range(count) if part == "blocks" else (count - 1,):
            name = f"stage{stage}_block{repeat}"
            last = f"{name}_add" if f"{name}_add" in names else f"{name}_project_bn"
            blocks.append(network.get_layer(last).output)
    plain = [*taps, *blocks]
    return plain + [shares_of_spread(x) for x in (plain if part == "blocks" else blocks)]


def shares_of_spread(x: Any) -> Any:
    """Map whose mean over places is each channel's standard deviation."""
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    square = ops.square(x - mean)
    variance = ops.mean(square, axis=(1, 2), keepdims=True)
    return square * ops.rsqrt(ops.maximum(variance, SMALLEST))


def fitted(x: Any, rows: int, name: str) -> Any:
    """A map at `rows` × `rows`, its mean kept."""
    if x.shape[1] > rows:
        return layers.AveragePooling2D(x.shape[1] // rows, name=name)(x)
    if x.shape[1] < rows:
        return layers.UpSampling2D(rows // x.shape[1], name=name)(x)
    return x


def build(network: keras.Model, weights: np.ndarray, biases: np.ndarray, part: str) -> keras.Model:
    """Both experts over the maps of `network`.

    Args:
        network: keras.Model. The shipped, plain EfficientNet-Lite0.
        weights: float array (2, width). Over the means of `feature_maps`.
        biases: float array (2,).
        part: str. As of `feature_maps`.
    """
    maps = feature_maps(network, part)
    rows = maps[0].shape[1]
    pieces, start = [], 0
    for index, x in enumerate(maps):
        width = x.shape[-1]
        layer = layers.Conv2D(2, 1, use_bias=False, name=f"expert_maps{index}")
        piece = layer(x)
        layer.set_weights([weights[:, start : start + width].T.reshape(1, 1, width, 2)])
        start += width
        pieces.append(piece)
    assert start == weights.shape[1]
    means = layers.Add(name="expert_sums")(
        [layers.GlobalAveragePooling2D(name=f"expert_mean{i}")(p) for i, p in enumerate(pieces)]
    )
    total = layers.Add(name="sum_maps")([fitted(p, rows, f"fit{i}") for i, p in enumerate(pieces)])
    experts = []
    for index, name in enumerate(EXPERTS):
        layer = layers.Dense(1, name=f"{name}_logit")
        experts.append(layer(means))
        choice = np.zeros((2, 1), np.float32)
        choice[index] = 1.0
        layer.set_weights([choice, biases[index : index + 1]])
    a, b = experts
    # 1 − (1 − p)(1 − q) as a logit: log(eᵃ + eᵇ + eᵃ⁺ᵇ), without overflow.
    sure = ops.softplus(a) + ops.softplus(b)
    logit = layers.Identity(name="logit")(sure + ops.log(-ops.expm1(-sure)))
    follows = ops.concatenate([ops.sigmoid(a), ops.sigmoid(b)], axis=-1) / ops.sigmoid(logit)
    shown = ops.sum(total * ops.reshape(follows, (-1, 1, 1, 2)), axis=-1, keepdims=True)
    # What no place accounts for (biases, the bend of the noisy-or) is spread over all of them.
    shown = shown + ops.reshape(logit, (-1, 1, 1, 1)) - ops.mean(shown, axis=(1, 2), keepdims=True)
    evidence = layers.Reshape((rows, rows), name="evidence")(shown)
    outputs = {"logit": logit, "evidence": evidence, "seam_logit": a, "synthesis_logit": b}
    return keras.Model(network.input, outputs, name="efficientnet-lite0")


def main(heads: str, part: str) -> None:
    plain = keras.saving.load_model("/work/m2/cache/plain130.keras", compile=False)
    found = np.load(heads)
    model = build(plain, found["weights"], found["biases"], part)
    FINAL.mkdir(exist_ok=True)
    model.save(FINAL / "network.keras")
    print("saved", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
