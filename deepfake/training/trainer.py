"""Faces → a trained network in a run folder. Killed runs go on where they stopped."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from deepfake import preprocessing
from deepfake.errors import TrainingError
from deepfake.modelstore.manifest import Input
from deepfake.training import architectures, augmentation, blending
from deepfake.training.batches import PairBatches
from deepfake.training.dataset import FaceReader, Sample, TrainingFace, served_crop

logger = logging.getLogger(__name__)

# The ImageNet weights of EfficientNet-Lite expect (value - 127) / 128.
MEAN, STD = (127.0, 127.0, 127.0), (128.0, 128.0, 128.0)
SCORED_BATCH = 64
# Weight of a face without error, against 1 more for one that is wrong with certainty.
EASY_WEIGHT = 0.15
CHECKPOINT, HISTORY, CONFIG, NETWORK = "last.keras", "history.csv", "config.json", "network.keras"


@dataclass(frozen=True)
class TrainingConfig:
    """What a run is made of; written to the run folder.

    Attributes:
        architecture: str. A name of `architectures.ARCHITECTURES`.
        image_size: int. Side of the input in pixels.
        crop: float. Side of the crop as a multiple of the face box.
        epochs: int. How many epochs.
        steps: int. Batches an epoch; 0 for one batch per `batch_size` training faces.
        batch_size: int. Faces a batch, half of them real.
        learning_rate: float. Peak of the cosine schedule.
        weight_decay: float. Of AdamW.
        label_smoothing: float. In [0, 1).
        blend_share: float. Share of blended faces among the fakes.
        weights: str. "imagenet", "none", or the path of a `.keras` network of this architecture
            to go on from; then faces that it gets wrong are drawn more often.
        seed: int. Seed of everything random.
    """

    architecture: str = "efficientnet-lite0"
    image_size: int = 192
    crop: float = 1.3
    epochs: int = 8
    steps: int = 0
    batch_size: int = 32
    learning_rate: float = 6e-4
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    blend_share: float = 0.5
    weights: str = "imagenet"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 2 or self.batch_size % 2:
            raise TrainingError(
                f"The batch size must be an even number of at least 2. Received: {self.batch_size}."
            )
        if self.epochs < 1 or self.steps < 0 or self.learning_rate <= 0:
            raise TrainingError("Epochs, steps and learning rate must be positive.")
        if not 0.0 <= self.blend_share <= 1.0:
            raise TrainingError(f"The blend share must be in 0..1. Received: {self.blend_share}.")
        if self.weights not in ("imagenet", "none") and not Path(self.weights).is_file():
            raise TrainingError(
                "Weights are 'imagenet', 'none' or the path of a .keras file. "
                f"Received: {self.weights!r}."
            )

    @property
    def input(self) -> Input:
        """The manifest's `input` that goes with this configuration."""
        return Input(size=self.image_size, crop=self.crop, mean=MEAN, std=STD)


