"""Writes tiny Keras models, in a process of its own: python conversion_files.py FOLDER."""

import importlib.util
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

SIZE = 16


@cache
def keras_files():
    """Folder of the models; they are written once for all tests. Not for changing."""
    if importlib.util.find_spec("keras") is None:
        message = "Keras is missing, so nothing was converted. pip install -r requirements-dev.txt"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(mkdtemp(prefix="deepfake-tests-"))
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, __file__, folder], check=True, env=environment)
    return folder


def plain(keras, layers):
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.RandomFlip(),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="plain",
    )


def with_evidence(keras, layers):
    inputs = keras.Input((SIZE, SIZE, 3))
    places = layers.Conv2D(1, 5, strides=4)(layers.Conv2D(4, 3, padding="same")(inputs))
    logit = layers.GlobalAveragePooling2D()(places)
    evidence = layers.Reshape(places.shape[1:3])(places)
    experts = {f"{name}_logit": share * logit for name, share in (("seam", 0.5), ("synthesis", 2))}
    outputs = {"logit": logit, "evidence": evidence, **experts}
    return keras.Model(inputs, outputs, name="with_evidence")


def any_size(keras, layers):
    inputs = keras.Input((None, None, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(pooled), name="any_size")


def beyond_litert(keras, layers):
    """The inverse error function, which LiteRT does not have."""
    inputs = keras.Input((SIZE, SIZE, 3))
    mean = layers.GlobalAveragePooling2D()(keras.ops.erfinv(inputs * 0.1))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(mean), name="beyond")


if __name__ == "__main__":
    import keras

    layers = keras.layers
    folder = Path(sys.argv[1])
    keras.utils.set_random_seed(0)
    plain(keras, layers).save(folder / "plain.h5")
    with_evidence(keras, layers).save(folder / "with_evidence.keras")
    any_size(keras, layers).save(folder / "any_size.keras")
    beyond_litert(keras, layers).save(folder / "beyond_litert.keras")
