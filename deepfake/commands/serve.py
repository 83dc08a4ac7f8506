"""The options of `deepfake serve`, and what it does with them. Imports Gradio only to serve."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

from deepfake.commands.options import add_answers
from deepfake.formatting import on_one_line
from deepfake.modelstore.answers import Answers
from deepfake.settings import MODEL_FIELDS, Settings

OVERRIDDEN = ("host", "port", "model_field", "share", "auth", "root_path", "mcp")


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    serve = commands.add_parser(
        "serve",
        help="start the web page",
        description="Start the web page. Most options have a setting, such as DEEPFAKE_HOST, "
        "which they override; docs/hosting.md says where to host it.",
    )
    serve.add_argument(
        "--host", help="address to listen on; 0.0.0.0 for all (default: 127.0.0.1, this machine)"
    )
    serve.add_argument(
        "--port", type=int, help="port to listen on (default: that of PORT, or 7860)"
    )
    serve.add_argument(
        "--model", action="append", metavar="MODEL",
        help="'default', a model's folder or file, or hf://OWNER/REPO; several, each after its own "
        "--model, can be chosen from and compared",
    )  # fmt: skip
    serve.add_argument(
        "--model-field", nargs="?", const="yes", choices=MODEL_FIELDS,
        help="let visitors type a model: 'yes' (what the option means by itself) for addresses on "
        "the Hub only, 'paths' also for files of this machine (default: no)",
    )  # fmt: skip
    serve.add_argument(
        "--share", action="store_true", default=None,
        help="also make a temporary public address, through Gradio's servers",
    )  # fmt: skip
    serve.add_argument(
        "--auth",
        metavar="FILE",
        help="ask for a name and password; FILE has a USER:PASSWORD a line",
    )
    serve.add_argument(
        "--root-path", metavar="PATH",
        help="where a proxy puts the page, if not at the top: /deepfake, or the whole address",
    )  # fmt: skip
    serve.add_argument(
        "--mcp", action="store_true", default=None,
        help="let assistants ask, too: the Model Context Protocol at /mcp. On a page for this "
        "machine only, they may name any photo of this machine",
    )  # fmt: skip
    add_answers(serve)
    serve.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the page until the process is told to stop.

    Args:
        options: Namespace. As of `add_command`.

    Returns:
        The exit code, 0.

    Raises:
        ModelError: no model can be loaded.
        SettingError: an option or setting is wrong, or the port cannot be listened on.
    """
    from deepfake.shelf import model_names
    from deepfake.web.serving import serve

    settings = Settings.from_environment()
    given = {name: getattr(options, name) for name in OVERRIDDEN}
    settings = replace(settings, **{k: value for k, value in given.items() if value is not None})
    names = model_names(settings, options.model or ())
    said = Answers.of(options)
    if said.says_anything:
        from deepfake.modelstore.resolve import introduce

        for remark in introduce(names, settings, said):
            print(f"deepfake: {on_one_line(remark)}", file=sys.stderr)
    serve(settings, names)
    return 0
