"""Real faces sent through a decoder: what generators leave behind, without any generator.

Generated pictures come out of up-sampling layers, whose traces differ from those of a lens (Durall
et al. 2020, arXiv 2003.01826; Zhang et al. 2019, arXiv 1907.06515). Two ways to make such traces:

* a chain of down-samplings and of imperfect up-samplings by inserting zeros and filtering;
* a small convolutional autoencoder, fitted on the real faces in minutes, with one decoder for
  each usual kind of up-sampling.

Both soften a face. It is sharpened again to what it was, lest a network learns that soft is fake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from deepfake.errors import TrainingError
from deepfake.forging import blending
from deepfake.forging.face_reader import TrainingFace
from deepfake.mesh import FACE_OVAL
from deepfake.opencv import cv2

DECODERS = ("transposed", "nearest", "bilinear", "shuffle")
LATENT_CHANNELS = 12
# Sides in pixels of what the autoencoder is fitted on and of what it is applied to.
PATCH, CANVAS = 96, 256
FITTING_BATCH = 16
FITTING_STEPS = 400
FILE = "autoencoder.keras"


def chain(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Scale down and up again once or twice, with an up-sampling filter that is a little off.

    Args:
        pixels: uint8 array (height, width, 3).
        random: Generator. Source of all choices.

    Returns:
        uint8 array of the same shape, about as sharp as before.
    """
    height, width = pixels.shape[:2]
    result = pixels
    for _ in range(int(random.integers(1, 3))):
        half = max(8, width // 2), max(8, height // 2)
        small = cv2.resize(result, half, interpolation=cv2.INTER_AREA)
        large = _upsample(small, random)
        result = cv2.resize(large, (width, height), interpolation=cv2.INTER_LINEAR)
    return _as_sharp_as(pixels, result)


def _upsample(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Transposed convolution with stride 2 and a bilinear kernel that is a little off."""
    height, width = pixels.shape[:2]
    spread = np.zeros((2 * height, 2 * width, 3), np.float32)
    spread[::2, ::2] = pixels
    line = np.array([0.25, 0.75, 0.75, 0.25], np.float32)
    kernel = np.outer(line, line) * random.normal(1.0, 0.08, (4, 4)).astype(np.float32)
    kernel *= 4.0 / kernel.sum()
    return np.array(np.clip(cv2.filter2D(spread, -1, kernel), 0, 255).astype(np.uint8))


def _as_sharp_as(model: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Unsharp mask, just strong enough for the detail (radius one pixel) of the model."""
    soft = cv2.GaussianBlur(pixels, (0, 0), 1.0)
    wanted = float(cv2.subtract(model, cv2.GaussianBlur(model, (0, 0), 1.0)).std())
    there = float(cv2.subtract(pixels, soft).std())
    amount = float(np.clip(wanted / max(there, 1e-3) - 1.0, 0.0, 2.5))
    return np.array(cv2.addWeighted(pixels, 1.0 + amount, soft, -amount, 0))


class Resynthesizer:
    """Makes fakes of real faces with chains and with a fitted autoencoder.

    Args:
        network: keras.Model. As of `build_autoencoder`, fitted.
    """

    def __init__(self, network: keras.Model):
        self._network = build_autoencoder(CANVAS)
        self._network.set_weights(network.get_weights())
        # The first call traces the network, which only one thread may do.
        self._network.predict_on_batch(np.zeros((1, CANVAS, CANVAS, 3), np.float32))

    def fake(self, face: TrainingFace, random: np.random.Generator) -> TrainingFace:
        """Resynthesise a whole picture, or only the face as swapping software does.

        Args:
            face: TrainingFace. A real face.
            random: Generator. Source of all choices: the same state gives the same picture.

        Returns:
            The fake: same size, box and mesh; label 1; source "resynthesis".
        """
        made = chain(face.pixels, random) if random.random() < 0.3 else self._recode(face, random)
        if random.random() < 0.5:
            made = blending.mix(made, face.pixels, blending.blend_mask(face, random, (FACE_OVAL,)))
        return replace(face, pixels=made, label=1, source="resynthesis")

    def _recode(self, face: TrainingFace, random: np.random.Generator) -> np.ndarray:
        height, width = face.pixels.shape[:2]
        # A random size before the decoder moves its grid against the grid of the pixels.
        scale = min(random.uniform(0.7, 1.15), CANVAS / max(height, width))
        side = max(8, round(scale * width)), max(8, round(scale * height))
        scaled = cv2.resize(face.pixels, side, interpolation=cv2.INTER_AREA)
        room = CANVAS - side[1], CANVAS - side[0]
        canvas = cv2.copyMakeBorder(scaled, 0, room[0], 0, room[1], cv2.BORDER_REFLECT_101)
        outputs = self._network.predict_on_batch(canvas[None].astype(np.float32) / 255.0)
        decoded = outputs[DECODERS[int(random.integers(len(DECODERS)))]][0, : side[1], : side[0]]
        pixels = np.clip(decoded * 255.0 + 0.5, 0, 255).astype(np.uint8)
        pixels = _as_sharp_as(scaled, pixels)
        return np.array(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC))


def build_autoencoder(side: int, channels: int = 24) -> keras.Model:
    """Build an autoencoder that makes a quarter of the side, then one picture for each decoder.

    Args:
        side: int. Of the square input in pixels; a multiple of 4.
        channels: int. Width of the largest layers.

    Returns:
        A model from (batch, side, side, 3) float32 in [0, 1] to a dictionary of the same shape for
        each of `DECODERS`. The weights do not depend on the side.
    """
    inputs = keras.Input((side, side, 3), name="image")
    x = layers.Conv2D(channels, 3, 2, padding="same", activation="leaky_relu")(inputs)
    x = layers.Conv2D(2 * channels, 3, 2, padding="same", activation="leaky_relu")(x)
    x = layers.Conv2D(2 * channels, 3, padding="same", activation="leaky_relu")(x)
    latent = layers.Conv2D(LATENT_CHANNELS, 1, name="latent")(x)
    # The decoders add detail to a thumbnail, so that brightness and colour need not be learned.
    thumbnail = layers.AveragePooling2D(4)(inputs)
    base = layers.UpSampling2D(4, interpolation="bilinear")(thumbnail)
    outputs = {}
    for kind in DECODERS:
        x = layers.Conv2D(2 * channels, 3, padding="same", activation="leaky_relu")(latent)
        x = _enlarge(x, kind, channels)
        x = _enlarge(x, kind, channels // 2)
        detail = layers.Conv2D(3, 3, padding="same")(x)
        outputs[kind] = layers.Add(name=kind)([base, detail])
    return keras.Model(inputs, outputs, name="autoencoder")


def _enlarge(x: Any, kind: str, channels: int) -> Any:
    if kind == "transposed":
        return layers.Conv2DTranspose(channels, 3, 2, padding="same", activation="leaky_relu")(x)
    if kind == "shuffle":
        # Sub-pixel convolution (Shi et al. 2016, arXiv 1609.05158).
        x = layers.Conv2D(4 * channels, 3, padding="same", activation="leaky_relu")(x)
        return _DepthToSpace()(x)
    x = layers.UpSampling2D(2, interpolation=kind)(x)
    return layers.Conv2D(channels, 3, padding="same", activation="leaky_relu")(x)


@keras.saving.register_keras_serializable("deepfake")
class _DepthToSpace(layers.Layer):  # type: ignore[misc]  # Keras is not typed
    """Four channels become a square of two by two pixels."""

    def call(self, inputs: Any) -> Any:
        """(batch, h, w, 4c) → (batch, 2h, 2w, c)."""
        _, rows, columns, channels = inputs.shape
        x = keras.ops.reshape(inputs, (-1, rows, columns, 2, 2, channels // 4))
        x = keras.ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return keras.ops.reshape(x, (-1, 2 * rows, 2 * columns, channels // 4))


def fit_autoencoder(
    reals: Sequence[TrainingFace], seed: int, steps: int, verbose: int = 0
) -> keras.Model:
    """Fit the autoencoder on patches of real faces.

    Args:
        reals: sequence of TrainingFace.
        seed: int. Of the weights and of the patches.
        steps: int. Batches of 16 patches of 96 × 96 pixels.
        verbose: int. As of Keras.

    Returns:
        The network, as of `build_autoencoder`.

    Raises:
        TrainingError: there is no face.
    """
    if not reals:
        raise TrainingError("The autoencoder for resynthesised fakes needs real faces.")
    keras.utils.set_random_seed(seed)
    network = build_autoencoder(PATCH)
    network.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        loss=dict.fromkeys(DECODERS, "mean_absolute_error"),
    )
    network.fit(_Patches(reals, steps, seed), epochs=1, verbose=verbose)
    return network


def load_or_fit(reals: Sequence[TrainingFace], seed: int, folder: Path) -> Resynthesizer:
    """The resynthesizer of a run: fitted once, then read from the run folder.

    Args:
        reals: sequence of TrainingFace. Of the training split.
        seed: int. Of the fit.
        folder: Path. The run folder.

    Returns:
        The resynthesizer.
    """
    path = folder / FILE
    if path.is_file():
        return Resynthesizer(keras.saving.load_model(path, compile=False))
    network = fit_autoencoder(reals, seed, FITTING_STEPS)
    part = path.with_name(f"part-{FILE}")
    network.save(part)
    part.replace(path)
    return Resynthesizer(network)


class _Patches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    def __init__(self, faces: Sequence[TrainingFace], steps: int, seed: int):
        super().__init__()
        self._faces, self._steps, self._seed = faces, steps, seed

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        random = np.random.default_rng([self._seed, step])
        patches = []
        for index in random.integers(0, len(self._faces), FITTING_BATCH):
            pixels = self._faces[index].pixels
            height, width = pixels.shape[:2]
            if min(height, width) < PATCH:
                pixels = cv2.resize(pixels, (max(width, PATCH), max(height, PATCH)))
                height, width = pixels.shape[:2]
            top, left = random.integers(0, (height - PATCH + 1, width - PATCH + 1))
            patches.append(pixels[top : top + PATCH, left : left + PATCH])
        batch = np.stack(patches).astype(np.float32) / 255.0
        return batch, dict.fromkeys(DECODERS, batch)
