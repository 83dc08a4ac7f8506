"""`deepfake models`: what is on this machine, what a model is, and getting one from the Hub."""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.misjudged import on_new_model
from deepfake.commands.options import add_preparation
from deepfake.errors import ModelError
from deepfake.formatting import megabytes, on_one_line
from deepfake.settings import Settings

if TYPE_CHECKING:
    from deepfake.manifest import Input, ModelManifest
    from deepfake.modelstore.resolve import LoadedModel

RAN = 0
ADDRESS = "hf://owner/repo[/file][@revision]"
HEAD = ("name", "format", "size", "from")
UNKNOWN = "-"
INDENT, WIDTH = 14, 100
MEANING = {
    "logit": "one number, the logit of “{high}” (above 0 it leans to it)",
    "sigmoid": "one number in 0..1, how much it is “{high}” rather than “{low}”",
    "logits": "a logit of each of “{order}”",
    "softmax": "a probability of each of “{order}”",
}


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    models = commands.add_parser(
        "models",
        help="list, show, fetch and upload models",
        description="List, show, fetch and upload models.",
    )
    actions = models.add_subparsers(required=True, metavar="ACTION")
    _add_list(actions)
    _add_show(actions)
    _add_pull(actions)
    _add_push(actions)
    _add_probe(actions)


def _add_list(actions: Any) -> None:
    listed = actions.add_parser(
        "list",
        help="the models on this machine",
        description="The default model, those fetched from the Hub, and model files that were "
        "described once.",
    )
    listed.add_argument("--json", action="store_true", help="one JSON document")
    listed.set_defaults(run=_list)


def _add_show(actions: Any) -> None:
    show = actions.add_parser(
        "show",
        help="what a model looks at, what its output means, and how often it errs",
        description="What a model looks at, what its output means, where its threshold is, how "
        "often it errs, and where it comes from.",
    )
    show.add_argument(
        "model", metavar="MODEL", help=f"'default', a model file or folder, or {ADDRESS}"
    )
    show.add_argument("--json", action="store_true", help="its manifest as JSON")
    show.set_defaults(run=_show)


def _add_pull(actions: Any) -> None:
    pull = actions.add_parser(
        "pull",
        help="fetch a model from the Hub, or its newest version",
        description="Fetch a model from the Hub, or follow its branch to the newest version. "
        "Everything else keeps using the commit that was fetched last, also without a network.",
    )
    pull.add_argument("address", metavar="ADDRESS", help=ADDRESS)
    pull.set_defaults(run=_pull)


def _add_push(actions: Any) -> None:
    push = actions.add_parser(
        "push",
        help="upload a model to the Hub",
        description="Upload a model's files, its manifest, its card (README.md) and the report of "
        "its evaluation to the Hub; nothing else of the folder. Needs a token: `hf auth login`.",
    )
    push.add_argument("folder", metavar="FOLDER", type=Path, help="a folder with a model.json")
    push.add_argument("repository", metavar="OWNER/REPO", help="made if it is not there")
    push.add_argument(
        "--private", action="store_true", help="if it is made, only you and your team can see it"
    )
    push.add_argument("--revision", metavar="NAME", help="a branch (default: main)")
    push.set_defaults(run=_push)


def _add_probe(actions: Any) -> None:
    probe = actions.add_parser(
        "probe",
        help="find out with labelled photos which output means fake",
        description="Score labelled photos with each scaling, crop, way to a square and order of "
        "colours, and say which of them tell real from fake, which end of the score means fake, "
        "and how sure that is.",
    )
    probe.add_argument(
        "model", metavar="MODEL", help=f"'default', a model file or folder, or {ADDRESS}"
    )
    probe.add_argument(
        "folder", metavar="FOLDER", nargs="?", type=Path,
        help="photos in folders real/ and fake/ (default: the examples, which are few)",
    )  # fmt: skip
    group = probe.add_argument_group("what is known of the model", "Only what is left is tried.")
    add_preparation(group)
    group.add_argument(
        "--labels", metavar="A,B,C", help="names of three or more outputs, by their index"
    )
    group.add_argument(
        "--positive", metavar="X", help="those of them that mean fake, by name or index"
    )
    group.add_argument("--score", metavar="NAME", help="which of several outputs it is")
    group.add_argument("--size", type=int, metavar="N", help="side of the input, if left open")
    group.add_argument("--architecture", metavar="NAME", help="for a file with only weights")
    probe.set_defaults(run=_probe)


