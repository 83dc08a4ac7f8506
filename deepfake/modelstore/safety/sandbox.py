"""Runs a module of ours in a child process that can do little else: for files nobody vouches for.

On Linux the child can read Python, its libraries and the named files, write the named folders, and
has no network and no further processes. On other systems it has a time limit, limits of memory
where the system keeps them, and an environment without secrets; `restrictions` says which.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO

from deepfake.errors import ModelError
from deepfake.modelstore.safety import confinement

MAX_OUTPUT = 4_000_000
MAX_SENTENCE = 600
MAX_PATH = 4096
PACKAGE = Path(__file__).resolve().parents[2]

# What Python, NumPy, TensorFlow and the runtimes look at when they start.
_SYSTEM = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm",
    "/proc/sys/kernel/osrelease",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
)
# All else is left out, so that no token or password of the operator comes along.
_ENVIRONMENT = (
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "SYSTEMROOT",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)

_log = logging.getLogger(__name__)


def run(
    module: str,
    arguments: Sequence[str],
    *,
    readable: Sequence[Path],
    writable: Sequence[Path],
    seconds: float,
    memory: int,
) -> str:
    """Run `python -m module arguments` in a sandbox and wait for it.

    Its working folder, home and folder for temporary files is an empty one that goes with it. A
    `DeepfakeError` that leaves the module becomes the ModelError of this call, of the same class if
    that is one of ModelError's.

    Args:
        module: str. Full name of the module, such as "deepfake.modelstore.safety.trial_child".
        arguments: sequence of str.
        readable: sequence of Path. Files and folders that it may read.
        writable: sequence of Path. Folders that it may also write; they must exist.
        seconds: float. Time by the clock, after which it is killed.
        memory: int. Bytes of memory that it may use, and of any file that it may write.

    Returns:
        What it printed, at most 4 MB of it.

    Raises:
        ModelError: it took too long or too much memory, was killed or failed.
    """
    _tell_once()
    with tempfile.TemporaryDirectory(prefix="deepfake-", ignore_cleanup_errors=True) as scratch:
        path = [entry for entry in _absolute(sys.path) if Path(entry).exists()]
        job = {
            "imported_as": confinement.__name__,
            "module": module,
            "arguments": [str(argument) for argument in arguments],
            "parent": os.getpid(),
            "path": path,
            "list": [str(PACKAGE.parent), *path],
            "read": _readable(path, readable),
            "write": [scratch, *(str(folder.resolve()) for folder in writable)],
            "seconds": int(seconds) + 1,
            "memory": memory,
        }
        command = [sys.executable, "-I", "-B", "-X", "utf8", confinement.__file__, json.dumps(job)]
        try:
            child = subprocess.Popen(  # noqa: S603  # our own module, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=scratch,
                env=_environment(scratch),
                start_new_session=True,
            )
        except OSError as error:
            raise ModelError(
                f"The check of the model could not be started ({error.strerror}). "
                "Close other programs and try again."
            ) from error
        return _wait(child, seconds, memory)


def is_inside() -> bool:
    """Whether this process is such a child. It cannot start another one."""
    return confinement.confined


def restrictions() -> tuple[str, ...]:
    """What holds for sandboxed children on this system, in words."""
    words = [
        "it is stopped when its time is over",
        "its environment holds no tokens or passwords",
    ]
    if os.name == "posix":
        words.append("its processor time and the files that it writes are limited")
    abi = confinement.landlock_abi()
    if sys.platform.startswith("linux"):
        words.append("its memory is limited")
        words.append("it ends when this program ends")
    if abi >= 1:
        words.append("it reads Python, its libraries and the model, and writes only its own folder")
    if confinement.has_seccomp():
        words.append("it has no network")
        words.append("it cannot start other programs or reach other processes")
    elif abi >= 4:
        words.append("it has no TCP connections")
    return tuple(words)


def missing() -> tuple[str, ...]:
    """What does not hold for sandboxed children on this system, in words."""
    words = []
    if not sys.platform.startswith("linux"):
        words.append("limit its memory")
    if confinement.landlock_abi() < 1:
        words.append("keep it from reading and writing the user's files")
    if not confinement.has_seccomp():
        words.append("keep it from the network and from starting programs")
    return tuple(words)


@cache
def _tell_once() -> None:
    _log.info("Sandbox for model files: %s.", "; ".join(restrictions()))
    if missing():
        _log.warning(
            "The sandbox for model files cannot do this here: %s. Open model files of strangers "
            "on Linux 5.13 or newer.",
            "; ".join(missing()),
        )


def _absolute(entries: Sequence[str]) -> list[str]:
    return [str(Path(entry or ".").resolve()) for entry in entries]


def _readable(path: Sequence[str], named: Sequence[Path]) -> list[str]:
    """Python and what is installed for it; of other folders on its path only our own package.

    The folder that a program was started from is on the path, too, and may be somebody's home.
    """
    installed = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}
    installed.add(site.getusersitepackages())
    for entry in path:
        if Path(entry).is_file() or any(Path(entry).glob("*.dist-info")):
            installed.add(entry)
    # A link to a file is followed when it is opened, so the file itself is what has to be named.
    named_real = [str(item.resolve()) for item in named]
    home = Path.home().resolve()
    found = [
        entry
        for entry in sorted(installed)
        # `pip install --user` and a prefix of / must not open everything.
        if Path(entry).resolve() not in (home, Path("/"), *home.parents)
    ]
    return [*found, *_SYSTEM, str(PACKAGE), *named_real]


def _environment(scratch: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return kept | {
        "CUDA_VISIBLE_DEVICES": "-1",
        "HOME": scratch,
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": scratch,
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "TEMP": scratch,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TMPDIR": scratch,
        "XDG_CACHE_HOME": scratch,
    }


def _wait(child: subprocess.Popen[bytes], seconds: float, memory: int) -> str:
    out, err = _Collected(child.stdout), _Collected(child.stderr)
    timed_out = False
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        _kill(child)
    printed, complaint = out.text(), err.text()
    if timed_out or child.returncode == -getattr(signal, "SIGXCPU", 0):
        raise ModelError(
            f"The check of the model took longer than {seconds:.0f} seconds and was stopped. "
            "The file may be made to block; if you trust its source, use a smaller model."
        )
    if child.returncode == 0:
        return printed
    if child.returncode == confinement.SENTENCE:
        kind, sentence, path = _said(complaint)
        sentence = sentence or "The model could not be read. Get the file again."
        raise _kinds(ModelError).get(kind, ModelError)(sentence, path=path)
    if child.returncode == confinement.UNCONFINED:
        raise ModelError(
            "The check of the model could not be fenced in on this system, so the file was not "
            f"opened ({_sentence(complaint)}). Convert it on another machine."
        )
    if child.returncode == confinement.OUT_OF_MEMORY or _is_out_of_memory(complaint):
        raise ModelError(
            f"The model needs more than {memory:,} bytes of memory, so its check was stopped. "
            "The file may be made to do that; if you trust its source, use a smaller model."
        )
    if child.returncode < 0:
        raise ModelError(
            "The model crashed the program that reads it "
            f"({_signal_name(-child.returncode)}), so it was not opened. It is damaged or made to "
            "do harm. Get the file again."
        )
    _, sentence, path = _said(complaint)
    raise ModelError(
        f"The model cannot be read: {sentence or 'no reason was given'}. "
        "Get the file again, or save it again.",
        path=path,
    )


class _Collected:
    """Reads a stream to its end in a thread and keeps the first MAX_OUTPUT bytes."""

    def __init__(self, stream: IO[bytes] | None):
        self._kept = bytearray()
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """What was read, once the child is gone."""
        # Not for ever: on systems without a fence a grandchild may hold the stream open.
        self._thread.join(timeout=5)
        return bytes(self._kept).decode("utf-8", errors="replace")

    def _read(self) -> None:
        if self._stream is None:
            return
        with self._stream as stream, contextlib.suppress(OSError, ValueError):
            while block := stream.read1(65536):  # type: ignore[attr-defined]
                self._kept += block[: max(0, MAX_OUTPUT - len(self._kept))]


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started."""
    if hasattr(os, "killpg") and (child.poll() is None or missing()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # Its process group bears its number, as it leads its own session.
            os.killpg(child.pid, signal.SIGKILL)
    if child.poll() is None:
        child.kill()
    child.wait()


def _is_out_of_memory(complaint: str) -> bool:
    return any(
        sign in complaint
        for sign in ("MemoryError", "bad_alloc", "Cannot allocate memory", "out of memory")
    )


def _said(complaint: str) -> tuple[str, str, str]:
    """(class, sentence, path) of the error that left the child, as text that may be shown.

    Where a hostile file or native code has ended the child, it is what that has printed.
    """
    try:
        said = json.loads(_last_line(complaint))
        kind, sentence, path = (_printable(said[key]) for key in ("kind", "sentence", "path"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "", _sentence(complaint), ""
    path = path[:MAX_PATH]
    # A path is never cut, or it could not be left out for visitors.
    return kind, sentence[: MAX_SENTENCE + 2 * len(path)], path


def _kinds(base: type[ModelError]) -> dict[str, type[ModelError]]:
    """A class and those made from it, by name."""
    found = {base.__name__: base}
    for kind in base.__subclasses__():
        found |= _kinds(kind)
    return found


def _sentence(complaint: str) -> str:
    """The last line of what the child said, as it may be shown: short, printable."""
    return _printable(_last_line(complaint))[:MAX_SENTENCE]


def _last_line(complaint: str) -> str:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
