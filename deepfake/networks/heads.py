"""The last layers: features → logit and evidence map.

Both heads say exactly how much each place added to the logit, without gradients, so that serving
can show it.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from deepfake.networks.architectures import TRACES

# Below this a channel is the same everywhere, and its spread is rounding.
SMALLEST_VARIANCE = 1e-6
# A picture with such odds of being fake has a logit of −69.
SMALLEST_ODDS = 1e-30


def pooled(inputs: Any, taps: list[Any], dropout: float, name: str) -> keras.Model:
    """Classify globally averaged features with one dense layer.

    The map is the class activation map of Zhou et al. 2016 (arXiv 1512.04150): the weights of the
    dense layer, applied before the averaging. A 1×1 convolution before the averaging equals a dense
    layer after it, and dropout of whole channels equals dropout of the pooled features.

    Args:
        inputs: the network's input tensor.
        taps: feature maps (batch, rows, columns, channels), the finest first; every side must
            divide the first one's.
        dropout: float. Share of pooled features dropped in training.
        name: str. Of the network.

    Returns:
        A network with the outputs of `networks.build`; the map's mean is the logit.
    """
    rows = taps[0].shape[1]
    maps, logits = [], []
    for index, tap in enumerate(taps):
        last = index == len(taps) - 1
        dropped = layers.SpatialDropout2D(dropout, name=f"dropout{index}")(tap)
        # float32: with mixed precision, 16 bits are too few for a logit.
        patch = layers.Conv2D(1, 1, use_bias=last, dtype="float32", name=f"evidence{index}")(
            dropped
        )
        pool = layers.GlobalAveragePooling2D(dtype="float32", name=f"logit{index}")
        logits.append(pool(patch))
        factor = rows // patch.shape[1]
        if factor > 1:
            patch = layers.UpSampling2D(factor, dtype="float32", name=f"enlarge{index}")(patch)
        maps.append(patch)
    logit, total = logits[0], maps[0]
    if len(taps) > 1:
        logit = layers.Add(dtype="float32", name="logit")(logits)
        total = layers.Add(dtype="float32", name="sum_maps")(maps)
    evidence = layers.Reshape((rows, rows), dtype="float32", name="evidence")(total)
    return keras.Model(inputs, {"logit": logit, "evidence": evidence}, name=name)


def experts(
    inputs: Any, means: list[Any], spreads: list[Any], dropout: float, name: str
) -> keras.Model:
    """Two experts, for seams and for synthesis, and their noisy-or.

    Traces of blending and of generation fight each other in one head. Each of `TRACES` has a map
    that is linear in pooled features: the means of maps over all places, and their standard
    deviations. A place's share of a standard deviation s is (x − mean)² / s, whose mean is s, so
    that these have a map, too. A picture is fake if it shows one kind of traces or another:
    p = 1 − Π(1 − pᵢ); the expert for synthesis combines all but the first the same way.

    Args:
        inputs: the network's input tensor.
        means: feature maps (batch, rows, columns, channels) whose means are features; the map is as
            fine as the first one, whose side must divide the others' or be divided by them.
        spreads: feature maps whose standard deviations are.
        dropout: float. Share of pooled features dropped in training.
        name: str. Of the network.

    Returns:
        A network with the outputs of `networks.build`, and "seam_logit", "synthesis_logit" and
        "drawing_logit", each (batch, 1). The map's mean is the logit: it sums the maps of all
        traces, each times how much the logit follows it, and what no place accounts for is spread
        over all of them. The last tells drawings from photographs by the same features, once it is
        fitted (docs/model-2.md); before, it says "photograph" of everything.
    """
    rows = means[0].shape[1]
    maps = [*means, *(_shares_of_spread(x) for x in spreads)]
    features = [
        layers.GlobalAveragePooling2D(dtype="float32", name=f"features{index}")(x)
        for index, x in enumerate(maps)
    ]
    drawing = layers.Dense(
        1, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(-1.0),
        trainable=False, dtype="float32", name="drawing",
    )(layers.Concatenate(dtype="float32", name="features")(features))  # fmt: skip
    pools, shown = [], []
    for index, x in enumerate(maps):
        dropped = layers.SpatialDropout2D(dropout, name=f"dropout{index}")(x)
        # The bias once, in the last one. float32: as in `pooled`.
        patch = layers.Conv2D(
            len(TRACES), 1, use_bias=index == len(maps) - 1, dtype="float32",
            name=f"expert_maps{index}",
        )(dropped)  # fmt: skip
        pools.append(layers.GlobalAveragePooling2D(dtype="float32", name=f"experts{index}")(patch))
        if x.shape[1] > rows:
            patch = layers.AveragePooling2D(
                x.shape[1] // rows, dtype="float32", name=f"shrink{index}"
            )(patch)
        elif x.shape[1] < rows:
            patch = layers.UpSampling2D(
                rows // x.shape[1], dtype="float32", name=f"enlarge{index}"
            )(patch)
        shown.append(patch)
    logits = layers.Add(dtype="float32", name="experts")(pools)
    total = layers.Add(dtype="float32", name="sum_maps")(shown)
    either = _noisy_or(logits)
    logit = layers.Identity(dtype="float32", name="logit")(either)
    # Its derivatives: pᵢ / p.
    follows = ops.exp(ops.log_sigmoid(logits) - ops.log_sigmoid(either))
    weighed = ops.sum(total * ops.reshape(follows, (-1, 1, 1, len(TRACES))), axis=-1)
    left = ops.reshape(logit, (-1, 1, 1)) - ops.mean(weighed, axis=(1, 2), keepdims=True)
    evidence = layers.Identity(dtype="float32", name="evidence")(weighed + left)
    outputs = {
        "logit": logit, "evidence": evidence,
        "seam_logit": logits[:, :1], "synthesis_logit": _noisy_or(logits[:, 1:]),
        "drawing_logit": drawing,
    }  # fmt: skip
    return keras.Model(inputs, outputs, name=name)


def _noisy_or(logits: Any) -> Any:
    """(batch, count) → (batch, 1): the logit of 1 − Π(1 − pᵢ)."""
    # −log Π(1 − pᵢ), which is log(1 + e^result). Below the smallest all are surely real.
    odds = ops.maximum(ops.sum(ops.softplus(logits), axis=-1, keepdims=True), SMALLEST_ODDS)
    return odds + ops.log(-ops.expm1(-odds))


def _shares_of_spread(x: Any) -> Any:
    """A map whose mean over places is each channel's standard deviation."""
    x = ops.cast(x, "float32")
    square = ops.square(x - ops.mean(x, axis=(1, 2), keepdims=True))
    variance = ops.mean(square, axis=(1, 2), keepdims=True)
    return square * ops.rsqrt(ops.maximum(variance, SMALLEST_VARIANCE))


