"""Writes docs/cli.md from the parser: python docs/make_cli.py. A test checks that it is current."""

from __future__ import annotations

import argparse
from pathlib import Path

from deepfake.cli import parser

HEAD = """# The command line

Written by `python docs/make_cli.py` from the program itself.

| exit code | of every command |
|---|---|
| 0 | it did what was asked; of `detect`: every photo was read, whatever its verdict |
| 1 | it failed; a sentence on standard error says why and what to do |
| 2 | wrong options; of `detect`, `scan`: some photo, or some of several models, could not be read |
| 3 | of `verify`: the report does not hold; of `scan`: what `--fail-on` names was found |
| 130 | it was interrupted (Ctrl-C) |
"""


def text() -> str:
    """All commands with their options, in Markdown."""
    return HEAD + "".join(_command(command) for command in _leaves(parser()))


def _leaves(command: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    nested = [a for a in command._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested:
        return [command]
    return [
        leaf for action in nested for child in action.choices.values() for leaf in _leaves(child)
    ]


def _command(command: argparse.ArgumentParser) -> str:
    rows = [_row(action) for action in command._actions if action.dest != "help"]
    return f"\n## `{command.prog}`\n\n{command.description}\n\n| | |\n|---|---|\n" + "".join(rows)


def _row(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else None)
    if action.nargs == 0:
        value = None
    elif value is None:
        value = action.dest.upper()
    names = [f"{name} {value}" if value and name.startswith("--") else name
             for name in action.option_strings] or [str(value)]  # fmt: skip
    shown = ", ".join(f"`{name}`" for name in names).replace("|", "\\|")
    return f"| {shown} | {(action.help or '') % vars(action)} |\n"


if __name__ == "__main__":
    (Path(__file__).parent / "cli.md").write_text(text(), encoding="utf-8")
