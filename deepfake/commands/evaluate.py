"""`deepfake evaluate`: models + labelled sets → a report."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.options import add_answers, add_measured, check_measured
from deepfake.errors import SettingError, TrainingError
from deepfake.extras import needed_for
from deepfake.formatting import printable
from deepfake.modelstore.answers import Answers
from deepfake.settings import Settings

if TYPE_CHECKING:
    from deepfake.detector import Detector

RAN = 0
HISTORY = "history.csv"


def add_command(commands: Any) -> None:
    """Add the command to the parser.

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
    add_measured(evaluate)
    evaluate.add_argument(
        "--no-tiers", action="store_true",
        help="judge the files only as they are, not also recompressed as on the web and worse",
    )  # fmt: skip
    evaluate.add_argument("--seed", type=int, default=0, help="of all drawing (default: 0)")
    evaluate.add_argument("--json", action="store_true", help="print the report as JSON")
    add_answers(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    with needed_for("Evaluating"):
        print(evaluate(options))
    return RAN


def evaluate(options: argparse.Namespace) -> str:
    """Judge every set with every model and write the report.

    Args:
        options: Namespace. As of `add_command`.

    Returns:
        What to print: text, or the report as JSON.

    Raises:
        TrainingError: a set cannot be read, no face could be judged, or the folder cannot be
            written.
        ModelError: a model cannot be loaded.
        SettingError: an option is out of range.
    """
    from deepfake.evaluation import data, evaluator, report, summary
    from deepfake.modelstore.resolve import introduce

    check_measured(options)
    if options.limit is not None and options.limit < 1:
        raise SettingError("--limit must be at least 1.")
    if options.seed < 0:
        raise SettingError(f"--seed must be at least 0. Received: {options.seed}.")
    if options.output.is_file():
        raise TrainingError(f"{options.output} is a file. Name a folder for the report.")
    settings = Settings.from_environment()
    names = options.model or [settings.model]
    for remark in introduce(names, settings, Answers.of(options)):
        print(remark, file=sys.stderr, flush=True)
    detectors = _load(names, options.threshold)
    found = [data.find(place, options.split, options.limit, options.seed) for place in options.data]
    sets = [
        replace(one, name=name)
        for name, one in zip(_different([one.name for one in found]), found, strict=True)
    ]
    for one in sets:
        print(one.description, file=sys.stderr, flush=True)
    histories = {
        name: folder / HISTORY
        for name, folder in ((n, d.model.folder) for n, d in detectors.items())
        if folder is not None and (folder / HISTORY).is_file()
    }
    report.prepare(options.output, histories)
    models = [
        evaluator.evaluate(
            name, detector, sets,
            tiers=not options.no_tiers, grid_faces=options.grid, edited_faces=options.edits,
            seed=options.seed,
        )
        for name, detector in detectors.items()
    ]  # fmt: skip
    if not any(score.p_fake is not None for one in models[0].sets for score in one.clean):
        reasons = Counter(score.error for one in models[0].sets for score in one.clean)
        raise TrainingError(
            "No face could be judged in any of the files: "
            + "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
        )
    document = report.write(report.build(models), models, options.output, histories)
    if options.json:
        return document.as_json()
    place = options.output / report.HTML_FILE
    return str(printable(f"{summary.text(document)}\n\nReport: {place}"))


def _load(names: Sequence[str], threshold: float | None) -> dict[str, Detector]:
    from deepfake.detector import Detector

    loaded = [Detector(name, threshold=threshold) for name in names]
    shown = _different([detector.model.manifest.name for detector in loaded])
    return dict(zip(shown, loaded, strict=True))


def _different(names: Sequence[str]) -> list[str]:
    """Names with a number where one comes again."""
    seen: Counter[str] = Counter()
    different = []
    for name in names:
        seen[name] += 1
        different.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return different
