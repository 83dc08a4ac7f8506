"""`deepfake augment`: a data set → augmented copies of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from deepfake.commands.options import DATA_HELP, add_seed_and_workers, require_workers_and_seed
from deepfake.extras import needed_for

RAN = 0


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
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
    add_seed_and_workers(augment)
    augment.set_defaults(run=_augment)


def _augment(options: argparse.Namespace) -> int:
    with needed_for("This"):
        print(augment(options))
    return RAN


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

    require_workers_and_seed(options)
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
    for line in done.skipped:
        print(f"skipped: {line}", file=sys.stderr)
    return (
        f"{done.augmented:,} augmented copies and {done.originals:,} originals are in "
        f"{options.output}; {LOG} tells what was done to each."
    )
