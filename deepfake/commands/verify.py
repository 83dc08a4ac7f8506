"""`deepfake verify`: does a report hold for this photo and this model?"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.options import add_model

if TYPE_CHECKING:
    from deepfake.record.checking import Check

HOLDS, DOES_NOT_HOLD = 0, 3


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    verify = commands.add_parser(
        "verify",
        help="say whether a report holds for a photo and a model",
        description="Judge a photo again, as a report says that it was judged, and compare: the "
        "file and the model by their SHA-256, faces, scores (to 0.000001), verdict, error rates "
        "and picture. Exit code 0: the report holds; 3: it does not; 1: it could not be checked.",
    )
    verify.add_argument(
        "report", metavar="REPORT.json",
        help="as written by `deepfake detect --report` or saved from the page",
    )  # fmt: skip
    verify.add_argument("photo", metavar="PHOTO", help="the file that the report is of")
    add_model(verify)
    verify.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check a report and print what was found.

    Args:
        options: Namespace. As of `add_command`.

    Returns:
        The exit code.

    Raises:
        RecordError: the report cannot be read.
        ImageError: the photo cannot be read.
        ModelError: the model cannot be loaded.
    """
    from deepfake import imaging
    from deepfake.modelstore.resolve import load_model
    from deepfake.record.checking import check
    from deepfake.record.file import read
    from deepfake.settings import Settings

    settings = Settings.from_environment()
    data = imaging.read_path(options.photo, settings)
    recorded = read(Path(options.report), hashlib.sha256(data).hexdigest())
    found = check(recorded, data, load_model(options.model, settings), settings)
    print(_as_text(found))
    return HOLDS if found.holds else DOES_NOT_HOLD


def _as_text(check: Check) -> str:
    from deepfake.record.checking import ROUNDING, TOLERANCE

    report = check.report
    if check.holds:
        scores = sum(face.p_fake is not None for face in report.faces)
        lines = [
            "The report holds: this file and this model give its verdict again.",
            f"  verdict    {report.verdict.replace('_', ' ')} at threshold {report.threshold:.2f}: "
            f"{report.sentence}",
            f"  file       SHA-256 {report.sha256}",
            f"  model      {report.model['name']} {report.model['version']}, SHA-256 "
            f"{report.model['sha256']}",
            f"  scores     {scores} of faces, the same to {TOLERANCE:f}",
        ]
    else:
        lines = ["The report does not hold for this file and this model."]
        lines += [f"  {one.kind:<10} {one.sentence}" for one in check.differences]
        kinds = {one.kind for one in check.differences}
        if kinds == {"numbers"} and check.largest < ROUNDING:
            lines.append(
                f"  hint       The verdict is the same, and no score is {ROUNDING} apart. Another "
                "processor or another version of a program can round that differently."
            )
        if kinds & {"file", "model"}:
            lines.append(
                f"  now        {report.verdict.replace('_', ' ')} at threshold "
                f"{report.threshold:.2f}: {report.sentence}"
            )
    lines += [f"  version    {remark}" for remark in check.remarks]
    return "\n".join(lines)
