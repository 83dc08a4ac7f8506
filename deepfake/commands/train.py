"""`deepfake train`: labelled faces → a run folder that `--model` takes."""

from __future__ import annotations

import argparse
import logging
import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from deepfake.errors import TrainingError
from deepfake.extras import needed_for
from deepfake.formatting import number

if TYPE_CHECKING:
    import keras

    from deepfake.shipping import cross_source
    from deepfake.training.config import TrainingConfig
    from deepfake.training.run_folder import RunFolder

logger = logging.getLogger(__name__)

RAN = 0


def add_commands(commands: Any) -> None:
    """Add the commands to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    train = commands.add_parser(
        "train",
        help="train a model on a folder of real and fake faces",
        description="Train, calibrate, test and export a model. A run that was cut off goes on "
        "when the command is repeated.",
    )
    train.add_argument(
        "data",
        help="folder with real/ and fake/, a CSV file (path,label), or hf://datasets/owner/name",
    )
    train.add_argument("-o", "--output", type=Path, required=True, help="the run folder")
    train.add_argument(
        "--leave-out", default="", metavar="SOURCES",
        help="train without these sources and measure on them afterwards, to see how the model "
        "does elsewhere; commas between, + joins sources of one family",
    )  # fmt: skip
    _add_network(train.add_argument_group("network"))
    _add_schedule(train.add_argument_group("schedule"))
    _add_machine(train.add_argument_group("machine"))
    _add_model(train.add_argument_group("the model that comes out"))
    train.set_defaults(run=_train)


def _add_network(group: Any) -> None:
    group.add_argument(
        "--architecture", default="efficientnet-lite0", metavar="NAME",
        help="efficientnet-lite0 (default), cnn, meso4, mesoinception4, mobilenetv3-large, "
        "resnet50, xception … (docs/training.md lists all)",
    )  # fmt: skip
    group.add_argument(
        "--image-size", type=int, default=0, metavar="PIXELS",
        help="side of the input (default: the architecture's)",
    )  # fmt: skip
    group.add_argument(
        "--crop", type=float, default=1.3, help="side of the crop in face boxes (default: 1.3)"
    )
    group.add_argument(
        "--weights",
        help="imagenet, none, or a .keras or .h5 file to go on from (default: imagenet where "
        "there are such weights)",
    )


def _add_schedule(group: Any) -> None:
    group.add_argument("--epochs", type=int, default=8, help="default: 8")
    group.add_argument("--steps", type=int, default=0, help="batches an epoch (default: all faces)")
    group.add_argument("--batch-size", type=int, default=32, help="faces a batch (default: 32)")
    group.add_argument("--learning-rate", type=float, default=6e-4, help="peak (default: 0.0006)")
    group.add_argument(
        "--warm-up-epochs", type=int, default=0, metavar="N",
        help="of the epochs, how many at the start train the head only (default: 0)",
    )  # fmt: skip
    group.add_argument(
        "--fine-tuning-rate", type=float, default=0.0, metavar="RATE",
        help="peak after the warm-up epochs (default: a tenth of the learning rate)",
    )  # fmt: skip
    group.add_argument("--weight-decay", type=float, default=0.02, help="default: 0.02")
    group.add_argument("--label-smoothing", type=float, default=0.05, help="default: 0.05")
    group.add_argument(
        "--patience", type=int, default=0, metavar="N",
        help="stop after N epochs without a better validation AUC and keep the best epoch "
        "(default: 0, train to the end)",
    )  # fmt: skip
    group.add_argument(
        "--blend-share", type=float, default=0.5, metavar="SHARE",
        help="blended faces among the fakes (default: 0.5)",
    )  # fmt: skip
    group.add_argument(
        "--resynthesis-share", type=float, default=0.0, metavar="SHARE",
        help="resynthesised faces among the fakes (default: 0)",
    )  # fmt: skip
    group.add_argument(
        "--teachers", default="", metavar="MODELS",
        help="models to learn from beside the labels (distillation), commas between; as --model "
        "of the other commands takes them",
    )  # fmt: skip
    group.add_argument(
        "--teacher-share", type=float, default=0.7, metavar="SHARE",
        help="weight of the teachers against the labels (default: 0.7)",
    )  # fmt: skip
    group.add_argument("--seed", type=int, default=0, help="default: 0")


def _add_machine(group: Any) -> None:
    group.add_argument(
        "--mixed-precision", choices=("auto", "on", "off"), default="auto",
        help="16-bit arithmetic; auto (default): on a GPU that is faster with it",
    )  # fmt: skip
    group.add_argument(
        "--strategy", choices=("none", "mirrored", "multiworker"), default="none",
        help="mirrored: all devices of this machine; multiworker: the workers in TF_CONFIG",
    )  # fmt: skip
    group.add_argument(
        "--checkpoint-minutes", type=float, default=10.0, metavar="N",
        help="time between checkpoints within an epoch; 0: only after epochs (default: 10)",
    )  # fmt: skip


def _add_model(group: Any) -> None:
    group.add_argument("--name", default="model", help="name of the model (default: model)")
    group.add_argument(
        "--version-name", default="1", help="version of the model, for its manifest (default: 1)"
    )
    group.add_argument("--licence", default="not stated", help="licence of the weights")
    group.add_argument(
        "--threshold-rule", choices=("fpr", "half", "youden"), default="fpr",
        help="fpr (default): at most 5%% of validation reals count as fake; half: 0.5; youden: "
        "most fakes caught less reals called fake",
    )  # fmt: skip
    group.add_argument(
        "--flip-average", action="store_true",
        help="judge each face and its mirror image and say the mean of both: usually fewer "
        "errors, at twice the time",
    )  # fmt: skip


def _train(options: argparse.Namespace) -> int:
    with needed_for("Training"):
        print(train(options.data, options.output, options))
    return RAN


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
    from deepfake.data_check import check
    from deepfake.datasets import dataset
    from deepfake.evaluation import plots
    from deepfake.shipping import cross_source
    from deepfake.training import trainer
    from deepfake.training.run_folder import RunFolder
    from deepfake.training.strategy import Devices

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
            for warning in check.quick_warnings(kept):
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
    from deepfake import networks
    from deepfake.training.config import TrainingConfig

    entry = networks.architecture(options.architecture)
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
    import keras

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
    from deepfake.shipping import ship

    description = ship.Description(
        options.name, options.version_name, options.licence, _command(config, options)
    )
    manifest = ship.ship(
        network, division.kept, config, run, description,
        ship.Options(options.threshold_rule, options.flip_average), division=division,
    )  # fmt: skip
    test = manifest.metrics.test
    return (
        f"ROC-AUC {number(test.roc_auc)} on {test.reals} real and {test.fakes} fake "
        f"faces ({manifest.metrics.measured_on}), threshold {manifest.threshold:.2f}.\n"
        f"{_try_it(run)}"
    )


def _command(config: TrainingConfig, options: argparse.Namespace) -> str:
    """The command that makes the model again; where the data lie is nobody's business."""
    from deepfake.shipping import calibration
    from deepfake.training.config import TrainingConfig

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
