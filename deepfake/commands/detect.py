"""`deepfake detect`: photos → a line, or a JSON document, each."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.options import add_answers, add_threshold
from deepfake.errors import ImageError, ModelError, RecordError, SettingError
from deepfake.files.same import are_same
from deepfake.formatting import on_one_line, printable
from deepfake.modelstore.answers import Answers

if TYPE_CHECKING:
    from deepfake.comparison import Comparison
    from deepfake.documents import ErrorDocument
    from deepfake.report import Report
    from deepfake.settings import Settings

RAN, SOME_UNREADABLE = 0, 2
STANDARD_INPUT = "-"
SNIFFED_BYTES = 4096

# A file → what is printed of it, and whether all models said something.
Judge = Callable[[str], tuple[str, bool]]


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    detect = commands.add_parser(
        "detect",
        help="judge photos: one line a file",
        description="Judge photos. Exit code 0: all were read; 2: some file, or some of several "
        "models, could not be read.",
    )
    detect.add_argument(
        "files", nargs="+", metavar="FILE",
        help="a photo, a folder of photos, whatever their endings, or - for standard input",
    )  # fmt: skip
    detect.add_argument("--json", action="store_true", help="one JSON document a line")
    add_threshold(detect)
    detect.add_argument(
        "--model", action="append", metavar="MODEL",
        help="'default', a model's folder or file, or hf://OWNER/REPO; several, each after its own "
        "--model, are compared",
    )  # fmt: skip
    detect.add_argument(
        "--report", action="append", metavar="FILE", type=Path,
        help="also write a report on the photo, with pictures, error rates and hashes: a page "
        "(.html) or what `deepfake verify` reads (.json); for both, name both",
    )  # fmt: skip
    detect.add_argument(
        "--fragility", action="store_true",
        help="judge the face that decides also re-encoded, halved, blurred, mirrored and darkened: "
        "a verdict that does not hold becomes “uncertain” (one model only)",
    )  # fmt: skip
    detect.add_argument(
        "--provenance", action="store_true",
        help="say below each photo what its file says of where it comes from: Content Credentials, "
        "camera, programs, image generators (one model only; --json has it always)",
    )  # fmt: skip
    add_answers(detect)
    detect.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge the files and print what was found.

    Args:
        options: Namespace. As of `add_command`.

    Returns:
        The exit code.

    Raises:
        ModelError: the model cannot be loaded; of several, none can.
        SettingError: the threshold is out of range.
        RecordError: a report cannot be written, or is asked for of several photos or models.
    """
    names = tuple(dict.fromkeys(options.model or ()))
    files = [found for name in options.files for found in _expand(name)]
    _require_one(options.report or (), files, names)
    if options.fragility and len(names) > 1:
        raise SettingError("--fragility judges with one model. Leave it out, or name one --model.")
    if options.provenance and len(names) > 1:
        raise SettingError("--provenance needs one model. Leave it out, or name one --model.")
    _introduce(names, options)
    code = RAN
    if len(names) < 2:
        judge = _one(names[0] if names else None, options)
    else:
        judge, failed = _several(names, options)
        code = SOME_UNREADABLE if failed else RAN
    for file, problem in files:
        try:
            if problem:
                raise ImageError(problem)
            text, complete = judge(file)
        except (ImageError, ModelError) as error:
            # Of a model: it took too long over this one, or fell over it.
            code = SOME_UNREADABLE
            print(f"deepfake: {on_one_line(f'{file}: {error}')}", file=sys.stderr)
            if options.json:
                line: ErrorDocument = {"file": file, "error": str(error)}
                print(json.dumps(printable(line)), flush=True)
            continue
        print(text, flush=True)
        if not complete:
            code = SOME_UNREADABLE
    return code


def _introduce(names: tuple[str, ...], options: argparse.Namespace) -> None:
    given = Answers.of(options)
    if given.says_anything:
        from deepfake.modelstore.resolve import introduce
        from deepfake.settings import Settings

        settings = Settings.from_environment()
        for remark in introduce(names or (settings.model,), settings, given):
            print(f"deepfake: {on_one_line(remark)}", file=sys.stderr)