def fit(samples: Sequence[Sample], config: TrainingConfig, run: Path) -> keras.Model:
    """Train a network, or go on with a run that was cut off.

    Args:
        samples: sequence of Sample. With "train" and "valid" among the splits.
        config: TrainingConfig. Must equal that of the run when it is resumed.
        run: Path. The run folder; made if needed.

    Returns:
        The network, as in `architectures.build`, with averaged weights.

    Raises:
        TrainingError: too few readable faces, or the folder holds a run with another configuration.
    """
    run.mkdir(parents=True, exist_ok=True)
    resumed = _claim(run, config, samples)
    keras.utils.set_random_seed(config.seed)
    reader = FaceReader(config.input)
    faces = reader.training_faces([s for s in samples if s.split == "train"])
    valid = reader.training_faces([s for s in samples if s.split == "valid"])
    for line in reader.skipped:
        logger.warning("skipped %s", line)
    if not any(face.label == 0 for face in faces) or {face.label for face in valid} != {0, 1}:
        raise TrainingError(
            "Too few faces were found: real ones to train with and both classes to validate are "
            "needed. Look at the lines “skipped” above."
        )
    logger.info("%d faces to train with, %d to validate", len(faces), len(valid))
    steps = config.steps or max(1, len(faces) // config.batch_size)
    first_epoch = 0
    if resumed:
        trained: keras.Model = keras.saving.load_model(run / CHECKPOINT)
        first_epoch = int(trained.optimizer.iterations) // steps
    else:
        trained = _compile(config, steps)
    if first_epoch < config.epochs:
        weights = _hardness(faces, config) if Path(config.weights).is_file() else None
        batches = PairBatches(
            faces, config.input, config.batch_size, steps, config.blend_share, config.seed,
            first_epoch, weights, workers=2, use_multiprocessing=False, max_queue_size=8,
        )  # fmt: skip
        watch = _Watch(run, validation_views(valid, config))
        trained.fit(
            batches, epochs=config.epochs, initial_epoch=first_epoch, shuffle=False,
            callbacks=[watch], verbose=2,
        )  # fmt: skip
    trained.optimizer.finalize_variable_values(trained.trainable_variables)
    network = _with_evidence(trained)
    network.save(run / NETWORK)
    return network


def validation_views(
    faces: Sequence[TrainingFace], config: TrainingConfig
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Repeatable views of the validation faces by kind of fake.

    Args:
        faces: sequence of TrainingFace. Of the validation split.
        config: TrainingConfig. Seed and input.

    Returns:
        For "generated" and "blended": scaled views (count, size, size, 3) and labels (count,).
    """
    reals = [face for face in faces if face.label == 0]
    fakes = [face for face in faces if face.label == 1]
    blended = blending.fakes_of(reals, np.random.default_rng([config.seed, 1]))
    kinds = {"generated": reals + fakes, "blended": reals + blended}
    views = {}
    for kind, members in kinds.items():
        random = np.random.default_rng([config.seed, 2])
        crops = np.stack([augmentation.view(face, config.input, random) for face in members])
        labels = np.array([face.label for face in members])
        if 0 < labels.sum() < len(labels):
            views[kind] = preprocessing.scale(crops, config.input), labels
    return views


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Validates with averaged weights, writes the history and a checkpoint after each epoch."""

    def __init__(self, run: Path, views: dict[str, tuple[np.ndarray, np.ndarray]]):
        super().__init__()
        self._run = run
        self._views = views

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # SwapEMA: validate what will be shipped, go on training with what is trained.
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        current = [np.array(variable) for variable in variables]
        averaged = [np.array(average) for average in optimizer._model_variables_moving_average]
        for variable, value in zip(variables, averaged, strict=True):
            variable.assign(value)
        row: dict[str, float] = {"epoch": epoch, **(logs or {})}
        for kind, (views, labels) in self._views.items():
            logits = np.concatenate(
                [self.model.predict_on_batch(views[i : i + 64]) for i in range(0, len(views), 64)]
            )
            row[f"valid_auc_{kind}"] = float(roc_auc_score(labels, logits[:, 0]))
        for variable, value in zip(variables, current, strict=True):
            variable.assign(value)
        logger.info("epoch %d: %s", epoch, {k: round(float(v), 4) for k, v in row.items()})
        part = self._run / f"part-{CHECKPOINT}"
        self.model.save(part)
        part.replace(self._run / CHECKPOINT)
        _append(self._run / HISTORY, row)


def _load(path: str) -> keras.Model:
    try:
        network: keras.Model = keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, TypeError) as error:
        raise TrainingError(f"{path} is not a network that can be gone on from: {error}") from error
    return network


def _hardness(faces: Sequence[TrainingFace], config: TrainingConfig) -> np.ndarray:
    """How often each face is drawn: its error under the starting network, and a little more.

    Hard-example mining (Shrivastava et al. 2016, arXiv 1604.03540), once and softly.
    """
    network = _load(config.weights)
    errors = []
    for start in range(0, len(faces), SCORED_BATCH):
        part = faces[start : start + SCORED_BATCH]
        crops = np.stack([served_crop(face, config.input) for face in part])
        logits = network.predict_on_batch(preprocessing.scale(crops, config.input))["logit"][:, 0]
        p_fake = 1 / (1 + np.exp(-logits.astype(np.float64)))
        errors.append(np.abs(p_fake - [face.label for face in part]))
    return np.concatenate(errors) + EASY_WEIGHT


def _compile(config: TrainingConfig, steps: int) -> keras.Model:
    network = architectures.build(config.architecture, config.image_size)
    if config.weights == "imagenet":
        architectures.load_imagenet(network)
    elif config.weights != "none":
        network.set_weights(_load(config.weights).get_weights())
    total = steps * config.epochs
    warm_up = min(300, total // 10 + 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - warm_up), warmup_target=config.learning_rate, warmup_steps=warm_up
    )
    trained = keras.Model(network.input, network.output["logit"], name=network.name)
    # The averaging window is about a sixth of the run, at most a thousand steps.
    momentum = 1.0 - 1.0 / min(1000.0, max(2.0, total / 6))
    trained.compile(
        optimizer=keras.optimizers.AdamW(
            schedule, weight_decay=config.weight_decay, clipnorm=5.0,
            use_ema=True, ema_momentum=momentum, ema_overwrite_frequency=None,
        ),
        loss=keras.losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=config.label_smoothing
        ),
        jit_compile=False,
    )  # fmt: skip
    return trained


def _with_evidence(trained: keras.Model) -> keras.Model:
    """The trained layers again, with both outputs."""
    network = architectures.build(trained.name, trained.input_shape[1])
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(trained.get_layer(layer.name).get_weights())
    return network


def _claim(run: Path, config: TrainingConfig, samples: Sequence[Sample]) -> bool:
    """Write or compare what the run is made of; return whether there is something to go on with."""
    lines = sorted(f"{sample.path} {sample.label} {sample.split}" for sample in samples)
    digest = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    text = json.dumps({**asdict(config), "data_sha256": digest}, indent=2) + "\n"
    path = run / CONFIG
    if not path.is_file():
        if any(run.iterdir()):
            raise TrainingError(f"{run} holds other files. Name a new folder for the run.")
        path.write_text(text)
    elif path.read_text() != text:
        raise TrainingError(
            f"{run} holds a run with other options or other data. Name another folder, or repeat "
            "the command of the run to go on with it."
        )
    return (run / CHECKPOINT).is_file()


def _append(path: Path, row: dict[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