def _list(options: argparse.Namespace) -> int:
    print(listing(as_json=options.json))
    return RAN


def _show(options: argparse.Namespace) -> int:
    print(show(options.model, as_json=options.json))
    return RAN


def _pull(options: argparse.Namespace) -> int:
    print(pull(options.address))
    if said := on_new_model(options.address):
        print(said)
    return RAN


def _push(options: argparse.Namespace) -> int:
    from deepfake.modelstore.hub.upload import push

    print(push(options.folder, options.repository, options.private, options.revision or ""))
    return RAN


def _probe(options: argparse.Namespace) -> int:
    from deepfake.evaluation.probe import example_photos, labelled_photos, probe
    from deepfake.modelstore.answers import Answers
    from deepfake.settings import Settings

    photos = labelled_photos(options.folder) if options.folder else example_photos()
    found = probe(options.model, photos, Settings.from_environment(), Answers.of(options))
    print(found.text())
    return RAN


def listing(settings: Settings | None = None, *, as_json: bool = False) -> str:
    """The default model, those fetched from the Hub, and those whose answers are remembered.

    Args:
        settings: Settings. Where the cache is. Defaults to the environment's.
        as_json: bool. One JSON document instead of a table. Defaults to no.
    """
    settings = settings or Settings.from_environment()
    rows = [_default(), *_fetched(settings), *_described(settings)]
    if as_json:
        return json.dumps([dict(zip(HEAD, row, strict=True)) for row in rows], ensure_ascii=False)
    table = [HEAD, *((n, f, megabytes(s) if s else UNKNOWN, o) for n, f, s, o in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEAD))]
    return "\n".join(
        on_one_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
        for row in table
    )


def show(name: str, settings: Settings | None = None, *, as_json: bool = False) -> str:
    """A model in words.

    Args:
        name: str. As for `load_model`.
        settings: Settings. Defaults to the environment's.
        as_json: bool. The manifest as JSON instead. Defaults to no.

    Raises:
        ModelError: the model cannot be loaded.
    """
    from deepfake.modelstore.resolve import load_model

    model = load_model(name, settings or Settings.from_environment())
    if as_json:
        return model.manifest.model_dump_json(indent=1)
    return "\n".join(_row(key, value) for key, value in _words(model))


def pull(address: str, settings: Settings | None = None) -> str:
    """Fetch a model of the Hub, or its newest version.

    Args:
        address: str. "hf://owner/repo[/file][@revision]".
        settings: Settings. Defaults to the environment's.

    Returns:
        What was fetched, for people.

    Raises:
        ModelError: as from `fetching.fetch`.
    """
    from deepfake.modelstore.hub.address import HubAddress
    from deepfake.modelstore.hub.fetching import fetch, kept

    settings = settings or Settings.from_environment()
    asked = HubAddress.parse(address)
    before = kept(asked, settings)
    model = fetch(asked, settings, update=True)
    now, was = model.record, before.commit if before else ""
    rows = [
        ("model", str(now.address)),
        ("commit", now.commit + _change(was, now.commit)),
        ("file", str(model.file)),
        ("size", f"{megabytes(now.size)} ({now.size:,} bytes)"),
        ("SHA-256", model.sha256),
        ("licence", now.licence or "not said: see its page on the Hub"),
    ]
    return "\n".join(f"{key:<9}{on_one_line(value)}" for key, value in rows)


