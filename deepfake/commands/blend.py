"""`deepfake blend`: photos of real faces → fakes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
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
    add_seed_and_workers(blend)
    blend.set_defaults(run=_blend)


def _blend(options: argparse.Namespace) -> int:
    with needed_for("This"):
        print(blend(options))
    return RAN


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

    require_workers_and_seed(options)
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
