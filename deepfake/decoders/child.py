"""What runs in a decoder: one task after the other, until its parent is gone.

The file comes, and arrays go back, in memory that parent and child share (`segments`); what else is
said are short messages. The kernel ends the process when a task takes too much processor
time, also in the middle of a library's C code, which asks nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import math
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from deepfake.decoders import turns
from deepfake.decoders.segments import Filler
from deepfake.errors import DeepfakeError

# Imported before the first file comes.
WARM = (
    "deepfake.imaging.reading", "deepfake.provenance.reading", "PIL.AvifImagePlugin",
    "PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin", "PIL.MpoImagePlugin",
    "PIL.PngImagePlugin", "PIL.TiffImagePlugin", "PIL.WebPImagePlugin",
)  # fmt: skip
# Each thread of a decoder takes memory, so a machine with many processors does not have as many.
MAX_THREADS = 4
# How long a file is, and what is to be done with it.
TASK = struct.Struct("<QQ")
TOO_LARGE = "The picture is too large to decode. Send a smaller copy of it."


def main(messages: int, turn: int, life: int, seconds: int, memory: int) -> None:
    """Serve a parent.

    Args:
        messages: int. File descriptor of a socket, on which tasks come and answers go.
        turn: int. That of a file by whose lock all decoders take turns.
        life: int. That of a pipe which closes when the parent ends.
        seconds: int. Processor time that a task may take.
        memory: int. Bytes that a task may take.
    """
    _end_with(life)
    turns.share(turn)
    for name in WARM:
        importlib.import_module(name)
    avif = sys.modules["PIL.AvifImagePlugin"]
    avif.DEFAULT_MAX_THREADS = MAX_THREADS  # type: ignore[attr-defined]
    before = _size()
    _limit_memory(before + memory)
    ways = socket.socket(fileno=messages)
    connection = Connection(os.dup(messages))
    connection.send_bytes(b"ready")
    filler = Filler()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while numbers := (received := socket.recv_fds(ways, TASK.size, 1))[1]:
            _limit_time(seconds)
            size, more = TASK.unpack(received[0])
            said, answer = _work(numbers[0], size, more, filler)
            # What libraries do not give back would be missing for the files to come.
            said["spent"] = _size() - before > memory // 2
            os.close(numbers[0])
            connection.send_bytes(json.dumps(said).encode() + b"\n" + answer)


def _work(file: int, size: int, more: int, filler: Filler) -> tuple[dict[str, Any], bytes]:
    """Do a task.

    Args:
        file: int. File descriptor of a segment, in which its data lie, then what to do with them.
        size: int. Of the data.
        more: int. Of what follows.
        filler: Filler. Puts arrays into the segment.

    Returns:
        (what the parent is told, the pickled answer without its arrays).
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        task = pickle.loads(os.pread(file, more, size))  # noqa: S301  # our parent's
        function = getattr(importlib.import_module(task["module"]), task["name"])
        found = function(os.pread(file, size, 0), *task["arguments"])
        answer = pickle.dumps(found, protocol=5, buffer_callback=buffers.append)
        pieces = [buffer.raw() for buffer in buffers]
        filler.fill(file, pieces)
    except DeepfakeError as error:
        return {"error": type(error).__name__, "said": str(error)}, b""
    except MemoryError:
        return {"error": "ImageError", "said": TOO_LARGE}, b""
    except Exception:
        return {"error": "", "said": traceback.format_exc()}, b""
    return {"sizes": [piece.nbytes for piece in pieces]}, answer


def _end_with(life: int) -> None:
    """Have the kernel end this process when a pipe closes, whatever code it is in then."""
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    # It may have closed before.
    os.set_blocking(life, False)
    with contextlib.suppress(BlockingIOError):
        if not os.read(life, 1):
            os._exit(0)


def _limit_memory(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):  # elsewhere the limit would not hold
        _limit(resource.RLIMIT_AS, most)


def _size() -> int:
    """Bytes of memory that this process has; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def _limit_time(seconds: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    end = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    _limit(resource.RLIMIT_CPU, end)


def _limit(what: int, most: int) -> None:
    """Set a limit that can be raised again, up to what holds for all that the user runs."""
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
