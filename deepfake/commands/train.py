"""`deepfake train`: labelled faces → a run folder that `--model` takes."""

from __future__ import annotations

import argparse
import logging
import shlex
from collections.abc import Mapping
from dataclasses import Field, asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import BadZipFile

from deepfake.commands.misjudged import on_new_model
from deepfake.commands.options import add_measured, check_measured
from deepfake.errors import TrainingError
from deepfake.extras import needed_for
from deepfake.formatting import number
from deepfake.shipping.description import Description
from deepfake.training.config import CHECKPOINT_MINUTES, TrainingConfig
from deepfake.training.recipe import read_recipe

if TYPE_CHECKING:
    import keras

    from deepfake.training.run_folder import RunFolder

Options = TypeVar("Options", TrainingConfig, Description)

logger = logging.getLogger(__name__)

RAN = 0


def add_command(commands: Any) -> None:
    """Add the command to the parser.

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
        "does elsewhere; commas between, + joins sources of one family, fold=N is all sources of "
        "that fold",
    )  # fmt: skip
    groups = _add_options(train, TrainingConfig)
    groups["machine"].add_argument(
        "--checkpoint-minutes", type=float, default=CHECKPOINT_MINUTES, metavar="N",
        help="time between checkpoints within an epoch; 0: only after epochs "
        "(default: %(default)g)",
    )  # fmt: skip
    _add_options(train, Description)
    add_measured(train.add_argument_group("what is measured at the end"))
    train.set_defaults(run=_train)


def _add_options(parser: argparse.ArgumentParser, made_of: type[Options]) -> dict[str, Any]:
    """Add an option for each field that has its help; returns the groups by heading."""
    groups: dict[str, Any] = {}
    for entry in _options_of(made_of):
        shown = dict(entry.metadata)
        heading = shown.pop("group")
        if heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
        if entry.name == "recipe":
            shown |= {"action": _ReadRecipe, "default": entry.default}
        elif isinstance(entry.default, bool):
            shown["action"] = "store_true"
        else:
            shown |= {"type": type(entry.default), "default": entry.default}
        groups[heading].add_argument(f"--{_dashes(entry.name)}", **shown)
    return groups


class _ReadRecipe(argparse.Action):
    """Takes the options that a recipe says; those after it on the line have the last word."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
        option_string: str | None = None,
    ) -> None:  # fmt: skip
        try:
            said = read_recipe(values).options
        except TrainingError as error:
            parser.error(str(error))
        usual: dict[str, Any] = {
            e.name: e.default for e in (*fields(TrainingConfig), *fields(Description))
        }
        for name, value in said.items():
            # A whole number is a number as well; a word of TOML's own is not.
            good = type(value) is type(usual.get(name)) or (
                type(usual.get(name)) is float and type(value) is int
            )
            if name == self.dest or not good:
                parser.error(
                    f"The recipe {values} says {name} = {value!r}: there is no such option of a "
                    "training, or it takes another kind of value."
                )
            setattr(namespace, name, float(value) if type(usual[name]) is float else value)
        setattr(namespace, self.dest, values)


def _options_of(made_of: type[Options]) -> list[Field[Any]]:
    return [entry for entry in fields(made_of) if entry.metadata]


def _made(made_of: type[Options], options: argparse.Namespace) -> Options:
    return made_of(**{entry.name: getattr(options, entry.name) for entry in _options_of(made_of)})


def _dashes(name: str) -> str:
    return name.replace("_", "-")


