"""Faces → a trained network in a run folder. Killed runs go on where they stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
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
from deepfake.training.batches import PairBatches
from deepfake.training.config import SEEDS
from deepfake.training.config import TrainingConfig as TrainingConfig
from deepfake.training.face_store import FaceStore
from deepfake.training.phases import Phase, phases, prepare
from deepfake.training.run_folder import TENSORBOARD, RunFolder, data_sha256, put_in_place
from deepfake.training.strategy import Devices, lost_workers_explained
from deepfake.training.teachers import Teachers, load_teachers
from deepfake.training.validation import ValidationSet, validation_sets
from deepfake.training.watch import Watch, best_epoch, is_stalled

logger = logging.getLogger(__name__)

SCORED_BATCH = 64
# Weight of a face without error, against 1 more for one that is wrong with certainty.
EASY_WEIGHT = 0.15
# Far apart, so that no two workers ever draw the same random numbers.
SEED_STRIDE = 100_003
START = checkpoint.Progress(0, 0, [], [])


def fit(
    samples: Sequence[Sample],
    config: TrainingConfig,
    run: Path,
    devices: Devices | None = None,
    checkpoint_minutes: float = 10.0,
) -> keras.Model:
    """Train a network, or go on with a run that was cut off.

    Args:
        samples: sequence of Sample. With "train" and "valid" among the splits.
        config: TrainingConfig. Must equal that of the run when it is resumed.
        run: Path. The run folder; made if needed. Only the chief of several workers uses it.
        devices: Devices. Defaults to those of the configuration's strategy.
        checkpoint_minutes: float. Time between checkpoints within an epoch; there is one after
            each epoch anyway. 0 for none.

    Returns:
        The network, as in `architectures.build`, with averaged weights.

    Raises:
        TrainingError: a teacher that cannot be used, too few readable faces, a folder of another
            run, a damaged file in it, a training that diverged, or a lost worker.
    """
    config.require_weights()
    devices = devices or Devices(config.strategy)
    folder = RunFolder(run)
    if devices.is_chief:
        folder.claim(config, samples)
    # Before the faces are read, which takes minutes.
    teachers = load_teachers(config.teachers, config.input)
    identities = teachers.identities if teachers else []
    if devices.is_chief:
        folder.claim_teachers(identities)
    _compare_workers(samples, config, devices, identities)
    dtype_policy = precision.policy(config.mixed_precision)
    if devices.is_chief:
        names = [device.name for device in tf.config.list_logical_devices()]
        folder.note_environment(names, dtype_policy)
    faces, valid = _read_faces(samples, config, devices, folder)
    # Workers differ in their dropout; their weights all come from the chief.
    keras.utils.set_random_seed((config.seed + SEED_STRIDE * devices.index) % SEEDS)
    with (
        precision.using(dtype_policy),
        devices.scope(),
        lost_workers_explained(),
        _errors_of(teachers),
    ):
        trained = _Run(config, folder, devices, faces, checkpoint_minutes, teachers).train(valid)
    network = _with_evidence(trained, config)
    if devices.is_chief:
        part = folder.network.with_name(f"part-{folder.network.name}")
        network.save(part)
        put_in_place(part, folder.network)
    return network


class _Run:
    """One process's part in a run."""

    def __init__(
        self,
        config: TrainingConfig,
        folder: RunFolder,
        devices: Devices,
        faces: Sequence[TrainingFace],
        checkpoint_minutes: float,
        teachers: Teachers | None,
    ):
        self._config, self._folder, self._devices = config, folder, devices
        self._faces, self._teachers = faces, teachers
        self._seed = config.seed + SEED_STRIDE * devices.index
        self._checkpoint_seconds = 60 * checkpoint_minutes
        (total,) = devices.total([len(faces)])
        self._steps = config.steps or max(1, int(total) // config.batch_size)
        self._hardness: np.ndarray | None = None
        self._resynthesizer: Any = None

    def train(self, valid: Sequence[TrainingFace]) -> keras.Model:
        """Go through what is left of all phases; returns the logit of the averaged network."""
        model, reached = self._begin()
        epoch, step = (int(n) for n in self._devices.from_chief([reached.epoch, reached.step]))
        rows = self._folder.read_history() if self._devices.is_chief else []
        (stalled,) = self._devices.from_chief([is_stalled(rows, self._config)])
        left = [p for p in phases(self._config) if epoch < p.end_epoch and not stalled]
        sets: dict[str, ValidationSet] = {}
        if left:
            self._resynthesizer = self._fit_resynthesizer()
            sets = validation_sets(valid, self._config) if self._devices.is_chief else {}
        for phase in left:
            if (epoch, step) == (phase.first_epoch, 0):
                _use_averages(model)
                prepare(model, phase, self._config, self._steps)
            elif not self._devices.is_chief:
                # The chief has it from its checkpoint.
                prepare(model, phase, self._config, self._steps)
            self._make_equal(model)
            reached = checkpoint.Progress(epoch, step, reached.metrics, reached.seeds)
            watch = Watch(
                self._folder, self._config, sets, self._devices, self._steps, reached,
                self._checkpoint_seconds,
            )  # fmt: skip
            self._fit(model, phase, epoch, step, watch)
            if watch.stalled:
                break
            epoch, step = phase.end_epoch, 0
        return self._finish(model)

    def _begin(self) -> tuple[keras.Model, checkpoint.Progress]:
        """The model to go on with, and how far it is."""
        config, path = self._config, self._folder.checkpoint
        resumed = self._devices.is_chief and path.is_file()
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
            logit = network.output["logit"]
            model = self._devices.model_class(network.input, logit, name=network.name)
            reached = START
            if self._devices.is_chief:
                self._folder.start_afresh()
        if self._devices.workers > 1:
            model.workers = self._devices.workers
        return model, reached

    def _start(self) -> tuple[keras.Model, bool]:
        """A network before training, and whether it can already tell fakes."""
        config = self._config
        network = networks.build(config.architecture, config.image_size)
        if config.weights == "imagenet":
            if self._devices.is_chief:
                networks.load_imagenet(network)
            return network, False
        if config.weights == "none":
            return network, False
        return network, load_weights(network, Path(config.weights))

    def _make_equal(self, model: keras.Model) -> None:
        if self._devices.workers > 1:
            model.optimizer.build(model.trainable_variables)
            self._devices.copy_from_chief([*model.weights, *model.optimizer.variables])

    def _fit(self, model: keras.Model, phase: Phase, epoch: int, step: int, watch: Watch) -> None:
        callbacks: list[Any] = [watch]
        if self._devices.is_chief and find_spec("tensorboard"):
            callbacks.append(
                keras.callbacks.TensorBoard(self._folder.path / TENSORBOARD, write_graph=False)
            )
        bar = self._devices.is_chief and sys.stdout.isatty()
        options = {"shuffle": False, "callbacks": callbacks, "verbose": 1 if bar else 0}
        if step:
            rest = _Rest(self._batches(epoch), step)
            epoch += 1
            model.fit(rest, initial_epoch=epoch - 1, epochs=epoch, **options)
            if epoch < phase.end_epoch and not watch.stalled:
                # `fit` ends by replacing the weights by their averages.
                checkpoint.assign(model.trainable_variables, watch.raw)
        if epoch < phase.end_epoch and not watch.stalled:
            batches = self._batches(epoch)
            model.fit(batches, initial_epoch=epoch, epochs=phase.end_epoch, **options)

    def _batches(self, first_epoch: int) -> PairBatches:
        config = self._config
        return PairBatches(
            self._faces, config.input, config.batch_size // self._devices.workers, self._steps,
            config.blend_share, self._seed, first_epoch, self._hardness,
            resynthesis_share=config.resynthesis_share, resynthesizer=self._resynthesizer,
            teachers=self._teachers, teacher_share=config.teacher_share,
            label_smoothing=config.label_smoothing,
            workers=2, use_multiprocessing=False, max_queue_size=8,
        )  # fmt: skip

    def _fit_resynthesizer(self) -> Any:
        if not self._config.resynthesis_share:
            return None
        reals = [face for face in self._faces if face.label == 0]
        if self._devices.is_chief:
            return resynthesis.load_or_fit(reals, self._seed, self._folder.path)
        with tempfile.TemporaryDirectory() as folder:
            return resynthesis.load_or_fit(reals, self._seed, Path(folder))

    def _finish(self, model: keras.Model) -> keras.Model:
        if self._config.patience and self._devices.is_chief:
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


class _Rest(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """What is left of an epoch."""

    def __init__(self, batches: PairBatches, done: int):
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self._batches, self._done = batches, done

    def __len__(self) -> int:
        return len(self._batches) - self._done

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        return self._batches[self._done + step]

    def on_epoch_end(self) -> None:
        # Keras also calls this once before the first epoch, after a look at the first batch.
        self._batches.on_epoch_end()


def _read_faces(
    samples: Sequence[Sample], config: TrainingConfig, devices: Devices, folder: RunFolder
) -> tuple[list[TrainingFace], list[TrainingFace]]:
    """This worker's share of the training faces, and for the chief the validation faces."""
    if config.batch_size % (2 * devices.workers * devices.replicas):
        raise TrainingError(
            f"The batch size must be a multiple of {2 * devices.workers * devices.replicas}, a "
            f"pair for each device. Received: {config.batch_size}."
        )
    reader = FaceReader(config.input)
    train = [sample for sample in samples if sample.split == "train"]
    share = [s for label in (0, 1) for s in devices.share([s for s in train if s.label == label])]
    share.sort(key=lambda sample: sample.path)
    held_out = [s for s in samples if s.split == "valid"] if devices.is_chief else []
    found = progress(reader.pairs([*share, *held_out]), len(share) + len(held_out), "reading faces")
    # Other workers than the chief need no access to the run folder.
    where = folder.path if devices.is_chief else None
    stores = {"train": FaceStore(where), "valid": FaceStore(where)}
    for sample, face in found:
        stores[sample.split].add(face)
    faces, valid = stores["train"].faces(), stores["valid"].faces()
    for line in reader.skipped:
        logger.warning("skipped %s", line)
    both = not devices.is_chief or {face.label for face in valid} == {0, 1}
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


def _compare_workers(
    samples: Sequence[Sample],
    config: TrainingConfig,
    devices: Devices,
    teachers: Sequence[Mapping[str, str]],
) -> None:
    if devices.workers == 1:
        return
    text = json.dumps([asdict(config), data_sha256(samples), list(teachers)])
    # As many bits as a float64 holds exactly.
    mine = int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)
    if int(devices.from_chief([mine])[0]) != mine:
        raise TrainingError(
            "This worker was started with other options, data or teachers than the first one. "
            "Start all workers with the same command."
        )


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
