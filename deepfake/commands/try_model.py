"""`deepfake try`: what a model file is, what nobody has said of it, what it says of photos."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.options import add_answers
from deepfake.errors import (
    ImageError,
    ModelError,
    SettingError,
    UnansweredError,
    UnknownLabelsError,
)
from deepfake.formatting import on_one_line
from deepfake.modelstore.answers import PREPARING, Answers
from deepfake.settings import Settings

if TYPE_CHECKING:
    from deepfake.evaluation.probe import Probe
    from deepfake.manifest import ModelManifest
    from deepfake.modelstore.backends.protocol import Network
    from deepfake.modelstore.located import Located
    from deepfake.modelstore.resolve import LoadedFile, LoadedModel

RAN = 0
SHOWN = 5
# Of a network that tells more apart, as those trained on ImageNet.
MOST_CLASSES, MOST_OUTPUTS = 6, 4
AS_USED = "P(fake) of some photos, as it will be used:"
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
        scores = _scores({"P(fake)": model}, _photos(folder)[0], settings)
        return [*lines, *scores, *_next(name)]
    file = LoadedFile(found, settings, answers)
    opened = file.open()
    known = answers if found.kept is None else answers.over(found.kept.answers)
    lines = [_what(found, opened.network), *(f"  {remark}" for remark in opened.remarks)]
    photos, labelled = _photos(folder)
    again = ["deepfake", "try", name, *(() if folder is None else (str(folder),))]
    try:
        network = known.of_output(opened.network, found.name)
    except UnansweredError as error:
        lines += ["", f"Needed: {error}"]
        for output in opened.network.choices[:MOST_OUTPUTS]:
            way = replace(known, score=output.name)
            if output is opened.network.choices[0]:
                lines += _assumed(way, opened.network, found)
            lines += ["", f"Output {output.name}"]
            try:
                lines += _asked(found, opened.network, way).lines(file, photos, settings)
            except (ModelError, SettingError) as problem:
                # What was said may be right of another output.
                lines.append(str(problem))
        again += answers.as_options("score", "positive", "labels")
        return [*lines, "", f"Then say which it is: {shlex.join(again)} --score NAME --positive …"]
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
            told = {option: said.pop() for option, said in ways.items() if len(said) == 1}
            answers = replace(answers, positive=best.positive, labels="", **told)
            known = answers.over(known)
            file = LoadedFile(found, settings, answers)
    lines += _assumed(known, network, found)
    asked = _asked(found, opened.network, known)
    if asked.needed:
        lines += ["", *asked.lines(file, photos, settings), ""]
        # Nothing is kept before all is known, so that all that was said has to be said again.
        if network.classes == 2:
            again += answers.as_options("positive", "labels")
            how = f"{shlex.join(again)} --positive fake, or --positive real."
        else:
            again += answers.as_options("positive")
            named = answers.labels or asked.named
            how = f"{shlex.join(again)}{'' if named else ' --labels …'} --positive …"
        return [*lines, f"Then say which it is: {how}"]
    model = file.with_manifest()
    return [*lines, "", *_scores({"P(fake)": model}, photos, settings), *_next(name)]


@dataclass(frozen=True)
class _Asked:
    """What is open about an output: the question, and what each answer would make of it.

    Attributes:
        needed: str. The question; "" where nothing is open.
        title: str. Of the table.
        ways: dict. Head of a column → the manifest that it stands for.
        named: bool. Whether it is known what the classes are called.
    """

    needed: str
    title: str = ""
    ways: Mapping[str, ModelManifest] = field(default_factory=dict)
    named: bool = False

    def lines(self, file: LoadedFile, photos: Photos, settings: Settings) -> Sequence[str]:
        from deepfake.modelstore.resolve import LoadedModel

        needed = [f"Needed: {self.needed}"] if self.needed else []
        if not self.ways:
            return needed
        first = next(iter(self.ways.values()))
        backend, sha256 = file.backend(first), next(iter(first.files.values()))
        models = {
            head: LoadedModel(manifest, backend, sha256) for head, manifest in self.ways.items()
        }
        between = [""] if needed else []
        return [*needed, *between, *_scores(models, photos, settings, self.title)]


def _assumed(known: Answers, network: Network, found: Located) -> Sequence[str]:
    remarks = known.remarks(network, found.convention)
    return ["", "Assumed:", *(f"  {remark}" for remark in remarks)] if remarks else []


def _asked(found: Located, network: Network, known: Answers) -> _Asked:
    from deepfake.manifest import Labels
    from deepfake.modelstore.classes import numbered, split

    try:
        return _Asked("", AS_USED, {"P(fake)": found.complete(known, network)})
    except UnknownLabelsError as error:
        needed = str(error)
    classes = known.of_output(network, found.name).classes
    names = found.convention.names if found.convention else ()
    names = split(known.labels) if known.labels else names
    if names and not len(names) == len(set(names)) == classes:
        return _Asked(needed)
    # Under names that are nobody's, since a class may have another's number for its name.
    order = numbered(classes)
    some = replace(known, labels=",".join(order), positive=order[-1])
    try:
        manifest = found.complete(some, network)
    except UnansweredError as error:
        return _Asked(f"{needed} {error}", named=bool(names))
    if classes == 2:
        title = "P(fake) of some photos, either way:"
        heads = [f"{name} means fake" for name in names] or ["high means real", "high means fake"]
    else:
        more = f" (of {classes})" if classes > MOST_CLASSES else ""
        title = f"What the model says of some photos, class by class{more}:"
        heads = list(names or order)
    ways = {
        head: manifest.model_copy(update={"labels": Labels(order=order, fake=(name,))})
        for head, name in list(zip(heads, order, strict=True))[:MOST_CLASSES]
    }
    return _Asked(needed, title, ways, bool(names))


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


def _scores(
    models: Mapping[str, LoadedModel], photos: Photos, settings: Settings, title: str = AS_USED
) -> Sequence[str]:
    """A table of what a model says of some photos, with a column for each way to read it."""
    from deepfake.detector import Detector

    detectors = [Detector(model, settings=settings) for model in models.values()]
    rows = [("photo", *models)]
    both = len({label for _, label in photos}) == 2
    if both:
        # In turns, lest all that is shown is of one kind.
        of_each = [[photo for photo in photos if photo[1] == label] for label in (0, 1)]
        photos = [one for pair in zip_longest(*of_each) for one in pair if one is not None]
    for path, label in photos:
        try:
            p_fakes = [detector.detect(path).p_fake for detector in detectors]
        except ImageError:
            continue
        said = [f"{p_fake:.3f}" for p_fake in p_fakes if p_fake is not None]
        if not said:
            continue
        name = f"{'fake' if label else 'real'}: {path.name}" if both else path.name
        rows.append((name, *said))
        if len(rows) > SHOWN:
            break
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
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
