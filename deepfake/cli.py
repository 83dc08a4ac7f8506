"""The `deepfake` command. Imports nothing heavy before a command needs it."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepfake import __version__
from deepfake.errors import DeepfakeError, ImageError
from deepfake.evaluation import options as evaluation_options
from deepfake.training import data_options
from deepfake.training import options as training_options
from deepfake.training.samples import SUFFIXES

if TYPE_CHECKING:
    from deepfake.detector import Report

RAN, FAILED, SOME_UNREADABLE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: sequence of str. Defaults to those of the process.

    Returns:
        The exit code: 0 ran, 1 failed with a sentence on stderr, 2 wrong options or some file
        could not be read.
    """
    options = parser().parse_args(arguments)
    # Names that the terminal cannot show are escaped; Pillow's remarks on odd files are for
    # programmers.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.filterwarnings("ignore", module="PIL")
    try:
        code: int = options.run(options)
        return code
    except DeepfakeError as error:
        print(f"deepfake: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("deepfake: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return RAN


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; each part of the package adds its own."""
    top = argparse.ArgumentParser(
        prog="deepfake",
        description="Tell a real face photograph from a deepfake, and say how sure that is.",
    )
    top.add_argument("--version", action="version", version=f"deepfake {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    detect = commands.add_parser(
        "detect",
        help="judge photos: one line a file",
        description="Judge photos. Exit code 0: all were read; 2: some could not be read.",
    )
    detect.add_argument("files", nargs="+", metavar="FILE", help="a photo, or a folder of photos")
    detect.add_argument("--json", action="store_true", help="one JSON document a line")
    detect.add_argument(
        "--threshold", type=float, metavar="P",
        help="P(fake) from which on a face is called fake (default: the model's)",
    )  # fmt: skip
    detect.add_argument("--model", help="'default', or the folder of a model")
    detect.set_defaults(run=_detect)

    serve = commands.add_parser(
        "serve", help="start the web page", description="Start the web page."
    )
    serve.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (default: 7860)")
    serve.add_argument("--model", help="'default', or the folder of a model")
    serve.set_defaults(run=_serve)

    data_options.add_commands(commands)
    training_options.add_commands(commands)
    evaluation_options.add_commands(commands)
    return top


def _detect(options: argparse.Namespace) -> int:
    from deepfake.detector import Detector

    detector = Detector(options.model, threshold=options.threshold)
    code = RAN
    files = []
    for name in options.files:
        found = list(_expand(name))
        if not found:
            code = SOME_UNREADABLE
            print(f"deepfake: {_printable(name)}: There is no picture in it.", file=sys.stderr)
        files += found
    for file in files:
        try:
            report = detector.detect(file, file=file)
        except ImageError as error:
            code = SOME_UNREADABLE
            print(f"deepfake: {_printable(file)}: {error}", file=sys.stderr)
            if options.json:
                print(json.dumps({"file": file, "error": str(error)}), flush=True)
            continue
        print(json.dumps(report.to_dict()) if options.json else _as_line(report), flush=True)
    return code


def _serve(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from deepfake.settings import Settings
    from deepfake.web.page import serve

    given = {name: getattr(options, name) for name in ("host", "port", "model")}
    settings = Settings.from_environment()
    serve(replace(settings, **{name: value for name, value in given.items() if value is not None}))
    return RAN


def _expand(name: str) -> Iterator[str]:
    # Unlike Path.is_dir, this says no to names that the system refuses.
    if not os.path.isdir(name):  # noqa: PTH112
        yield name
        return
    # A file that is named is read whatever its ending.
    for found in sorted(Path(name).rglob("*")):
        if found.suffix.lower() in SUFFIXES and found.is_file():
            yield str(found)


def _as_line(report: Report) -> str:
    judged = sum(face.p_fake is not None for face in report.faces)
    count = f"{len(report.faces)} face{'' if len(report.faces) == 1 else 's'}"
    if judged < len(report.faces):
        count += f", {len(report.faces) - judged} too small or too many to judge"
    score = "P(fake)    -" if report.p_fake is None else f"P(fake) {report.p_fake:.2f}"
    word = report.verdict.replace("_", " ")
    return f"{word:<14}  {score}  {count if report.faces else 'no face'}  {_printable(report.file)}"


def _printable(name: str) -> str:
    """A file name on one line, without codes that a terminal would act on."""
    control = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join("?" if unicodedata.category(c) in control else c for c in name)


if __name__ == "__main__":
    sys.exit(main())
