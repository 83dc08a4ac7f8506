"""`deepfake video`: clips → a verdict on each person in them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.options import add_model, add_threshold
from deepfake.errors import SettingError, VideoError
from deepfake.files.same import are_same
from deepfake.formatting import on_one_line, printable
from deepfake.video.aggregation import AGGREGATIONS, DEFAULT

if TYPE_CHECKING:
    from deepfake.video.frames import Frames
    from deepfake.video.report import VideoReport

RAN, SOME_FAILED = 0, 2


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    video = commands.add_parser(
        "video",
        help="judge videos: a line a file, and one for each person in it",
        description="Judge videos. Samples of the frames are judged, faces are followed through "
        "each shot, and each person gets a verdict. Sound is not analysed. Exit code 0: all were "
        "read; 2: some file could not be read, or written.",
    )
    video.add_argument("files", nargs="+", metavar="FILE", help="MP4, MOV, WebM, MKV or AVI")
    video.add_argument("--json", action="store_true", help="one JSON document a line")
    video.add_argument(
        "--csv", type=Path, metavar="FILE",
        help="also write a line for each face of each judged frame (of one video)",
    )  # fmt: skip
    video.add_argument(
        "--html", type=Path, metavar="FILE",
        help="also write a page for people: each person over time, the frames that decided, and "
        "where the model looked (of one video)",
    )  # fmt: skip
    video.add_argument(
        "--annotate", type=Path, metavar="FILE.mp4",
        help="also write a copy with boxes, scores and a bar of time (of one video)",
    )  # fmt: skip
    video.add_argument(
        "--hints", action="store_true",
        help="also say how the face of the person who is seen most moves: whether it stands still, "
        "flickers, blinks; facts, no part of the verdict",
    )  # fmt: skip
    add_threshold(video, "person")
    video.add_argument(
        "--aggregation", choices=list(AGGREGATIONS), default=DEFAULT,
        help="how the frames of a person are put together (default: %(default)s; docs/video.md)",
    )  # fmt: skip
    add_model(video)
    video.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge the files and print what was found.

    Args:
        options: Namespace. As of `add_command`.

    Returns:
        The exit code.

    Raises:
        ModelError: the model cannot be loaded.
        SettingError: an option does not fit.
    """
    from deepfake.detector import Detector
    from deepfake.settings import Settings
    from deepfake.video.clip import get_ready
    from deepfake.video.detector import VideoDetector
    from deepfake.video.frames import Frames

    _require_places(options)
    get_ready()
    # While one frame is judged, the next one is decoded and searched for faces: further threads
    # would only be in the way.
    settings = replace(Settings.from_environment(), threads=1)
    detector = Detector(options.model, threshold=options.threshold, settings=settings)
    judge = VideoDetector(detector, options.aggregation)
    code = RAN
    for name in options.files:
        try:
            frames = Frames()
            watch = frames if options.html else None
            report = judge.detect(name, hints=options.hints, watch=watch)
        except VideoError as error:
            code = SOME_FAILED
            _complain(name, str(error))
            if options.json:
                print(json.dumps(printable({"file": name, "error": str(error)})), flush=True)
            continue
        said = json.dumps(printable(report.to_dict())) if options.json else _lines(report)
        # First of all: whatever cannot be written, the verdict is there.
        print(said, flush=True)
        for write in _writers(options, name, report, frames):
            try:
                note = write()
            except VideoError as error:
                code, note = SOME_FAILED, str(error)
            if note:
                _complain(name, note)
    return code


def _complain(name: str, sentence: str) -> None:
    print(f"deepfake: {on_one_line(f'{name}: {sentence}')}", file=sys.stderr)


def _writers(
    options: argparse.Namespace, name: str, report: VideoReport, frames: Frames
) -> Iterator[Callable[[], str]]:
    """What writes the files that were asked for; each returns what its file lacks."""
    from deepfake.video import html
    from deepfake.video.annotate import annotate

    if options.csv:
        yield lambda: _write(options.csv, report.to_csv())
    if options.html:
        yield lambda: _write(options.html, html.page(report, frames))
    if options.annotate:
        yield lambda: annotate(name, report, options.annotate)


def _require_places(options: argparse.Namespace) -> None:
    """Raise SettingError where what is written has no place; judging may take minutes."""
    wanted = {"--csv": options.csv, "--html": options.html, "--annotate": options.annotate}
    places: dict[str, Path] = {option: path for option, path in wanted.items() if path}
    if places and len(options.files) > 1:
        raise SettingError("--csv, --html and --annotate are of one video. Name one file.")
    taken: dict[Path, str] = {}
    for option, path in places.items():
        try:
            problem = _problem(path, Path(options.files[0]))
        except OSError as error:
            problem = f"cannot be written: {error.strerror}"
        if other := taken.get(path.absolute()):
            problem = f"is what {other} writes, too"
        if problem:
            raise SettingError(f"{option} {on_one_line(str(path))} {problem}. Name another place.")
        taken[path.absolute()] = option
    if options.annotate and options.annotate.suffix.lower() != ".mp4":
        raise SettingError("The annotated video is an MP4: end its name with .mp4.")


def _problem(path: Path, video: Path) -> str:
    """Why a file cannot be written there; "" where that is not known."""
    if path.is_dir():
        return "is a folder"
    if not path.absolute().parent.is_dir():
        return "has no folder to lie in"
    return "would replace the video" if are_same(path, video) else ""


def _lines(report: VideoReport) -> str:
    score = "" if report.p_fake is None else f"  {report.p_fake:.3f}"
    lines = [f"{report.verdict}{score}  {on_one_line(report.file)}"]
    for number, person in enumerate(report.people, 1):
        first, last = person.samples[0].time, person.samples[-1].time
        said = "" if person.p_fake is None else f" {person.p_fake:.3f}"
        why = f" ({', '.join(person.reasons)})" if person.reasons else ""
        lines.append(
            f"  person {number}: {person.verdict}{said}, {first:.1f}–{last:.1f} s, "
            f"{len(person.judged)} {'face' if len(person.judged) == 1 else 'faces'} judged{why}"
        )
    shots = f"{len(report.shots)} {'shot' if len(report.shots) == 1 else 'shots'}"
    lines.append(
        f"  {len(report.sampled)} of {report.frames} frames looked at, "
        f"{100 * report.share_judged:.0f} % of them with a judged face, {shots}, "
        f"{report.seconds:.1f} s of video in {report.seconds_spent:.1f} s"
    )
    moves = [hint.sentence for hint in report.hints]
    rates = [report.rates_sentence] if report.rates_sentence else []
    return "\n".join([*lines, *(f"  {note}" for note in (*rates, *moves, *report.notes))])


def _write(path: Path, text: str) -> str:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise VideoError(f"{path} cannot be written: {error.strerror}.") from error
    return ""
