"""Small networks that are trained from nothing: the classroom's CNN, Meso-4, MesoInception-4."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from deepfake.networks import heads


def network(name: str, image_size: int, dropout: float) -> keras.Model:
    """One of these networks, by its name in `ARCHITECTURES`."""
    build = {"cnn": cnn, "meso4": meso4, "mesoinception4": mesoinception4}[name]
    return build(image_size, dropout)


def cnn(image_size: int, dropout: float) -> keras.Model:
    """Three times convolution and max-pooling, one dense layer, one output."""
    inputs = keras.Input((image_size, image_size, 3), name="image")
    x = inputs
    for index, channels in enumerate((32, 64, 128)):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"conv{index}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{index}")(x)
    return heads.flattened(inputs, x, hidden=128, slope=0.0, dropout=dropout, name="cnn")


def meso4(image_size: int, dropout: float) -> keras.Model:
    """Meso-4 (Afchar et al. 2018, arXiv 1809.00888, section 3.1)."""
    inputs = keras.Input((image_size, image_size, 3), name="image")
    x: Any = inputs
    for index, (channels, kernel, pool) in enumerate(
        ((8, 3, 2), (8, 5, 2), (16, 5, 2), (16, 5, 4))
    ):
        x = layers.Conv2D(channels, kernel, padding="same", activation="relu", name=f"conv{index}")(
            x
        )
        x = layers.BatchNormalization(name=f"bn{index}")(x)
        x = layers.MaxPooling2D(pool, padding="same", name=f"pool{index}")(x)
    return heads.flattened(inputs, x, hidden=16, slope=0.1, dropout=dropout, name="meso4")


def mesoinception4(image_size: int, dropout: float) -> keras.Model:
    """MesoInception-4 (Afchar et al. 2018, arXiv 1809.00888, section 3.2)."""
    inputs = keras.Input((image_size, image_size, 3), name="image")
    x: Any = inputs
    for index, branches in enumerate(((1, 4, 4, 2), (2, 4, 4, 2))):
        x = _inception(x, branches, f"inception{index}")
        x = layers.BatchNormalization(name=f"bn{index}")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{index}")(x)
    for index, pool in ((2, 2), (3, 4)):
        x = layers.Conv2D(16, 5, padding="same", activation="relu", name=f"conv{index}")(x)
        x = layers.BatchNormalization(name=f"bn{index}")(x)
        x = layers.MaxPooling2D(pool, padding="same", name=f"pool{index}")(x)
    return heads.flattened(inputs, x, hidden=16, slope=0.1, dropout=dropout, name="mesoinception4")


def _inception(x: Any, branches: tuple[int, int, int, int], name: str) -> Any:
    """Inception with dilated 3×3 convolutions in place of 5×5 ones."""
    first, *others = branches
    found = [layers.Conv2D(first, 1, padding="same", activation="relu", name=f"{name}_0")(x)]
    for dilation, channels in enumerate(others, start=1):
        y = layers.Conv2D(
            channels, 1, padding="same", activation="relu", name=f"{name}_{dilation}_narrow"
        )(x)
        found.append(
            layers.Conv2D(
                channels, 3, dilation_rate=dilation, padding="same", activation="relu",
                name=f"{name}_{dilation}",
            )(y)
        )  # fmt: skip
    return layers.Concatenate(name=f"{name}_join")(found)
