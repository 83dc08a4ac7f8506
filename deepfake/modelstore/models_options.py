"""The command line of `deepfake models`. Imports nothing heavy before a command runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

RAN = 0
ADDRESS = "hf://owner/repo[/file][@revision]"


def add_commands(commands: Any) -> None:
    """Add the commands to the parser.

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
        description="Score labelled photos with each scaling and crop, and say which reading tells "
        "real from fake, which end of the score means fake, and how sure that is.",
    )
    probe.add_argument(
        "model", metavar="MODEL", help=f"'default', a model file or folder, or {ADDRESS}"
    )
    probe.add_argument(
        "folder", metavar="FOLDER", nargs="?", type=Path,
        help="photos in folders real/ and fake/ (default: the examples, which are few)",
    )  # fmt: skip
    for option in ("--scale", "--crop"):
        probe.add_argument(option, metavar="X", help="try only this one, as of `deepfake detect`")
    probe.add_argument("--size", type=int, metavar="N", help="side of the input, if left open")
    probe.add_argument("--architecture", metavar="NAME", help="for a file with only weights")
    probe.set_defaults(run=_probe)


def _list(options: argparse.Namespace) -> int:
    from deepfake.modelstore.models_command import listing

    print(listing(as_json=options.json))
    return RAN


def _show(options: argparse.Namespace) -> int:
    from deepfake.modelstore.models_command import show

    print(show(options.model, as_json=options.json))
    return RAN


def _pull(options: argparse.Namespace) -> int:
    from deepfake.modelstore.models_command import pull

    print(pull(options.address))
    return RAN


def _push(options: argparse.Namespace) -> int:
    from deepfake.modelstore.hub_upload import push

    print(push(options.folder, options.repository, options.private, options.revision or ""))
    return RAN


def _probe(options: argparse.Namespace) -> int:
    from deepfake.modelstore.answers import Answers
    from deepfake.modelstore.probe import example_photos, labelled_photos, probe
    from deepfake.settings import Settings

    photos = labelled_photos(options.folder) if options.folder else example_photos()
    found = probe(options.model, photos, Settings.from_environment(), Answers.of(options))
    print(found.text())
    return RAN
