"""The command line of `deepfake data`, `augment` and `blend`; imports nothing heavy before."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepfake.errors import SettingError
from deepfake.extras import needed_for
from deepfake.settings import models_folder

RAN = 0
DATA_HELP = "folder, CSV file or hf://datasets/owner/name[@revision]"


def add_commands(commands: Any) -> None:
    """Add the commands to the parser.

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
    _add_seed_and_workers(check)
    check.set_defaults(run=_check)
    _add_augment(commands)
    _add_blend(commands)


def _add_augment(commands: Any) -> None:
    augment = commands.add_parser(
        "augment",
        help="write augmented copies of a data set",
        description="Write augmented copies of a data set into a new folder, with labels and "
        "layout kept, and a table of what was done to each.",
    )
    augment.add_argument("data", metavar="IN", help=DATA_HELP)
    augment.add_argument("output", metavar="OUT", type=Path, help="a new or empty folder")
    augment.add_argument(
        "--copies", type=int, default=1, metavar="N", help="of each picture (default: 1)"
    )
    augment.add_argument(
        "--use", metavar="LIST",
        help="what may be done, with commas between: rotation, shift, zoom, flip, colour, scale, "
        "blur, noise, jpeg, webp (default: all of these), upside-down",
    )  # fmt: skip
    augment.add_argument("--without", metavar="LIST", help="what may not be done")
    augment.add_argument(
        "--no-originals", action="store_true", help="leave out the pictures that copies are made of"
    )
    augment.add_argument(
        "--all-splits", action="store_true",
        help="also augment valid and test (default: these are copied as they are)",
    )  # fmt: skip
    _add_seed_and_workers(augment)
    augment.set_defaults(run=_augment)


def _add_blend(commands: Any) -> None:
    blend = commands.add_parser(
        "blend",
        help="make face-swap fakes from real photos",
        description="Make fakes from real photos only: self-blended faces, faces swapped between "
        "two people, moved features, and faces sent through a small decoder. For training and "
        "teaching only.",
    )
    blend.add_argument("data", metavar="REALS", help=f"a folder of photos, or {DATA_HELP}")
    blend.add_argument("output", metavar="OUT", type=Path, help="a new or empty folder")
    blend.add_argument("--count", type=int, metavar="N", help="fakes (default: one of each photo)")
    blend.add_argument(
        "--kind", default="both", choices=("self", "swap", "reenact", "resynthesis", "both", "all"),
        help="self-blended, swapped, moved features, resynthesised by an autoencoder that is "
        "fitted on the photos first (a minute or two), the first two (default), or all four",
    )  # fmt: skip
    blend.add_argument(
        "--with-reals", action="store_true",
        help="also write the photos that were used, saved the same way, so that OUT can be "
        "trained with",
    )  # fmt: skip
    _add_seed_and_workers(blend)
    blend.set_defaults(run=_blend)


def _add_seed_and_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="same seed, same result (default: 0)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="threads (default: 2)")


def _check(options: argparse.Namespace) -> int:
    with needed_for("This"):
        print(check(options))
    return RAN


def _augment(options: argparse.Namespace) -> int:
    with needed_for("This"):
        print(augment(options))
    return RAN


def _blend(options: argparse.Namespace) -> int:
    with needed_for("This"):
        print(blend(options))
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

    _require_positive("--sample", options.sample)
    _require_workers_and_seed(options)
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


def augment(options: argparse.Namespace) -> str:
    """Write augmented copies.

    Args:
        options: Namespace. data, output, copies, use, without, no_originals, all_splits, seed,
            workers.

    Returns:
        What was written where.

    Raises:
        TrainingError: the data, the output folder or an option cannot be used.
    """
    from deepfake.datasets.dataset import find_dataset
    from deepfake.forging import recipes
    from deepfake.forging.augment import LOG
    from deepfake.forging.augment import augment as write_augmented

    _require_workers_and_seed(options)
    kinds = recipes.choose_kinds(options.use, options.without)
    found = find_dataset(options.data)
    print(found.describe(), file=sys.stderr)
    done = write_augmented(
        found,
        options.output,
        options.copies,
        kinds,
        options.seed,
        originals=not options.no_originals,
        all_splits=options.all_splits,
        workers=options.workers,
    )
    _list("skipped", done.skipped)
    return (
        f"{done.augmented:,} augmented copies and {done.originals:,} originals are in "
        f"{options.output}; {LOG} tells what was done to each."
    )


def blend(options: argparse.Namespace) -> str:
    """Make fakes of real photos.

    Args:
        options: Namespace. data, output, count, kind, with_reals, seed, workers.

    Returns:
        What was written where.

    Raises:
        TrainingError: the photos, the output folder or an option cannot be used.
    """
    from deepfake.forging.blend import blend as write_blends
    from deepfake.forging.blend import find_reals

    _require_workers_and_seed(options)
    reals = find_reals(options.data)
    _list("Note", reals.notes)
    done = write_blends(
        reals,
        options.output,
        options.count,
        options.kind,
        options.seed,
        with_reals=options.with_reals,
        workers=options.workers,
    )
    _list("skipped", done.skipped)
    _list("Note", done.notes)
    beside = f" and {done.reals:,} real photos" if done.reals else ""
    return (
        f"{done.fakes:,} fakes{beside} are in {options.output}; labels.csv tells how each was made."
    )


def _list(title: str, lines: Sequence[str]) -> None:
    for line in lines:
        print(f"{title}: {line}", file=sys.stderr)


def _require_positive(option: str, value: int) -> None:
    if value < 1:
        raise SettingError(f"{option} must be at least 1. Received: {value}.")


def _require_workers_and_seed(options: argparse.Namespace) -> None:
    _require_positive("--workers", options.workers)
    if options.seed < 0:
        raise SettingError(f"--seed must be 0 or more. Received: {options.seed}.")
