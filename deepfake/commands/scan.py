"""`deepfake scan`: folders, archives, lists → a row for each file, in one file."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.options import add_answers, add_model, add_threshold, require_positive
from deepfake.errors import ScanError, SettingError
from deepfake.formatting import on_one_line
from deepfake.modelstore.answers import Answers

if TYPE_CHECKING:
    from deepfake.detector import Detector
    from deepfake.modelstore.resolve import LoadedModel
    from deepfake.scan.engine import Engine
    from deepfake.scan.journal import Journal
    from deepfake.scan.judging import Task
    from deepfake.scan.rows import Summary
    from deepfake.scan.scanning import Progress
    from deepfake.settings import Settings

RAN, SOME_UNREADABLE, FOUND, INTERRUPTED = 0, 2, 3, 130
FAIL_ON = ("fake", "uncertain", "unreadable")
FILE_SECONDS = 60.0
# Between two signs of progress, on a terminal and in a log.
BAR_SECONDS, LOG_SECONDS = 0.2, 60.0


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    scan = commands.add_parser(
        "scan",
        help="judge thousands of photos and videos: a row a file",
        description="Judge the photos and videos of folders, archives and lists on all cores, and "
        "write a row for each file. Killed or interrupted, the same command goes on where it "
        "stopped. Exit code 0: all were read; 2: some file could not be read; 3: what "
        "`--fail-on` names was found.",
    )
    scan.add_argument(
        "sources", nargs="+", metavar="SOURCE",
        help="a folder, a photo or video, a pattern in quotes, a ZIP archive, a list of names "
        "(.txt), - for a list on standard input, hf://datasets/OWNER/NAME, s3://… or gs://…",
    )  # fmt: skip
    scan.add_argument(
        "-o", "--output", required=True, metavar="FILE", type=Path,
        help="what is written: .parquet, .csv or .jsonl",
    )  # fmt: skip
    add_model(scan)
    add_threshold(scan)
    scan.add_argument(
        "--workers", type=int, metavar="N",
        help="how many work at a time, each with the model (default: one for each core)",
    )  # fmt: skip
    scan.add_argument(
        "--engine", choices=("processes", "ray"), default="processes",
        help="who works: processes of this machine (default), or a Ray cluster",
    )  # fmt: skip
    scan.add_argument(
        "--address", default="", metavar="CLUSTER",
        help="of the Ray cluster, such as auto or ray://HEAD:10001 (default: one on this machine)",
    )  # fmt: skip
    scan.add_argument(
        "--time-limit", type=float, default=FILE_SECONDS, metavar="SECONDS",
        help="how long one photo may take, and a tenth of what a video may (default: 60)",
    )  # fmt: skip
    scan.add_argument(
        "--html", metavar="FILE", type=Path,
        help="also write a gallery: one page with small pictures, sorted, with a filter",
    )  # fmt: skip
    scan.add_argument(
        "--copy-to", metavar="FOLDER", type=Path,
        help="also copy each file into FOLDER/fake, FOLDER/uncertain, FOLDER/real or "
        "FOLDER/not_applicable",
    )  # fmt: skip
    scan.add_argument(
        "--fail-on", action="append", choices=FAIL_ON, default=[],
        help="end with exit code 3 if there is such a file; may be given several times",
    )  # fmt: skip
    add_answers(scan)
    scan.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Scan what is named.

    Args:
        options: Namespace. As of `add_command`.

    Returns:
        The exit code.

    Raises:
        ScanError: a source is not there, or the output cannot be written.
        ModelError: the model cannot be loaded.
        SettingError: an option is out of range.
    """
    from deepfake.detector import Detector
    from deepfake.scan import output
    from deepfake.scan.journal import SUFFIX, Journal
    from deepfake.scan.judging import Task
    from deepfake.scan.scanning import Scan
    from deepfake.scan.sources import Listing
    from deepfake.settings import Settings

    if options.workers is not None:
        require_positive("--workers", options.workers)
    if options.address and options.engine != "ray":
        raise SettingError("--address is of a Ray cluster. Add --engine ray.")
    if not options.time_limit > 0:
        raise SettingError(f"--time-limit must be above 0. Received: {options.time_limit:g}.")
    settings = Settings.from_environment()
    _introduce(options, settings)
    output.require(options.output)
    _require_places(options)
    # Loaded once here, so that what is wrong with the model or threshold is said at once.
    detector = Detector(options.model, threshold=options.threshold, settings=settings)
    listing = Listing(options.sources)
    task = Task(
        options.model or settings.model, detector.threshold, settings, options.html is not None
    )
    path = options.output.with_name(options.output.name + SUFFIX)
    if options.output.exists() and not path.exists():
        raise ScanError(
            f"{options.output} is there already. Name another file, or remove it to scan again."
        )
    engine = _engine(task, options)
    with closing(Journal(path, _plan(listing.names, task, detector.model))) as journal:
        if journal.resumed:
            total, done = journal.totals()
            _say(f"going on: {done:,} of {total:,} files are done")
        bar = _Bar()
        try:
            with _stoppable():
                Scan(journal, engine, seconds=options.time_limit, tell=bar).run(listing)
        except KeyboardInterrupt:
            bar.end()
            partial = options.output.with_stem(options.output.stem + ".partial")
            written = _write(journal, detector, partial, options.html)
            _say(
                f"interrupted. {partial} has the {written.files:,} files that are done; give the "
                f"same command again to go on. What is known is kept in {path}."
            )
            return INTERRUPTED
        bar.end()
        summary = _write(journal, detector, options.output, options.html)
        if options.copy_to:
            from deepfake.scan.copies import copy

            copy(journal, options.copy_to, settings, _say)
        passed_over = journal.passed_over + listing.passed_over
        journal.remove()
    options.output.with_stem(options.output.stem + ".partial").unlink(missing_ok=True)
    print(_as_text(summary, passed_over, bar, options.output))
    found = {**summary.verdicts, "unreadable": summary.unreadable}
    if any(found.get(kind) for kind in options.fail_on):
        return FOUND
    return SOME_UNREADABLE if summary.unreadable else RAN


