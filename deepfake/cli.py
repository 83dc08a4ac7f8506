"""The `deepfake` command. Imports nothing heavy before a command needs it."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
import warnings
from collections.abc import Sequence

from deepfake.commands import (
    augment,
    blend,
    convert,
    data,
    detect,
    doctor,
    evaluate,
    misjudged,
    models,
    scan,
    serve,
    train,
    try_model,
    verify,
    video,
)
from deepfake.commands.options import joined
from deepfake.errors import DeepfakeError
from deepfake.formatting import on_one_line
from deepfake.version import __version__

# In the order of the help text.
COMMANDS = (
    detect,
    scan,
    verify,
    video,
    serve,
    try_model,
    data,
    augment,
    blend,
    train,
    evaluate,
    misjudged,
    models,
    convert,
    doctor,
)
RAN, FAILED, INTERRUPTED = 0, 1, 130
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: sequence of str. Defaults to those of the process.

    Returns:
        The exit code: 0 ran, 1 failed with a sentence on stderr, 2 wrong options or some file
        could not be read, 3 a report does not hold or `scan --fail-on` found one.
    """
    given = sys.argv[1:] if arguments is None else arguments
    # What the terminal cannot show is escaped, in help texts, too; Pillow's remarks on odd files
    # are for programmers.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.filterwarnings("ignore", module="PIL")
    options = parser().parse_args(joined(given))
    try:
        code: int = options.run(options)
        # Or a full disk would show only when Python closes stdout.
        sys.stdout.flush()
        return code
    except DeepfakeError as error:
        # Names in it may come out of a stranger's file.
        lines = "\n".join(on_one_line(line) for line in str(error).splitlines())
        print(f"deepfake: {lines}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("deepfake: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone.
        _let_go_of_stdout()
        return RAN
    except OSError as error:
        if error.filename is not None:
            # A place that may not be entered, a name that is too long: asked of wherever files are.
            print(
                f"deepfake: {on_one_line(f'{error.filename}: {error.strerror}')}.", file=sys.stderr
            )
            return FAILED
        if error.errno not in FULL:
            raise
        print(f"deepfake: The output cannot be written: {error.strerror}.", file=sys.stderr)
        _let_go_of_stdout()
        return FAILED


def _let_go_of_stdout() -> None:
    """Python would complain again when it closes stdout."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; each adds its own."""
    top = argparse.ArgumentParser(
        prog="deepfake",
        description="Tell a real face photograph from a deepfake, and say how sure that is.",
    )
    top.add_argument("--version", action="version", version=f"deepfake {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
