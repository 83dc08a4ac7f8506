"""Validation during training: repeatable views, and how well the network tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from deepfake import preprocessing
from deepfake.errors import TrainingError
from deepfake.forging import augmentation, blending
from deepfake.forging.face_reader import TrainingFace
from deepfake.manifest import Input
from deepfake.training.config import TrainingConfig

BATCH = 64
DIVERGED = (
    "The training diverged: the network no longer returns numbers. Lower --learning-rate (or "
    "--fine-tuning-rate) and start again, in a new folder if this one has a checkpoint."
)


@dataclass(frozen=True)
class ValidationSet:
    """Views of one kind of fake, with as many views of reals as there are.

    Attributes:
        views: uint8 array (count, size, size, 3). Scaled batch by batch, since all of them as
            float32 would take four times the memory for the whole run.
        labels: int array (count,). 1 for fake.
        spec: Input. The manifest's `input`, which says how to scale.
    """

    views: np.ndarray
    labels: np.ndarray
    spec: Input


def validation_sets(
    faces: Sequence[TrainingFace], config: TrainingConfig
) -> dict[str, ValidationSet]:
    """Repeatable views of the validation faces by kind of fake.

    Args:
        faces: sequence of TrainingFace. Of the validation split.
        config: TrainingConfig. Seed and input.

    Returns:
        The sets "generated" and "blended", where there are faces of both classes for them.
    """
    reals = [face for face in faces if face.label == 0]
    fakes = [face for face in faces if face.label == 1]
    blended = blending.fakes_of(reals, np.random.default_rng([config.seed, 1]))
    sets = {}
    for kind, members in {"generated": reals + fakes, "blended": reals + blended}.items():
        random = np.random.default_rng([config.seed, 2])
        crops = np.empty((len(members), config.image_size, config.image_size, 3), np.uint8)
        for place, face in zip(crops, members, strict=True):
            place[...] = augmentation.view(face, config.input, random)
        labels = np.array([face.label for face in members])
        if 0 < labels.sum() < len(labels):
            sets[kind] = ValidationSet(crops, labels, config.input)
    return sets


def measure(model: keras.Model, sets: dict[str, ValidationSet]) -> dict[str, float]:
    """Score the sets.

    Args:
        model: keras.Model. Returns logits.
        sets: as of `validation_sets`.

    Returns:
        "valid_auc_<kind>" of each kind, then "valid_auc", "valid_accuracy" and "valid_loss", which
        are means over the kinds.

    Raises:
        TrainingError: the network no longer returns numbers.
    """
    figures, accuracies, losses = {}, [], []
    for kind, part in sets.items():
        logits = np.concatenate(
            [
                _logits(model, preprocessing.scale(part.views[i : i + BATCH], part.spec))
                for i in range(0, len(part.views), BATCH)
            ]
        )
        if not np.isfinite(logits).all():
            raise TrainingError(DIVERGED)
        p_fake = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        figures[f"valid_auc_{kind}"] = float(roc_auc_score(part.labels, logits))
        accuracies.append(float(((logits > 0) == part.labels).mean()))
        losses.append(float(log_loss(part.labels, p_fake)))
    figures["valid_auc"] = float(np.mean(list(figures.values())))
    figures["valid_accuracy"] = float(np.mean(accuracies))
    figures["valid_loss"] = float(np.mean(losses))
    return figures


def _logits(model: keras.Model, views: np.ndarray) -> np.ndarray:
    # Under a mirrored strategy every copy predicts the whole batch and Keras returns all of them.
    predicted: np.ndarray = model.predict_on_batch(views)[: len(views), 0]
    return predicted.astype(np.float64)