def _train(options: argparse.Namespace) -> int:
    with needed_for("Training"):
        print(train(options.data, options.output, options))
        if said := on_new_model(_as_model(options.output)):
            print(said)
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
        SettingError: a number of faces is negative.
    """
    from deepfake.data_check import check
    from deepfake.datasets import dataset
    from deepfake.evaluation import plots
    from deepfake.shipping import cross_source, ship
    from deepfake.training import trainer
    from deepfake.training.run_folder import RunFolder

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config, description = _made(TrainingConfig, options), _made(Description, options)
    check_measured(options)
    found = dataset.find_dataset(data)
    print(found.describe(), flush=True)
    division = cross_source.divide(found.samples, options.leave_out)
    kept = replace(found, samples=division.kept)
    kept.require_training_splits()
    folder = RunFolder(run)
    trained = folder.network.is_file()
    if not trained:
        config.require_weights()
    folder.claim(config, kept.samples)
    said, before = _said_of_the_model(description), folder.shipped_as()
    if not trained:
        if not folder.checkpoint.is_file():
            for warning in check.quick_warnings(kept):
                logger.warning("%s", warning)
        network = trainer.fit(kept.samples, config, run, options.checkpoint_minutes)
    elif folder.is_shipped and before == said:
        return f"{run} is finished. {_try_it(run)}"
    else:
        if folder.is_shipped:
            logger.info(
                "%s is trained, but was shipped with other options (%s): shipping it again",
                run, ", ".join(_changed(before, said)),
            )  # fmt: skip
        else:
            logger.info("%s is trained; what is left is to calibrate and export the model", run)
        network = _load(folder)
    if folder.history.is_file():
        plots.history(folder.history, run)
    folder.forget_shipped()
    command = _command(config, description, options.leave_out)
    manifest = ship.ship(
        network, division, config, run, replace(description, command=command),
        grid_faces=options.grid, edited_faces=options.edits,
    )  # fmt: skip
    # After the model: a run that was cut off in between ships again.
    folder.note_shipped(said)
    test = manifest.metrics.test
    return (
        f"ROC-AUC {number(test.roc_auc)} on {test.reals} real and {test.fakes} fake "
        f"faces ({manifest.metrics.measured_on}), threshold {manifest.threshold:.2f}.\n"
        f"{_left_out(run)}{_try_it(run)}"
    )


def _left_out(run: Path) -> str:
    """A line for each source that the training was without, and the two that sum them up."""
    from deepfake.evaluation import report
    from deepfake.shipping.card import EVALUATION

    lines, areas, alarms = [], [], []
    for row in report.read(run / EVALUATION).protocols:
        if row.auc is not None and row.caught is not None:
            areas.append(row.auc)
            said = f"ROC-AUC {number(row.auc)}, {100 * row.caught:.0f} % caught"
        elif row.false_positive_rate is not None:
            alarms.append((row.false_positive_rate, row.held_out))
            said = f"{100 * row.false_positive_rate:.0f} % called fake"
        else:
            said = row.note
        lines.append(f"left out: {row.held_out}, {row.count} faces: {said}")
    if areas:
        mean = number(sum(areas) / len(areas))
        lines.append(f"left-out generators: mean ROC-AUC {mean} over {len(areas)}")
    if alarms:
        share, name = max(alarms)
        lines.append(f"worst left-out real source: {name}, {100 * share:.0f} % called fake")
    return "".join(f"{line}\n" for line in lines)


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


def _command(config: TrainingConfig, description: Description, leave_out: str) -> str:
    """The command that makes the model again; where the data lie is nobody's business."""
    usual = asdict(TrainingConfig(architecture=config.architecture)) | asdict(Description())
    usual |= {"architecture": TrainingConfig.architecture, "leave_out": ""}
    said = asdict(config) | {
        "leave_out": leave_out,
        "threshold_rule": description.threshold_rule,
        "flip_average": description.flip_average,
    }
    usual |= read_recipe(config.recipe).options
    words = ["deepfake", "train", "DATA", "-o", "RUN"]
    # A recipe first, since what comes after it overrules it.
    for name, value in sorted(said.items(), key=lambda option: option[0] != "recipe"):
        if value != usual[name]:
            words.append(f"--{_dashes(name)}")
            if value is not True:
                words.append(str(_without_folders(name, value)))
    return shlex.join(words)


def _without_folders(option: str, value: object) -> object:
    if option in ("weights", "recipe"):
        return Path(str(value)).name
    if option == "teachers":
        names = (name.strip() for name in str(value).split(","))
        return ",".join(n if n.startswith("hf://") else Path(n).resolve().name for n in names)
    return value


def _said_of_the_model(description: Description) -> dict[str, str]:
    """The options that change the shipped model, but not its training."""
    said = {
        "name": description.name,
        "version": description.version_name,
        "licence": description.licence,
        "threshold_rule": description.threshold_rule,
    }
    # Not there means no, as in runs from before there was this option.
    return said | {"flip_average": "yes"} if description.flip_average else said


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = dict.fromkeys([*now, *before])
    return [name.replace("_", " ") for name in names if before.get(name) != now.get(name)]


def _try_it(run: Path) -> str:
    return f"Try it: deepfake detect PHOTO --model {_as_model(run)}"


def _as_model(run: Path) -> str:
    # A folder of that name is not meant by it.
    return f"./{run}" if str(run) == "default" else str(run)
