"""`deepfake train`: labelled faces → a run folder that `--model` takes."""

from __future__ import annotations

import argparse
import logging
import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from zipfile import BadZipFile

import keras

from deepfake.errors import TrainingError
from deepfake.evaluation import plots
from deepfake.training import (
    architectures,
    calibration,
    cross_source,
    data_check,
    dataset,
    shipping,
    trainer,
)
from deepfake.training.config import TrainingConfig
from deepfake.training.run_folder import RunFolder
from deepfake.training.strategy import Devices

logger = logging.getLogger(__name__)


def train(data: str, run: Path, options: argparse.Namespace) -> str:
    """Train and ship a model, or whatever of that a run that was cut off has left to do.

    Args:
        data: str. The data set, as `dataset.find_dataset` reads it.
        run: Path. The run folder.
        options: Namespace. Fields of `TrainingConfig` and of `Description`, and how to go about it.

    Returns:
        What to tell the user.

    Raises:
        TrainingError: the data, a teacher or an option cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = _config(options)
    devices = Devices(config.strategy)
    found = dataset.find_dataset(data)
    if devices.is_chief:
        print(found.describe(), flush=True)
    division = cross_source.divide(found.samples, options.leave_out)
    kept = replace(found, samples=division.kept)
    kept.require_training_splits()
    folder = RunFolder(run)
    if devices.is_chief:
        if not folder.network.is_file():
            config.require_weights()
        folder.claim(config, kept.samples)
    (trained,) = devices.from_chief([folder.network.is_file() if devices.is_chief else False])
    if not trained:
        if devices.is_chief and not folder.checkpoint.is_file():
            for warning in data_check.quick_warnings(kept):
                logger.warning("%s", warning)
        network = trainer.fit(kept.samples, config, run, devices, options.checkpoint_minutes)
    if not devices.is_chief:
        return f"Worker {devices.index} of {devices.workers} is done; the model is the chief's."
    if trained:
        if folder.is_shipped:
            before, now = folder.shipped_as(), _said_of_the_model(options)
            if before == now:
                return f"{run} is finished. {_try_it(run)}"
            logger.info(
                "%s is trained, but was shipped with other options (%s): shipping it again",
                run, ", ".join(_changed(before, now)),
            )  # fmt: skip
        else:
            logger.info("%s is trained; what is left is to calibrate and export the model", run)
        network = _load(folder)
    if folder.history.is_file():
        plots.history(folder.history, run)
    folder.forget_shipped()
    told = _ship(network, division, config, run, options)
    # After the model: a run that was cut off in between ships again.
    folder.note_shipped(_said_of_the_model(options))
    return told


def _config(options: argparse.Namespace) -> TrainingConfig:
    entry = architectures.architecture(options.architecture)
    return TrainingConfig(
        architecture=options.architecture,
        image_size=options.image_size or entry.image_size,
        crop=options.crop,
        epochs=options.epochs,
        warm_up_epochs=options.warm_up_epochs,
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        fine_tuning_rate=options.fine_tuning_rate,
        weight_decay=options.weight_decay,
        label_smoothing=options.label_smoothing,
        blend_share=options.blend_share,
        resynthesis_share=options.resynthesis_share,
        patience=options.patience,
        weights=options.weights or ("imagenet" if entry.load_imagenet else "none"),
        teachers=options.teachers,
        teacher_share=options.teacher_share,
        mixed_precision=options.mixed_precision,
        strategy=options.strategy,
        seed=options.seed,
    )


def _load(folder: RunFolder) -> keras.Model:
    try:
        network: keras.Model = keras.saving.load_model(folder.network, compile=False)
    except (ValueError, OSError, TypeError, KeyError, BadZipFile) as error:
        raise TrainingError(
            f"{folder.network} is damaged ({error}). Remove it and repeat the command: the run "
            "goes on from its last checkpoint."
        ) from error
    return network


def _ship(
    network: keras.Model,
    division: cross_source.Division,
    config: TrainingConfig,
    run: Path,
    options: argparse.Namespace,
) -> str:
    description = shipping.Description(
        options.name, options.version_name, options.licence, _command(config, options)
    )
    manifest = shipping.ship(
        network, division.kept, config, run, description,
        threshold_rule=options.threshold_rule, flip_average=options.flip_average,
        division=division,
    )  # fmt: skip
    figures = manifest.metrics["test"]
    return (
        f"ROC-AUC {figures['roc_auc']:.3f} on {figures['reals']} real and {figures['fakes']} fake "
        f"faces ({manifest.metrics['measured_on']}), threshold {manifest.threshold:.2f}.\n"
        f"{_try_it(run)}"
    )


def _command(config: TrainingConfig, options: argparse.Namespace) -> str:
    """The command that makes the model again; where the data lie is nobody's business."""
    words = ["deepfake", "train", "DATA", "-o", "RUN"]
    for field in fields(TrainingConfig):
        value = getattr(config, field.name)
        if value != field.default:
            shown = _without_folders(field.name, value)
            words += [f"--{field.name.replace('_', '-')}", str(shown)]
    for name in ("leave_out", "threshold_rule"):
        if getattr(options, name) not in ("", calibration.THRESHOLD_RULES[0]):
            words += [f"--{name.replace('_', '-')}", getattr(options, name)]
    if options.flip_average:
        words.append("--flip-average")
    return shlex.join(words)


def _without_folders(option: str, value: object) -> object:
    if option == "weights":
        return Path(str(value)).name
    if option == "teachers":
        names = (name.strip() for name in str(value).split(","))
        return ",".join(n if n.startswith("hf://") else Path(n).resolve().name for n in names)
    return value


def _said_of_the_model(options: argparse.Namespace) -> dict[str, str]:
    """The options that change the shipped model, but not its training."""
    said = {
        "name": options.name,
        "version": options.version_name,
        "licence": options.licence,
        "threshold_rule": options.threshold_rule,
    }
    # Not there means no, as in runs from before there was this option.
    return said | {"flip_average": "yes"} if options.flip_average else said


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = dict.fromkeys([*now, *before])
    return [name.replace("_", " ") for name in names if before.get(name) != now.get(name)]


def _try_it(run: Path) -> str:
    return f"Try it: deepfake detect PHOTO --model {run}"
