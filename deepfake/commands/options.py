"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from deepfake.errors import SettingError
from deepfake.modelstore.answers import RETURNED
from deepfake.modelstore.preparation import CHANNELS, RECIPES, RESAMPLES, SCALES

DATA_HELP = "folder, CSV file or hf://datasets/owner/name[@revision]"


def add_answers(parser: argparse.ArgumentParser) -> None:
    """Add the options with which a user describes a model that has no manifest."""
    group = parser.add_argument_group(
        "for a model without a manifest", "Asked once: the answers are kept for this very file."
    )
    group.add_argument(
        "--positive", metavar="X",
        help="what a high score means, or the second of two outputs: fake or real; of more "
        "classes those that mean fake, such as print,replay or 1,2",
    )  # fmt: skip
    group.add_argument(
        "--labels", metavar="A,B",
        help="names of the outputs by index, such as fake,real or live,print,replay",
    )  # fmt: skip
    group.add_argument(
        "--returns", choices=RETURNED,
        help="what its numbers are, where the file does not say it (LiteRT, ONNX)",
    )  # fmt: skip
    add_preparation(group)
    group.add_argument(
        "--score", metavar="NAME", help="which of several outputs tells real from fake"
    )
    group.add_argument(
        "--size", type=int, metavar="N", help="side of its input, where the file leaves it open"
    )
    group.add_argument(
        "--architecture", metavar="NAME", help="the network, for a file that holds only weights"
    )
    group.add_argument(
        "--real-below", type=float, metavar="P",
        help="call a face fake where the confidence in “real” is below P",
    )  # fmt: skip


def add_measured(parser: argparse._ActionsContainer) -> None:
    """Add the options that say how many faces the costly tables of a report are measured on."""
    parser.add_argument(
        "--grid", type=int, default=100, metavar="N",
        help="faces for the robustness grid of JPEG × size × blur; 0 for none (default: 100)",
    )  # fmt: skip
    parser.add_argument(
        "--edits", type=int, default=1000, metavar="N",
        help="faces for the table of edited pictures (darker, paler, …); 0 for none "
        "(default: 1000)",
    )  # fmt: skip


def check_measured(options: argparse.Namespace) -> None:
    """Raises SettingError where one of them is negative."""
    if min(options.grid, options.edits) < 0:
        raise SettingError("--grid and --edits must be at least 0.")


def add_preparation(group: argparse._ActionsContainer) -> None:
    """Add the options that say how a model without a manifest is given pictures."""
    group.add_argument(
        "--recipe", choices=tuple(RECIPES),
        help="how pictures are prepared, all at once; what else is said comes first",
    )  # fmt: skip
    group.add_argument(
        "--scale", choices=tuple(SCALES),
        help="values of the pixels that the network was trained with",
    )  # fmt: skip
    group.add_argument(
        "--crop", metavar="C",
        help="what it looks at: face, full, or a multiple of the face box such as 1.5",
    )  # fmt: skip
    group.add_argument(
        "--resize", metavar="HOW",
        help="how whole pictures come to a square: crop (their middle), squash (all of it, out of "
        "proportion), crop:256 or squash:256 (to 256 pixels, then the middle), none",
    )  # fmt: skip
    group.add_argument(
        "--resample", choices=RESAMPLES,
        help="filter of the resizing, by Pillow's names; linear is OpenCV's and TensorFlow's",
    )  # fmt: skip
    group.add_argument(
        "--channels", choices=CHANNELS, help="order of the colours, or grey (default: rgb)"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add `--model` of a command that uses one."""
    parser.add_argument(
        "--model", metavar="MODEL",
        help="'default', a model's folder or file, or hf://OWNER/REPO (default: the setting "
        "DEEPFAKE_MODEL)",
    )  # fmt: skip


def add_threshold(parser: argparse.ArgumentParser, judged: str = "face") -> None:
    """Add `--threshold` of a command that uses one model at a time.

    Args:
        parser: ArgumentParser.
        judged: str. What gets a verdict. Defaults to a face.
    """
    parser.add_argument(
        "--threshold", type=float, metavar="P",
        help=f"P(fake) from which on a {judged} is called fake (default: the model's)",
    )  # fmt: skip


def joined(arguments: Sequence[str]) -> list[str]:
    """Arguments in which `--scale -1..1` is one, since argparse takes its value for an option."""
    kept: list[str] = []
    for argument in arguments:
        if kept and kept[-1] == "--scale" and argument in SCALES:
            kept[-1] = f"--scale={argument}"
        else:
            kept.append(argument)
    return kept


def add_seed_and_workers(parser: argparse.ArgumentParser) -> None:
    """Add `--seed` and `--workers`; see `require_workers_and_seed`."""
    parser.add_argument("--seed", type=int, default=0, help="same seed, same result (default: 0)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="threads (default: 2)")


def require_positive(option: str, value: int) -> None:
    """Raise SettingError unless an option's value is at least 1."""
    if value < 1:
        raise SettingError(f"{option} must be at least 1. Received: {value}.")


def require_workers_and_seed(options: argparse.Namespace) -> None:
    """Raise SettingError unless `--workers` and `--seed` can be used."""
    require_positive("--workers", options.workers)
    if options.seed < 0:
        raise SettingError(f"--seed must be 0 or more. Received: {options.seed}.")
