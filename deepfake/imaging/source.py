"""A path, a pipe or an address → bytes, no more than are allowed."""

from __future__ import annotations

import os
import re
import select
import stat
from pathlib import Path
from typing import BinaryIO

from deepfake.errors import ImageError
from deepfake.settings import Settings

READ_BYTES = 1_000_000
# A pipe that nobody writes into would be waited for without end.
PIPE_SECONDS = 10
# Of whatever kind, such as s3://; Python's Path makes one stroke of two.
ADDRESS = re.compile(r"(data:|mailto:|[a-z][a-z0-9+.-]+:/)", re.IGNORECASE)


def read_path(name: str | os.PathLike[str], settings: Settings) -> bytes:
    """Read a file, or what comes through a named pipe.

    Args:
        name: path.
        settings: Settings. With the limit on bytes, which is exceeded by one at most.

    Raises:
        ImageError: it cannot be opened, is a folder or an address, or nothing comes.
    """
    if name == "":
        raise ImageError("The name of the file is empty. Name a photo.")
    path = Path(name)
    try:
        if path.is_dir():
            raise ImageError("This is a folder. Name a picture in it.")
        with open(path, "rb", opener=_opener) as file:
            return read_stream(file, settings)
    except FileNotFoundError:
        if ADDRESS.match(os.fspath(name)):
            raise ImageError(
                "This is an address, and nothing is fetched from the network here. Download the "
                "photo and name the file."
            ) from None
        raise ImageError("There is no such file. Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"The file cannot be opened: {reason}.") from error


def read_stream(file: BinaryIO, settings: Settings) -> bytes:
    """Read a stream to its end, or to one byte more than is allowed.

    Args:
        file: binary stream.
        settings: Settings. With the limit on bytes.

    Raises:
        ImageError: it is a named pipe through which nothing comes.
        OSError: it cannot be read.
    """
    data = bytearray()
    # Standard input is waited for, as everywhere; a pipe that was opened here is not.
    pipe = (
        os.name == "posix"
        and stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
        and not os.get_blocking(file.fileno())
    )
    # One byte more than allowed tells "too large" without reading an endless device; in pieces,
    # since Python reserves as much memory as it is asked to read.
    while len(data) <= settings.max_bytes:
        if pipe and not select.select([file], [], [], PIPE_SECONDS)[0]:
            raise ImageError(
                f"Nothing came through the pipe for {PIPE_SECONDS} seconds. Name a file."
            )
        piece = os.read(file.fileno(), READ_BYTES) if pipe else file.read(READ_BYTES)
        if not piece:
            break
        data += piece
    return bytes(data)


def _opener(path: str, flags: int) -> int:
    # Opening a pipe waits for a writer; regular files do not know the flag.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
