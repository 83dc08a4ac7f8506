"""The command line of `deepfake train`. Imports nothing heavy before the command runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepfake.training.extras import needed_for

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
        from deepfake.training.command import train
    print(train(options.data, options.output, options))
    return RAN
