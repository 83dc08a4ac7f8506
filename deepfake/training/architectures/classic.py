"""Small networks that are trained from nothing: the classroom's CNN, and Meso-4."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from deepfake.training.architectures import heads


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
