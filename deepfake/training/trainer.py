"""Faces → a trained network in a run folder. Killed runs go on where they stopped."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepfake import networks, preprocessing
from deepfake.datasets.samples import Sample
from deepfake.errors import TrainingError
from deepfake.forging import resynthesis
from deepfake.forging.face_reader import FaceReader, TrainingFace, served_crop
from deepfake.networks.starting_weights import load_weights
from deepfake.progress import progress
from deepfake.training import checkpoint, precision
from deepfake.training.batches import PairBatches, steps_an_epoch
from deepfake.training.config import CHECKPOINT_MINUTES, TrainingConfig
from deepfake.training.face_store import FaceStore
from deepfake.training.phases import Phase, phases, prepare
from deepfake.training.recipe import Recipe, read_recipe
from deepfake.training.run_folder import TENSORBOARD, RunFolder, put_in_place
from deepfake.training.teachers import Teachers, load_teachers
from deepfake.training.validation import validation_sets
from deepfake.training.watch import Watch, best_epoch, is_stalled

logger = logging.getLogger(__name__)

SCORED_BATCH = 64
# Weight of a face without error, against 1 more for one that is wrong with certainty.
EASY_WEIGHT = 0.15
START = checkpoint.Progress(0, 0, [], [])


def fit(
    samples: Sequence[Sample],
    config: TrainingConfig,
    run: Path,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
) -> keras.Model:
    """Train a network, or go on with a run that was cut off.

    Args:
        samples: sequence of Sample. With "train" and "valid" among the splits.
        config: TrainingConfig. Must equal that of the run when it is resumed.
        run: Path. The run folder; made if needed.
        checkpoint_minutes: float. Time between checkpoints within an epoch; there is one after
            each epoch anyway. 0 for none.

    Returns:
        The network, as in `networks.build`, with averaged weights.

    Raises:
        TrainingError: a teacher that cannot be used, too few readable faces, a folder of another
            run, a damaged file in it, or a training that diverged.
    """
    config.require_weights()
    recipe = read_recipe(config.recipe)
    recipe.require(samples)
    strategy = _strategy(config)
    folder = RunFolder(run)
    folder.claim(config, samples)
    # Before the faces are read, which takes minutes.
    teachers = load_teachers(config.teachers, config.input)
    folder.claim_teachers(teachers.identities if teachers else [])
    dtype_policy = precision.policy(config.mixed_precision)
    names = [device.name for device in tf.config.list_logical_devices()]
    folder.note_environment(names, dtype_policy)
    faces, valid = _read_faces(samples, config, folder.path)
    keras.utils.set_random_seed(config.seed)
    with precision.using(dtype_policy), strategy.scope(), _errors_of(teachers):
        trained = _Run(config, folder, faces, checkpoint_minutes, teachers, recipe).train(valid)
    network = _with_evidence(trained, config)
    part = folder.network.with_name(f"part-{folder.network.name}")
    network.save(part)
    put_in_place(part, folder.network)
    return network


class _Run:
    """What a run has at hand while it trains."""

    def __init__(
        self,
        config: TrainingConfig,
        folder: RunFolder,
        faces: Sequence[TrainingFace],
        checkpoint_minutes: float,
        teachers: Teachers | None,
        recipe: Recipe,
    ):
        self._config, self._folder, self._recipe = config, folder, recipe
        self._faces, self._teachers = faces, teachers
        self._checkpoint_seconds = 60 * checkpoint_minutes
        self._steps = steps_an_epoch(len(faces), config)
        self._hardness: np.ndarray | None = None
        self._resynthesizer: Any = None

    def train(self, valid: Sequence[TrainingFace]) -> keras.Model:
        """Go through what is left of all phases; returns the logit of the averaged network."""
        model, reached = self._begin()
        epoch, step = reached.epoch, reached.step
        stalled = is_stalled(self._folder.read_history(), self._config)
        left = [p for p in phases(self._config) if epoch < p.end_epoch and not stalled]
        if left:
            self._resynthesizer = self._fit_resynthesizer()
            sets = validation_sets(valid, self._config)
        for phase in left:
            if (epoch, step) == (phase.first_epoch, 0):
                _use_averages(model)
                prepare(model, phase, self._config, self._steps)
            watch = Watch(
                self._folder, self._config, sets, self._steps,
                replace(reached, epoch=epoch, step=step), self._checkpoint_seconds,
            )  # fmt: skip
            self._fit(model, phase, epoch, step, watch)
            if watch.stalled:
                break
            epoch, step = phase.end_epoch, 0
        return self._finish(model)

    def _begin(self) -> tuple[keras.Model, checkpoint.Progress]:
        """The model to go on with, and how far it is."""
        config, path = self._config, self._folder.checkpoint
        resumed = path.is_file()
        if not resumed or Path(config.weights).is_file():
            network, tells_fakes = self._start()
            if tells_fakes:
                self._hardness = _hardness(network, self._faces, config)
        if resumed:
            model, reached = checkpoint.load(path)
            # Epochs that were written down but not saved are done again.
            rows = [r for r in self._folder.read_history() if r["epoch"] < reached.epoch]
            self._folder.write_history(rows)
            logger.info(
                "going on with the run: epochs done %d of %d, batches of the next %d",
                reached.epoch, config.epochs, reached.step,
            )  # fmt: skip
        else:
            model = _to_train(network, bool(self._recipe.families) and config.has_experts)
            reached = START
            self._folder.start_afresh()
        return model, reached

    def _start(self) -> tuple[keras.Model, bool]:
        """A network before training, and whether it can already tell fakes."""
        config = self._config
        network = networks.build(config.architecture, config.image_size)
        if config.weights == "imagenet":
            networks.load_imagenet(network)
            return network, False
        if config.weights == "none":
            return network, False
        return network, load_weights(network, Path(config.weights))

    def _fit(self, model: keras.Model, phase: Phase, epoch: int, step: int, watch: Watch) -> None:
        callbacks: list[Any] = [watch]
        if find_spec("tensorboard"):
            callbacks.append(
                keras.callbacks.TensorBoard(self._folder.path / TENSORBOARD, write_graph=False)
            )
        bar = 1 if sys.stdout.isatty() else 0
        options = {"shuffle": False, "callbacks": callbacks, "verbose": bar}
        if step:
            rest = self._batches(epoch, step)
            epoch += 1
            model.fit(rest, initial_epoch=epoch - 1, epochs=epoch, **options)
            if epoch < phase.end_epoch and not watch.stalled:
                # `fit` ends by replacing the weights by their averages.
                checkpoint.assign(model.trainable_variables, watch.raw)
        if epoch < phase.end_epoch and not watch.stalled:
            batches = self._batches(epoch)
            model.fit(batches, initial_epoch=epoch, epochs=phase.end_epoch, **options)

    def _batches(self, first_epoch: int, first_step: int = 0) -> PairBatches:
        return PairBatches(
            self._faces, self._config, first_epoch, first_step, self._hardness,
            self._resynthesizer, self._teachers, self._recipe,
        )  # fmt: skip

    def _fit_resynthesizer(self) -> Any:
        if not self._config.resynthesis_share:
            return None
        reals = [face for face in self._faces if face.label == 0]
        return resynthesis.load_or_fit(reals, self._config.seed, self._folder.path)

    def _finish(self, model: keras.Model) -> keras.Model:
        if self._config.patience:
            rows = self._folder.read_history()
            path = self._folder.best(best_epoch(rows))
            try:
                model.load_weights(path)
            except (OSError, ValueError, KeyError) as error:
                raise TrainingError(
                    f"{path}, the weights of the best epoch, cannot be read ({error}). Put back a "
                    "whole copy of it, or name a new folder for the run."
                ) from error
            logger.info("the best epoch was %d", best_epoch(rows) + 1)
        else:
            _use_averages(model)
        return model


def _to_train(network: keras.Model, experts_too: bool) -> keras.Model:
    """What is trained of a network: the logit, and perhaps those of the experts beside it."""
    logit = network.output["logit"]
    if not experts_too:
        return keras.Model(network.input, logit, name=network.name)
    experts = network.get_layer("experts").output
    both = keras.layers.Concatenate(dtype="float32", name="logit_and_experts")([logit, experts])
    return keras.Model(network.input, both, name=network.name)


def _strategy(config: TrainingConfig) -> Any:
    """Where to compute: one device, or all of this machine."""
    mirrored = config.strategy == "mirrored"
    strategy = tf.distribute.MirroredStrategy() if mirrored else tf.distribute.get_strategy()
    pairs = 2 * strategy.num_replicas_in_sync
    if config.batch_size % pairs:
        raise TrainingError(
            f"The batch size must be a multiple of {pairs}, a pair for each device. "
            f"Received: {config.batch_size}."
        )
    return strategy


def _read_faces(
    samples: Sequence[Sample], config: TrainingConfig, folder: Path
) -> tuple[list[TrainingFace], list[TrainingFace]]:
    """The training faces and the validation faces, kept in a file in the folder."""
    reader = FaceReader(config.input)
    read = sorted((s for s in samples if s.split == "train"), key=lambda sample: sample.path)
    read += [s for s in samples if s.split == "valid"]
    found = progress(reader.pairs(read), len(read), "reading faces")
    stores = {"train": FaceStore(folder), "valid": FaceStore(folder)}
    for sample, face in found:
        stores[sample.split].add(face)
    faces, valid = stores["train"].faces(), stores["valid"].faces()
    for line in reader.skipped:
        logger.warning("skipped %s", line)
    both = {face.label for face in valid} == {0, 1}
    if not both or not any(face.label == 0 for face in faces):
        raise TrainingError(
            "Too few faces were found: real ones to train with and both classes to validate are "
            "needed. Look at the lines “skipped” above."
        )
    logger.info("%d faces to train with, %d to validate", len(faces), len(valid))
    return faces, valid


@contextmanager
def _errors_of(teachers: Teachers | None) -> Iterator[None]:
    """What a teacher said when it failed, instead of what TensorFlow makes of it."""
    try:
        yield
    except tf.errors.OpError as error:
        if teachers is None or teachers.error is None:
            raise
        raise teachers.error from error


def _use_averages(model: keras.Model) -> None:
    """Replace the weights by their moving averages, if there are any."""
    if getattr(model, "optimizer", None) is not None and model.optimizer.built:
        model.optimizer.finalize_variable_values(model.trainable_variables)


def _hardness(
    network: keras.Model, faces: Sequence[TrainingFace], config: TrainingConfig
) -> np.ndarray:
    """How often each face is drawn: its error under the starting network, and a little more.

    Hard-example mining (Shrivastava et al. 2016, arXiv 1604.03540), once and softly.
    """
    errors = []
    for start in range(0, len(faces), SCORED_BATCH):
        part = faces[start : start + SCORED_BATCH]
        crops = np.stack([served_crop(face, config.input) for face in part])
        outputs = network.predict_on_batch(preprocessing.scale(crops, config.input))
        logits = outputs["logit"][: len(part), 0]
        p_fake = 1 / (1 + np.exp(-logits.astype(np.float64)))
        errors.append(np.abs(p_fake - [face.label for face in part]))
    return np.concatenate(errors) + EASY_WEIGHT


def _with_evidence(trained: keras.Model, config: TrainingConfig) -> keras.Model:
    """The trained weights in a network of 32 bits with both outputs."""
    with precision.using("float32"):
        network = networks.build(config.architecture, config.image_size)
    for layer in trained.layers:
        if layer.weights:
            network.get_layer(layer.name).set_weights(layer.get_weights())
    return network