def _row(key: str, value: str) -> str:
    return textwrap.fill(
        f"{key:<{INDENT}}{on_one_line(value)}", WIDTH, subsequent_indent=" " * INDENT,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _change(before: str, now: str) -> str:
    if not before:
        return ""
    return " (as before)" if before == now else f" (was {before[:12]})"


def _default() -> tuple[str, str, int, str]:
    from deepfake.files.digest import size_of
    from deepfake.modelstore.formats import by_name
    from deepfake.modelstore.located import DEFAULT, locate

    try:
        file = locate(DEFAULT, Settings()).file
    except ModelError:
        return DEFAULT, UNKNOWN, 0, "missing: install the package again"
    size = size_of(file) if file.exists() else 0
    return DEFAULT, by_name(file).name, size, "part of this package"


def _fetched(settings: Settings) -> list[tuple[str, str, int, str]]:
    from deepfake.modelstore.formats import by_name
    from deepfake.modelstore.hub import record as hub_record
    from deepfake.modelstore.hub.assembly import name_of

    rows = []
    for record in hub_record.everything(settings):
        origin = f"the Hub, commit {record.commit[:12]}, fetched on {record.fetched}"
        kind = by_name(name_of(record.choice)).name
        rows.append((str(record.requested), kind, record.size, origin))
    return rows


def _described(settings: Settings) -> list[tuple[str, str, int, str]]:
    """Of files that were described once; those of the Hub are listed by their address."""
    from deepfake.modelstore import remembered
    from deepfake.modelstore.formats import by_name

    return [
        (kept.name, by_name(kept.file).name, 0, "a file of yours, described before")
        for kept in remembered.everything(settings)
        if not kept.origin
    ]


def _words(model: LoadedModel) -> list[tuple[str, str]]:
    manifest = model.manifest
    low, high, *_ = order = manifest.labels.order
    rows = [
        ("name", f"{manifest.name} {manifest.version}"),
        ("network", manifest.architecture),
        ("runs on", model.backend.name),
        ("looks at", _looks_at(manifest.input)),
        ("pixels", _pixels(manifest.input)),
        (
            "returns",
            MEANING[manifest.output.kind].format(low=low, high=high, order="”, “".join(order)),
        ),
        ("means fake", f"“{'”, “'.join(manifest.labels.fake)}”"),
        ("calibration", _calibration(manifest)),
        ("threshold", f"P(fake) of {manifest.threshold:g} and more is called fake"),
        ("uncertain", "from {:g} to {:g}".format(*manifest.uncertain_band)),
        ("errors", _errors(manifest)),
        ("elsewhere", _errors(manifest, elsewhere=True)),
        ("evidence", "a map of its own" if manifest.output.evidence else "no map of its own"),
        ("trained on", manifest.training_data),
        ("licence", manifest.licence),
        ("comes from", manifest.origin or str(model.folder or UNKNOWN)),
        *(("note", remark) for remark in model.remarks),
    ]
    return rows + [
        ("file", f"{name}  SHA-256 {sha256}") for name, sha256 in sorted(manifest.files.items())
    ]


def _looks_at(spec: Input) -> str:
    side = f"{spec.size} × {spec.size} pixels"
    if spec.crop != "full":
        what, to = f"each face, with a square of {spec.crop:g} × its box", spec.resize_to
    elif spec.resize == "none":
        return f"the middle {side} of the picture, as they are"
    elif spec.resize == "squash":
        what, to = "the whole picture, squashed to a square", spec.resize_to
    else:
        what, to = "the middle of the picture, moved to show the face", spec.resize_to
    if to is None or to == spec.size:
        return f"{what}, scaled to {side} ({spec.resample})"
    return f"{what}, scaled to {to} pixels ({spec.resample}), of which the middle {side}"


def _pixels(spec: Input) -> str:
    def shown(values: tuple[float, float, float]) -> str:
        words = [f"{value:.5g}" for value in values]
        return words[0] if len(set(words)) == 1 else f"({', '.join(words)})"

    order = {"grey": "one channel of grey", "grey3": "three channels of grey"}
    values = f"(value − {shown(spec.mean)}) / {shown(spec.std)}, of values in 0..255"
    return f"{values}, {order.get(spec.channels, spec.channels.upper())}"


def _calibration(manifest: ModelManifest) -> str:
    fit = manifest.calibration
    return (
        f"P(fake) = sigmoid(logit / {fit.temperature:.3g} {fit.bias:+.3g}), fitted on "
        f"{fit.fitted_on}"
    )


def _errors(manifest: ModelManifest, elsewhere: bool = False) -> str:
    from deepfake.verdict import percent

    measured = manifest.operating_points_elsewhere if elsewhere else manifest.operating_points
    if measured is None:
        return "not measured: run `deepfake evaluate` on labelled photos"
    point = min(measured.points, key=lambda point: abs(point.threshold - manifest.threshold))
    return (
        f"at P(fake) {point.threshold:g}: {percent(point.false_positive_rate)} of reals called "
        f"fake, {percent(point.true_positive_rate)} of fakes caught ({measured.reals} reals, "
        f"{measured.fakes} fakes; {measured.measured_on})"
    )
