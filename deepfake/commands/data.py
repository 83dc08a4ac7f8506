"""`deepfake data`: what is in a data set, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from deepfake.commands.options import (
    DATA_HELP,
    add_seed_and_workers,
    require_positive,
    require_workers_and_seed,
)
from deepfake.errors import SettingError
from deepfake.extras import needed_for
from deepfake.settings import models_folder

RAN = 0


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    data = commands.add_parser(
        "data", help="look at a data set", description="Look at a data set before training with it."
    )
    actions = data.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="counts, unreadable files, duplicates, leaks and shortcuts",
        description="Count and read the files of a data set; find unreadable ones, duplicates, "
        "groups in several splits, and what a network could learn instead of forgery.",
    )
    check.add_argument("data", metavar="DATA", help=DATA_HELP)
    check.add_argument("--json", action="store_true", help="one JSON document, with all the files")
    check.add_argument(
        "--sample", type=int, default=2000, metavar="N",
        help="files of a class in the shortcut test (default: 2000)",
    )  # fmt: skip
    check.add_argument(
        "--image-size", type=int, metavar="PIXELS",
        help="input of the model to be trained (default: the default model's)",
    )  # fmt: skip
    add_seed_and_workers(check)
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    with needed_for("This"):
        print(check(options))
    return RAN


def check(options: argparse.Namespace) -> str:
    """Look at a data set.

    Args:
        options: Namespace. data, json, sample, image_size, seed, workers.

    Returns:
        The report, as text or JSON.

    Raises:
        TrainingError: the data cannot be found or understood.
        SettingError: an option out of range.
    """
    from deepfake.data_check import check as data_check
    from deepfake.data_check import text
    from deepfake.datasets.dataset import find_dataset
    from deepfake.manifest import read_manifest

    require_positive("--sample", options.sample)
    require_workers_and_seed(options)
    spec = read_manifest(models_folder() / "default").input
    if options.image_size is not None:
        if not 16 <= options.image_size <= 2048:
            raise SettingError(f"--image-size must be in 16..2048. Received: {options.image_size}.")
        spec = spec.model_copy(update={"size": options.image_size})
    found = find_dataset(options.data)
    report = data_check.check(found, spec, options.sample, options.seed, options.workers)
    if options.json:
        return json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    return text.as_text(report)
