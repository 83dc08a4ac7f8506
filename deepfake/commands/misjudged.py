"""`deepfake misjudged`: photos with a wrong verdict, and what a new model says of them."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.options import add_model
from deepfake.errors import DeepfakeError, ImageError, MisjudgedError, RightlyJudgedError
from deepfake.formatting import on_one_line

if TYPE_CHECKING:
    from deepfake.misjudged import Outcome, Said, Trial
    from deepfake.settings import Settings

RAN, SOME_UNREADABLE, GOT_WORSE = 0, 2, 3
# What matters most comes last, where a terminal shows it.
ORDER: tuple[Outcome, ...] = (
    "still right",
    "still undecided",
    "still wrong",
    "better",
    "fixed",
    "worse",
)


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    misjudged = commands.add_parser(
        "misjudged", help="keep photos with a wrong verdict, and try new models on them"
    )
    actions = misjudged.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser(
        "add",
        help="keep copies of photos that a model misjudges",
        description="Judge photos and keep copies of those that are judged wrongly, with the right "
        "answer, in a folder of this machine. Nothing is sent anywhere.",
    )
    add.add_argument("files", nargs="+", metavar="PHOTO", help="a photo that is misjudged")
    answer = add.add_mutually_exclusive_group(required=True)
    answer.add_argument("--real", action="store_true", help="they are real")
    answer.add_argument("--fake", action="store_true", help="they are fakes")
    run = actions.add_parser(
        "run",
        help="try a model on them",
        description="Judge the photos that were kept, and say what is fixed and what got worse "
        "since the model before. Exit code 3: something got worse.",
    )
    for parser, action in ((add, add_photos), (run, run_model)):
        add_model(parser)
        parser.add_argument(
            "--folder", metavar="FOLDER", type=Path,
            help="where they are kept (default: the setting DEEPFAKE_MISJUDGED, or "
            "deepfake/misjudged in the user's folder for data)",
        )  # fmt: skip
        parser.set_defaults(run=action)


def add_photos(options: argparse.Namespace) -> int:
    """Keep photos that are misjudged.

    Args:
        options: Namespace. As of `add_command`.

    Returns:
        The exit code: 2 where a photo could not be read.

    Raises:
        MisjudgedError: the folder cannot be written, or none of the photos is misjudged.
        ModelError: the model cannot be loaded.
    """
    from deepfake import imaging, misjudged
    from deepfake.detector import Detector
    from deepfake.settings import Settings

    settings = Settings.from_environment()
    folder = _folder(options, settings)
    detector = Detector(options.model, settings=settings)
    code, kept, right = RAN, 0, misjudged.RIGHT[options.fake]
    for file in options.files:
        try:
            data = imaging.read_path(file, settings)
            report = detector.detect(imaging.read(data, settings), file=file)
            entry = misjudged.add(folder, data, report, right, file=on_one_line(Path(file).name))
        except (ImageError, RightlyJudgedError) as error:
            code = SOME_UNREADABLE if isinstance(error, ImageError) else code
            print(f"deepfake: {on_one_line(f'{file}: {error}')}", file=sys.stderr)
            continue
        kept += 1
        (said,) = entry.said
        print(f"kept: {entry.name} is {right}, and {said.model} says {_in_words(said)}")
    if not kept:
        raise MisjudgedError("None of these photos was kept.")
    print(f"In {folder}. Try a new model on them: deepfake misjudged run --model MODEL")
    return code


def run_model(options: argparse.Namespace) -> int:
    """Try a model on the photos that were kept.

    Args:
        options: Namespace. As of `add_command`.

    Returns:
        The exit code.

    Raises:
        MisjudgedError: there are none, or the folder cannot be read.
        ModelError: the model cannot be loaded.
    """
    from deepfake import misjudged
    from deepfake.detector import Detector
    from deepfake.settings import Settings

    settings = Settings.from_environment()
    folder = _folder(options, settings)
    kept = misjudged.entries(folder)
    if not kept:
        raise MisjudgedError(
            f"No misjudged photos are kept in {folder}. Keep some: deepfake misjudged add "
            "--real PHOTO (or --fake)."
        )
    detector = Detector(options.model, settings=settings)
    trials = list(misjudged.try_model(folder, kept, detector))
    print(as_text(trials))
    return GOT_WORSE if any(trial.outcome == "worse" for trial in trials) else RAN


def on_new_model(model: str) -> str:
    """What a model that has just been made or fetched says of the photos that were kept.

    Args:
        model: str. What `load_model` takes.

    Returns:
        Lines for people; nothing where no photos are kept. What goes wrong is one of them: the
        model is there.
    """
    from deepfake import misjudged
    from deepfake.detector import Detector
    from deepfake.settings import Settings

    settings = Settings.from_environment()
    folder = misjudged.folder_of(settings)
    try:
        kept = misjudged.entries(folder) if folder is not None else []
        if folder is None or not kept:
            return ""
        detector = Detector(model, settings=settings)
        return as_text(list(misjudged.try_model(folder, kept, detector)))
    except DeepfakeError as error:
        return f"The misjudged photos could not be tried: {error}"


def as_text(trials: list[Trial]) -> str:
    """A line a photo, and a sentence on them all."""
    counts = Counter(trial.outcome for trial in trials)
    lines = [
        f"unreadable       {on_one_line(trial.entry.name)}: {trial.error}"
        for trial in trials
        if trial.outcome is None
    ]
    for outcome in ORDER:
        lines += [
            f"{outcome:<15}  {trial.entry.right}  {on_one_line(trial.entry.name)}: "
            f"{trial.before.model} said {_in_words(trial.before)}, "
            f"{trial.now.model} says {_in_words(trial.now)}"
            for trial in trials
            if trial.outcome == outcome and trial.now is not None
        ]
    said = ", ".join(f"{counts[name]} {name}" for name in reversed(ORDER) if counts[name])
    unread = f", {counts[None]} unreadable" if counts[None] else ""
    return "\n".join(
        [*lines, f"Of {len(trials)} misjudged photos: {said or 'none judged'}{unread}."]
    )


def _folder(options: argparse.Namespace, settings: Settings) -> Path:
    from deepfake import misjudged

    folder: Path | None = options.folder or misjudged.folder_of(settings)
    if folder is None:
        raise MisjudgedError(
            "Keeping misjudged photos is switched off (DEEPFAKE_MISJUDGED). Name a --folder."
        )
    return folder


def _in_words(said: Said) -> str:
    score = "" if said.p_fake is None else f" ({said.p_fake:.2f})"
    return f"{said.verdict.replace('_', ' ')}{score}"