def _require_one(
    reports: Sequence[Path], files: Sequence[tuple[str, str]], models: Sequence[str]
) -> None:
    """Raise RecordError unless what is asked for can be reported on."""
    if not reports:
        return
    from deepfake.record.file import require_suffix

    if len(files) != 1 or len(models) > 1:
        many = f"{len(models)} models" if len(models) > 1 else f"{len(files)} photos"
        raise RecordError(
            f"--report is of one photo and one model, and {many} are named. Name one at a time."
        )
    ((photo, _),) = files
    for path in reports:
        require_suffix(path)
        if are_same(path, Path(photo)):
            raise RecordError(f"The report {path} would replace the photo. Name another place.")


def _one(model: str | None, options: argparse.Namespace) -> Judge:
    from deepfake.detector import Detector

    detector = Detector(model, threshold=options.threshold)
    asked = {
        "fragility": options.fragility,
        "provenance": bool(options.provenance or options.json or options.report),
    }

    def judge(file: str) -> tuple[str, bool]:
        source = _source(file, detector.settings)
        if options.report:
            from deepfake import imaging
            from deepfake.record import file as record_file
            from deepfake.record.making import pictures, record

            if isinstance(source, str):
                # Read once, a pipe too, for the verdict and for the pictures.
                source = imaging.read_path(source, detector.settings)
            report = detector.detect(source, file=file, **asked)
            photo = imaging.read(source, detector.settings).image
            document = record(report, pictures(photo, report), detector.settings)
            for path in options.report:
                record_file.write(document, path)
        else:
            report = detector.detect(source, file=file, **asked)
        if options.json:
            return json.dumps(printable(report.to_dict())), True
        return _as_line(report) + (_origin(report) if options.provenance else ""), True

    return judge


def _several(names: tuple[str, ...], options: argparse.Namespace) -> tuple[Judge, list[str]]:
    """(what to do with a file, the models that cannot be used)."""
    from deepfake import imaging
    from deepfake.comparison import compare
    from deepfake.settings import Settings
    from deepfake.shelf import Shelf, say_failure
    from deepfake.verdict import check_threshold

    if options.threshold is not None:
        check_threshold(options.threshold)
    settings = Settings.from_environment()
    # All are needed for each file; the setting's bound is for pages that run for months.
    kept = max(settings.loaded_models, len(names))
    shelf = Shelf(names, replace(settings, loaded_models=kept), say_failure)
    failed = []
    for name in names:
        try:
            shelf.detector(name)
        except ModelError:
            failed.append(name)
    if len(failed) == len(names):
        raise ModelError("None of the models can be used.")

    def judge(file: str) -> tuple[str, bool]:
        picture = imaging.read(_source(file, settings), settings)
        comparison = compare(picture, names, shelf, threshold=options.threshold, file=file)
        complete = not any(row.error for row in comparison.rows)
        if options.json:
            return json.dumps(printable(comparison.to_dict())), complete
        return _as_table(comparison, picture.notes), complete

    return judge, failed


def _source(file: str, settings: Settings) -> str | bytes:
    """What to read: the file, or the bytes of standard input."""
    if file != STANDARD_INPUT:
        return file
    from deepfake.imaging import read_stream

    if sys.stdin is None:
        raise ImageError("There is no standard input. Name a photo.")
    return read_stream(sys.stdin.buffer, settings)


def _expand(name: str) -> list[tuple[str, str]]:
    """(file, "") for each photo of a folder, and (folder, what is wrong) where there is none."""
    # Unlike Path.is_dir, this says no to names that the system refuses.
    if not os.path.isdir(name):  # noqa: PTH112
        return [(name, "")]
    refused: list[OSError] = []
    # Unlike this, Path.rglob passes over folders that may not be opened.
    files = [
        Path(folder, file)
        for folder, _, names in os.walk(name, onerror=refused.append)
        for file in names
    ]
    found = [path for path in files if not _is_something_else(path) and _may_be_picture(path)]
    if len(found) < len(files):
        left_out = len(files) - len(found)
        said = "1 file is no picture and was"
        if left_out > 1:
            said = f"{left_out:,} files are no pictures and were"
        print(f"deepfake: {on_one_line(name)}: {said} passed over.", file=sys.stderr)
    rows = [(str(path), "") for path in sorted(found)]
    rows += [
        (str(error.filename), f"The folder cannot be opened: {error.strerror}.")
        for error in refused
    ]
    return rows or [(name, "There is no picture in it.")]