@contextmanager
def _stoppable() -> Iterator[None]:
    """What stops a container is as good a reason to put down what is known as Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _introduce(options: argparse.Namespace, settings: Settings) -> None:
    given = Answers.of(options)
    if given.says_anything:
        from deepfake.modelstore.resolve import introduce

        for remark in introduce((options.model or settings.model,), settings, given):
            _say(remark)


def _require_places(options: argparse.Namespace) -> None:
    """Raise ScanError where what is written would be scanned, or cannot be written."""
    if options.html is not None:
        if options.html.suffix.lower() not in (".html", ".htm"):
            raise ScanError(f"The gallery {options.html} must end in .html.")
        if not options.html.absolute().parent.is_dir():
            raise ScanError(f"There is no folder {options.html.absolute().parent}. Make it.")
    if options.copy_to is not None:
        copies = options.copy_to.resolve()
        for source in options.sources:
            if os.path.isdir(source) and copies.is_relative_to(Path(source).resolve()):  # noqa: PTH112
                raise ScanError(
                    f"--copy-to {options.copy_to} lies in {source}, so that the copies would be "
                    "scanned the next time. Name another folder."
                )


def _plan(sources: list[str], task: Task, model: LoadedModel) -> dict[str, str]:
    """What must be the same for a scan to go on."""
    settings = task.settings
    return {
        "list of sources": " ".join(sources).encode(errors="backslashreplace").decode(),
        "model": f"{model.manifest.name} {model.manifest.version}, SHA-256 {model.sha256}",
        "threshold": str(task.threshold),
        "smallest face": str(settings.min_face),
        "number of faces": str(settings.max_faces),
        "limit on bytes": str(settings.max_bytes),
        "limit on pixels": str(settings.max_pixels),
        "limits on videos": f"{settings.max_video_bytes} bytes, {settings.max_video_seconds} "
        f"seconds, {settings.max_video_side} pixels a side",
        "gallery": "one" if task.thumbnails else "none",
    }


def _engine(task: Task, options: argparse.Namespace) -> Engine:
    if options.engine == "ray":
        from deepfake.scan.cluster import RayActors

        return RayActors(task, options.workers, options.address)
    from deepfake.scan.processes import Processes

    return Processes(task, options.workers or _cores())


def _write(journal: Journal, detector: Detector, path: Path, html: Path | None) -> Summary:
    """Write what is known."""
    from deepfake.scan import near, output
    from deepfake.scan.rows import Summary, rows

    near.link(journal)
    summary = Summary()
    with output.writer(path) as write:
        for row, _ in rows(journal, detector.model, detector.threshold):
            write(row)
            summary.add(row)
    if html is not None:
        from deepfake.scan import gallery

        with output.whole(html) as file:
            gallery.write(file, journal, detector.model, detector.threshold, summary)
    return summary


class _Bar:
    """Progress on one line of a terminal; now and then a line of its own elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._every = BAR_SECONDS if self._terminal else LOG_SECONDS
        self._told = self.started = time.monotonic()
        self._width = self.judged = 0
        self._before: int | None = None

    def __call__(self, progress: Progress) -> None:
        """Show it, if the last time is a while ago."""
        if self._before is None:
            self._before = progress.done
        self.judged = progress.done - self._before
        now = time.monotonic()
        if now - self._told < self._every:
            return
        self._told = now
        text = f"{progress.done:,} of {progress.total:,}{'' if progress.listed else ' and more'}"
        text += f" files, {progress.rate:.1f} a second"
        if progress.seconds_left is not None:
            text += f", {_duration(progress.seconds_left)} left"
        if self._terminal:
            print(f"\rdeepfake: {text:<{self._width}}", end="", file=sys.stderr, flush=True)
            self._width = len(text)
        else:
            _say(text)

    def end(self) -> None:
        """Clear the line."""
        if self._terminal and self._width:
            print(f"\r{'':<{self._width + 10}}\r", end="", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _as_text(summary: Summary, passed_over: int, bar: _Bar, path: Path) -> str:
    seconds = time.monotonic() - bar.started
    rate = f", {bar.judged / seconds:.1f} a second" if bar.judged else ""
    lines = [f"{summary.files:,} files in {_duration(seconds)}{rate} → {path}"]
    counts = [(kind.replace("_", " "), count) for kind, count in sorted(summary.verdicts.items())]
    counts += [
        ("could not be read", summary.unreadable),
        ("the same as another, judged once", summary.duplicates),
        ("look like another", summary.look_alikes),
        ("of them videos", summary.videos),
        ("no pictures, or links to folders, passed over", passed_over),
    ]
    lines += [f"  {count:>9,}  {kind}" for kind, count in counts if count]
    return "\n".join(lines)


def _say(sentence: str) -> None:
    print(f"deepfake: {on_one_line(sentence)}", file=sys.stderr, flush=True)
