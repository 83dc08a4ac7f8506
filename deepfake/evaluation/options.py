"""The command line of `deepfake evaluate`. Imports nothing heavy before the command runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepfake.modelstore import answers
from deepfake.training.extras import needed_for

RAN = 0


def add_commands(commands: Any) -> None:
    """Add the commands to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    evaluate = commands.add_parser(
        "evaluate",
        help="measure models on labelled photos: report.html, figures, scores.csv",
        description="Measure how well models tell real from fake on labelled photos. Every score "
        "goes through the code that serves. Several sets are also put into one table at one "
        "threshold, several models into one figure.",
    )
    evaluate.add_argument(
        "data", nargs="+", metavar="DATA",
        help="a folder with real/ and fake/ (or one of them), a CSV file, or hf://datasets/…",
    )  # fmt: skip
    evaluate.add_argument(
        "--model", action="append", metavar="M",
        help="'default', a model's folder or file, or hf://OWNER/REPO; may be given several times",
    )  # fmt: skip
    evaluate.add_argument("-o", "--output", type=Path, required=True, help="folder of the report")
    evaluate.add_argument(
        "--threshold", type=float, metavar="P",
        help="P(fake) from which on a face is called fake (default: each model's own)",
    )  # fmt: skip
    evaluate.add_argument(
        "--split", default="test",
        help="which split to judge, where the data has splits (default: test)",
    )  # fmt: skip
    evaluate.add_argument(
        "--limit", type=int, metavar="N", help="at most N files of each class, drawn at random"
    )
    evaluate.add_argument(
        "--grid", type=int, default=100, metavar="N",
        help="faces for the robustness grid of JPEG × size × blur; 0 for none (default: 100)",
    )  # fmt: skip
    evaluate.add_argument(
        "--edits", type=int, default=1000, metavar="N",
        help="faces for the table of edited pictures (darker, paler, …); 0 for none "
        "(default: 1000)",
    )  # fmt: skip
    evaluate.add_argument(
        "--no-tiers", action="store_true",
        help="judge the files only as they are, not also recompressed as on the web and worse",
    )  # fmt: skip
    evaluate.add_argument("--seed", type=int, default=0, help="of all drawing (default: 0)")
    evaluate.add_argument("--json", action="store_true", help="print the report as JSON")
    answers.add_options(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    with needed_for("Evaluating"):
        from deepfake.evaluation.command import evaluate
    print(evaluate(options))
    return RAN
