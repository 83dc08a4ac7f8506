"""Heads that were fitted on the features of a trunk → a network of `deepfake train`.

Usage: build_network.py HEADS.npz TRUNK.keras NETWORK.keras

HEADS: `weights` (4, features) and `biases` (4,) of `networks.heads.TRACES`, over the
means of the taps and of the stages' outputs and the standard deviations of the latter, as
`fit_heads.py … all` writes them. TRUNK: a plain EfficientNet-Lite0 with taps. NETWORK: the
architecture `efficientnet-lite0-experts` at the trunk's size, not averaged over the mirror image.
"""

from __future__ import annotations

import sys

import keras
import numpy as np

from deepfake import networks

heads, trunk_file, network_file = sys.argv[1:]
trunk = keras.saving.load_model(trunk_file, compile=False)
network = networks.build("efficientnet-lite0-experts", trunk.input_shape[1])
for layer in trunk.layers:
    if layer.weights and not layer.name.startswith("evidence"):
        network.get_layer(layer.name).set_weights(layer.get_weights())
found, start = np.load(heads), 0
names = sorted(
    (layer.name for layer in network.layers if layer.name.startswith("expert_maps")),
    key=lambda name: int(name.removeprefix("expert_maps")),
)
for name in names:
    layer = network.get_layer(name)
    width = layer.kernel.shape[2]
    part = found["weights"][:, start : start + width].T.reshape(1, 1, width, -1)
    layer.set_weights([part, found["biases"]] if layer.use_bias else [part])
    start += width
assert start == found["weights"].shape[1], (start, found["weights"].shape)
network.save(network_file)