def _may_be_picture(path: Path) -> bool:
    """Whether a file starts like a picture, is called one, or cannot be looked into.

    Of what is called a picture and is none, and of what cannot be opened, the reader says why.
    """
    from deepfake.imaging import SUFFIXES, looks_like_picture

    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return looks_like_picture(file.read(SNIFFED_BYTES))
    except OSError:
        return True


def _is_something_else(path: Path) -> bool:
    """Whether it is there and no file, such as a pipe, or a link to nowhere."""
    try:
        return not path.is_file()
    except OSError:
        return False


def _as_line(report: Report) -> str:
    from deepfake.verdict import HINDRANCES

    left_out = [face for face in report.faces if face.p_fake is None]
    count = f"{len(report.faces)} face{'' if len(report.faces) == 1 else 's'}"
    if left_out:
        why = dict.fromkeys(HINDRANCES[face.reasons[0]] for face in left_out)
        count += f", {len(left_out)} {' or '.join(why)}"
    score = "P(fake)    -" if report.p_fake is None else f"P(fake) {report.p_fake:.2f}"
    word = report.verdict.replace("_", " ")
    found = count if report.faces else "no face"
    changed = [v.p_fake for face in report.faces for v in face.variations]
    if changed:
        found += f", {min(changed):.2f} to {max(changed):.2f} when changed"
    return f"{word:<14}  {score}  {found}  {on_one_line(report.file)}" + _behind(report.notes)


def _origin(report: Report) -> str:
    """What the file says of where it comes from, below its line."""
    from deepfake.provenance.words import NOTHING_MEANT, facts

    if report.provenance is None:
        return ""
    rows = facts(report.provenance, report.verdict)
    width = max(len(name) for name, _ in rows)
    return "".join(f"\n  {name:<{width}}  {on_one_line(text)}" for name, text in rows) + (
        f"\n  {NOTHING_MEANT}"
    )


def _behind(notes: Sequence[str]) -> str:
    """What is to be known of the file, behind its name."""
    return f"  ({on_one_line(' '.join(notes))})" if notes else ""


def _as_table(comparison: Comparison, notes: Sequence[str]) -> str:
    """A few lines a file: what the models agree on, then a line for each."""
    from deepfake.comparison import NOT_MEASURED

    width = max(len("ensemble"), *(len(row.title) for row in comparison.rows))
    lines = [f"{on_one_line(comparison.file)}: {comparison.sentence}{_behind(notes)}"]
    for row in comparison.rows:
        if row.report is None:
            lines.append(
                f"  {on_one_line(row.title):<{width}}  failed: {on_one_line(str(row.error))}"
            )
            continue
        size = "" if row.file_bytes is None else f"{row.file_bytes / 1e6:.1f} MB"
        lines.append(
            f"  {on_one_line(row.title):<{width}}  {_said(row.report.verdict, row.report.p_fake)}"
            f"  {row.milliseconds or 0:6.0f} ms  {size:>9}  {row.report.model['backend']}; "
            f"at threshold {row.report.threshold:.2f}: {row.error_rate}"
        )
    if comparison.ensemble is not None:
        together = comparison.ensemble
        lines.append(
            f"  {'ensemble':<{width}}  {_said(together.verdict, together.p_fake)}"
            f"  weighted mean of {together.models} models; at threshold "
            f"{together.threshold:.2f}: {NOT_MEASURED}"
        )
    return "\n".join(lines)


def _said(verdict: str, p_fake: float | None) -> str:
    score = "   -" if p_fake is None else f"{p_fake:.2f}"
    return f"{verdict.replace('_', ' '):<14}  P(fake) {score}"
