"""The command line of `deepfake convert`. Imports nothing heavy before the command runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepfake.modelstore import answers

RAN = 0


def add_commands(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    convert = commands.add_parser(
        "convert",
        help="turn a Keras model into .tflite (fast, without TensorFlow) or a new .keras",
        description="Turn a Keras model of any age into LiteRT (.tflite), which runs several times "
        "faster and without TensorFlow, or into a .keras file of Keras 3. Prints what was changed, "
        "compares the outputs on random inputs, and writes a model.json beside the new file where "
        "it is known which output means fake. The old file is never changed.",
    )
    convert.add_argument("old", metavar="OLD", help=".h5, .keras, .pkl, or a SavedModel folder")
    convert.add_argument(
        "new", metavar="NEW", type=Path, help="NEW.tflite, NEW.keras, or a folder for both"
    )
    convert.add_argument(
        "--all-outputs", action="store_true",
        help="keep every output in the .tflite file, such as the map of what the network looked "
        "at; without it only the score is kept, and the file is a little faster",
    )  # fmt: skip
    convert.add_argument("--force", action="store_true", help="replace NEW if it is there")
    answers.add_options(convert)
    convert.set_defaults(run=_convert)


def _convert(options: argparse.Namespace) -> int:
    from deepfake.modelstore.convert_command import convert

    print(convert(options))
    return RAN
