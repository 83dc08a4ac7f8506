"""`deepfake try`: what a model file is, what nobody has said of it, what it says of photos."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.options import add_answers
from deepfake.errors import ImageError, ModelError, UnansweredError, UnknownLabelsError
from deepfake.formatting import on_one_line
from deepfake.modelstore.answers import PREPARING, Answers
from deepfake.settings import Settings

if TYPE_CHECKING:
    from deepfake.evaluation.probe import Probe
    from deepfake.manifest import ModelManifest
    from deepfake.modelstore.backends.protocol import Network
    from deepfake.modelstore.located import Located
    from deepfake.modelstore.resolve import LoadedModel

RAN = 0
SHOWN = 5
RETURNS = {
    "sigmoid": "one probability", "logit": "one logit",
    "softmax": "probabilities of {} classes", "logits": "logits of {} classes",
}  # fmt: skip
Photos = Sequence[tuple[Path, int]]


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    parser = commands.add_parser(
        "try",
        help="the first time with a model file: what it is, what it must be told, what it says",
        description="Look into a model file, say what is found and what nobody has said yet, and "
        "show what it makes of a few photos either way. With labelled photos it finds out itself. "
        "What is known in the end is kept for this very file, and the command that serves it is "
        "shown.",
    )
    parser.add_argument(
        "model", metavar="MODEL", help="a model file or folder, or hf://OWNER/REPO[@REVISION]"
    )
    parser.add_argument(
        "folder", metavar="FACES", nargs="?", type=Path,
        help="photos; with folders real/ and fake/ in it they tell which end means fake (default: "
        "the examples)",
    )  # fmt: skip
    add_answers(parser)
    parser.set_defaults(run=_try)


def _try(options: argparse.Namespace) -> int:
    settings, answers = Settings.from_environment(), Answers.of(options)
    for line in try_model(options.model, options.folder, answers, settings):
        print(on_one_line(line))
    return RAN


def try_model(
    name: str, folder: Path | None, answers: Answers, settings: Settings
) -> Sequence[str]:
    """Look into a model, and try it on photos.

    Args:
        name: str. As for `load_model`.
        folder: Path. Photos, labelled by their folders or not. Defaults to the examples.
        answers: Answers. What is said of it; kept once it is enough.
        settings: Settings. Limits, and where the cache is.

    Returns:
        What was found, in lines.

    Raises:
        ModelError: it cannot be opened, or lacks something else than what its classes mean.
    """
    from deepfake.modelstore.located import locate
    from deepfake.modelstore.resolve import LoadedFile, load_model

    found = locate(name, settings)
    if found.fixed:
        model = load_model(name, settings, answers)
        lines = [f"{found.name} comes with a manifest, so there is nothing to ask.", ""]
        return [*lines, *_scores(model, _photos(folder)[0], settings), *_next(name)]
    opened = LoadedFile(found, settings, answers).open()
    known = answers if found.kept is None else answers.over(found.kept.answers)
    lines = [_what(found, opened.network), *(f"  {remark}" for remark in opened.remarks)]
    photos, labelled = _photos(folder)
    try:
        network = known.of_output(opened.network, found.name)
    except UnansweredError as error:
        return [*lines, "", f"Needed: {error}"]
    probed = _probed(name, photos, settings, known) if labelled and not known.positive else None
    if probed is not None:
        lines += ["", *probed.text().splitlines()]
        best = probed.readings[0]
        if probed.is_sure and not probed.said and not probed.chosen:
            # What the photos do not tell is not kept as if somebody had said it.
            ways = {
                option: {getattr(reading.options, option) for reading in probed.fitting}
                for option in PREPARING
            }
            way = {option: said.pop() for option, said in ways.items() if len(said) == 1}
            answers = replace(answers, positive=best.positive, labels="", **way)
            known = answers.over(known)
    assumed = known.remarks(network, found.convention)
    lines += ["", "Assumed:", *(f"  {remark}" for remark in assumed)] if assumed else []
    try:
        manifest = found.complete(known, opened.network)
    except UnknownLabelsError as error:
        lines += ["", f"Needed: {error}"]
        if network.classes != 2:
            return lines
        either = replace(known, positive="fake", labels="")
        manifest = found.complete(either, opened.network)
        model = _model(found, manifest, settings, either)
        # Nothing is kept before all is known.
        photos_named = () if folder is None else (str(folder),)
        said = answers.as_options("positive", "labels")
        again = shlex.join(["deepfake", "try", name, *photos_named, *said])
        return [
            *lines, "", *_scores(model, photos, settings, either=True), "",
            f"Then say which it is: {again} --positive fake, or --positive real.",
        ]  # fmt: skip
    model = load_model(name, settings, answers)
    return [*lines, "", *_scores(model, photos, settings), *_next(name)]


def _what(found: Located, network: Network) -> str:
    from deepfake.modelstore.safety.kinds import kind_of

    colour = "colour" if network.channels == 3 else "grey"
    returns = RETURNS[network.kind].format(network.classes)
    if network.choices:
        returns = f"several outputs: {', '.join(map(str, network.choices))}"
    guess = " (as its answers to noise look)" if network.guessed else ""
    scaling = f", scales its input itself: {network.rescaling}" if network.rescaling else ""
    return (
        f"{found.file.name}: {kind_of(found.file).name}, takes {network.size} × {network.size} in "
        f"{colour}, returns {returns}{guess}{scaling}."
    )


def _photos(folder: Path | None) -> tuple[Photos, bool]:
    """Photos, and whether their labels are known."""
    from deepfake.datasets.layouts import find_pictures
    from deepfake.evaluation.probe import example_photos, labelled_photos

    if folder is None:
        # Too few to find out with.
        return example_photos(), False
    try:
        return labelled_photos(folder), True
    except ModelError:
        photos = [(path, 0) for path in find_pictures(folder)] if folder.is_dir() else []
        if not photos:
            raise
        return photos, False


def _probed(name: str, photos: Photos, settings: Settings, known: Answers) -> Probe:
    from deepfake.evaluation.probe import probe

    # What the classes mean is what is to be found out.
    return probe(name, photos, settings, replace(known, positive="", labels=""))


def _model(
    found: Located, manifest: ModelManifest, settings: Settings, answers: Answers
) -> LoadedModel:
    """A model that is not kept."""
    from deepfake.modelstore.resolve import LoadedFile, LoadedModel

    return LoadedModel(
        manifest, LoadedFile(found, settings, answers).backend(manifest), found.sha256
    )


def _scores(
    model: LoadedModel, photos: Photos, settings: Settings, either: bool = False
) -> Sequence[str]:
    """A table of what the model says of some photos; where asked, for either meaning of its end."""
    from deepfake.detector import Detector

    detector = Detector(model, settings=settings)
    head = ("high means fake", "high means real") if either else ("P(fake)",)
    rows = [("photo", *head)]
    both = len({label for _, label in photos}) == 2
    if both:
        # In turns, lest all that is shown is of one kind.
        of_each = [[photo for photo in photos if photo[1] == label] for label in (0, 1)]
        photos = [one for pair in zip_longest(*of_each) for one in pair if one is not None]
    for path, label in photos:
        try:
            p_fake = detector.detect(path).p_fake
        except ImageError:
            continue
        if p_fake is None:
            continue
        shown = (p_fake, 1.0 - p_fake) if either else (p_fake,)
        name = f"{'fake' if label else 'real'}: {path.name}" if both else path.name
        rows.append((name, *(f"{value:.3f}" for value in shown)))
        if len(rows) > SHOWN:
            break
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    title = f"P(fake) of some photos, {'either way' if either else 'as it will be used'}:"
    return [
        title,
        *(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ),
    ]


def _next(name: str) -> Sequence[str]:
    serve = shlex.join(["deepfake", "serve", "--model", name])
    return ["", f"Use it with: {serve}"]