def flattened(
    inputs: Any, features: Any, hidden: int, slope: float, dropout: float, name: str
) -> keras.Model:
    """Classify flattened features with one hidden layer and one output.

    With (leaky) ReLU the hidden layer is linear wherever it stays on the same side of zero, so the
    logit is a sum over places plus biases, with each unit weighing what it weighed for this very
    picture. Flatten + Dense is written as a product of each place with its own weights, summed
    afterwards: the same numbers, with the summands kept for the map.

    Args:
        inputs: the network's input tensor.
        features: feature map (batch, rows, columns, channels).
        hidden: int. Units of the hidden layer.
        slope: float. Of the leaky ReLU below zero; 0 for ReLU.
        dropout: float. Share of features, and of hidden units, dropped in training.
        name: str. Of the network.

    Returns:
        A network with the outputs of `networks.build`; the map's mean is the logit up to the
        biases.
    """
    _, rows, columns, channels = features.shape
    dropped = layers.Dropout(dropout, name="dropout_features")(features)
    # Glorot's range for the dense layer that this is, not for one of a single place.
    spread = (6.0 / (rows * columns * channels + hidden)) ** 0.5
    places = layers.EinsumDense(
        "brck,rckh->brch",
        (rows, columns, hidden),
        kernel_initializer=keras.initializers.RandomUniform(-spread, spread),
        dtype="float32",
        name="hidden_places",
    )(dropped)
    # A bias in the layer above would be added once for each place.
    bias = layers.Dense(
        hidden, use_bias=False, kernel_initializer="zeros", dtype="float32", name="hidden_bias"
    )
    total = ops.sum(places, axis=(1, 2))
    total = total + bias(ops.ones_like(total[:, :1]))
    gate = ops.where(total > 0, 1.0, slope)
    score = layers.Dense(1, use_bias=False, dtype="float32", name="score")
    final_bias = layers.Dense(
        1, use_bias=False, kernel_initializer="zeros", dtype="float32", name="score_bias"
    )
    active = layers.Dropout(dropout, dtype="float32", name="dropout_hidden")(total * gate)
    logit = layers.Add(dtype="float32", name="logit")(
        [score(active), final_bias(ops.ones_like(total[:, :1]))]
    )
    gated = places * ops.reshape(gate, (-1, 1, 1, hidden))
    # Times the number of places: the map's mean, not its sum, is the logit, as in `pooled`.
    per_place = ops.reshape(score(gated), (-1, rows, columns)) * float(rows * columns)
    evidence = layers.Identity(dtype="float32", name="evidence")(per_place)
    return keras.Model(inputs, {"logit": logit, "evidence": evidence}, name=name)
