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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from deepfake.errors import ModelError
from deepfake.modelstore.safety import confinement, endings

MAX_OUTPUT = 4_000_000
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
    with tempfile.TemporaryDirectory(prefix="deepfake-", ignore_cleanup_errors=True) as scratch:
        child = start(
            module, arguments, scratch, readable=readable, writable=writable, seconds=seconds,
            memory=memory,
        )  # fmt: skip
        return _wait(child, seconds, memory)


def start(
    module: str,
    arguments: Sequence[str],
    scratch: str,
    *,
    readable: Sequence[Path],
    writable: Sequence[Path],
    seconds: float | None,
    memory: int,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a child as `run` does, and leave the waiting to the caller.

    On Linux it also ends with the thread that started it, as with this program.

    Args:
        module: str. As of `run`, like those that follow.
        arguments: sequence of str.
        scratch: str. Its working folder, an empty one.
        readable: sequence of Path.
        writable: sequence of Path.
        seconds: float. Bounds its processor time; None where the caller bounds each answer.
        memory: int.
        stdin: int. As of `subprocess.Popen`.

    Raises:
        ModelError: it could not be started.
    """
    _tell_once()
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
        "seconds": None if seconds is None else int(seconds) + 1,
        "memory": memory,
    }
    command = [sys.executable, "-I", "-B", "-X", "utf8", confinement.__file__, json.dumps(job)]
    try:
        return subprocess.Popen(  # noqa: S603  # our own module, no shell
            command,
            stdin=stdin,
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


def is_inside() -> bool:
    """Whether this process is such a child. It cannot start another one."""
    return confinement.confined


@contextmanager
def at_most(memory: int) -> Iterator[None]:
    """Let this process use less memory for a while, if it is such a child.

    Args:
        memory: int. Bytes that it may use meanwhile.
    """
    try:
        import resource
    except ImportError:  # Windows
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if is_inside():
        less = memory if soft == resource.RLIM_INFINITY else min(memory, soft)
        resource.setrlimit(resource.RLIMIT_DATA, (less, hard))
    try:
        yield
    finally:
        if is_inside():
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


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
            # Some installers link packages from elsewhere.
            with contextlib.suppress(OSError):
                links = [item.path for item in os.scandir(entry) if item.is_symlink()]
                installed.update(str(Path(link).resolve()) for link in links)
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
    out, err = Collected(child.stdout), Collected(child.stderr)
    timed_out = False
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        kill(child)
    printed, complaint = out.text(), err.text()
    if timed_out or child.returncode == -getattr(signal, "SIGXCPU", 0):
        raise ModelError(
            f"The check of the model took longer than {seconds:.0f} seconds and was stopped. "
            "The file may be made to block; if you trust its source, use a smaller model."
        )
    if child.returncode == 0:
        return printed
    raise endings.ended(child.returncode, complaint, memory)


class Collected:
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


def kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started."""
    if hasattr(os, "killpg") and (child.poll() is None or missing()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # Its process group bears its number, as it leads its own session.
            os.killpg(child.pid, signal.SIGKILL)
    if child.poll() is None:
        child.kill()
    child.wait()
