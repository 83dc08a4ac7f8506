"""A network → one that judges each face and its mirror image, and says the mean.

Test-time augmentation by the horizontal flip, as ImageNet classifiers have used it since
Krizhevsky et al. 2012 (there with crops as well). It is a part of the exported network, so that
whatever serves the file needs to know nothing of it.
"""

from __future__ import annotations

import keras

SAID = "mean logit of the face and its mirror image"


def flip_averaged(network: keras.Model) -> keras.Model:
    """Wrap a network; the weights are shared, and in the same order.

    Args:
        network: keras.Model. As of `networks.build`: from (batch, size, size, 3) to
            `{"logit": (batch, 1), "evidence": (batch, rows, columns)}`, the second perhaps not
            there, and perhaps with the logits of experts.

    Returns:
        A network of the same name, inputs and outputs, which takes twice the time. Its evidence is
        laid over the face as it came.
    """
    faces = keras.Input(network.input_shape[1:], name=network.inputs[0].name)
    # One batch of both: two calls would hold the unpacked weights twice in LiteRT.
    both = network(keras.layers.Concatenate(axis=0)([faces, keras.ops.flip(faces, axis=2)]))
    logits = [name for name in both if name != "evidence"]
    outputs = {name: keras.ops.mean(_pairs(both[name]), axis=0) for name in logits}
    if "evidence" in both:
        upright, flipped = (_pairs(both["evidence"])[half] for half in (0, 1))
        outputs["evidence"] = (upright + keras.ops.flip(flipped, axis=2)) / 2
    return keras.Model(faces, outputs, name=network.name)


def _pairs(output: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.reshape(output, (2, -1, *output.shape[1:]))
