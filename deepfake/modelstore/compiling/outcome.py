"""Files that a conversion left in its folder: made by a process that is not trusted."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from deepfake.errors import ModelError

# A link could lead to a file of the server's, and a FIFO would be waited for without end.
PLAINLY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
AGAIN = "Compile it again; if that ends the same, get the model from somebody you trust."


@contextmanager
def opened(path: Path, most: int) -> Iterator[BinaryIO]:
    """Open a file that a conversion left, if it is one and not larger than allowed.

    Args:
        path: Path. The file.
        most: int. Bytes that it may have.

    Returns:
        The file, open for reading.

    Raises:
        ModelError: it is missing, too large, or a link, a FIFO or the like.
    """
    try:
        file = open(path, "rb", opener=_open)  # noqa: SIM115  # closed below
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ModelError(f"The conversion left no {path.name} to read ({why}). {AGAIN}") from error
    with file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ModelError(f"The conversion left a {path.name} that is no plain file. {AGAIN}")
        if found.st_size > most:
            raise ModelError(
                f"The conversion left a {path.name} of {found.st_size:,} bytes, and {most:,} are "
                f"allowed. {AGAIN}"
            )
        yield file


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | PLAINLY)
