"""The parent's side: warm children, each with one task at a time, replaced when they end."""

from __future__ import annotations

import atexit
import io
import json
import logging
import os
import pickle
import queue
import signal
import socket
import struct
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, Literal, TypeVar

import numpy as np

from deepfake import deadline, errors
from deepfake.decoders.segments import Segments, file_in_memory
from deepfake.decoders.starting import command, environment
from deepfake.errors import DeepfakeError, ImageError
from deepfake.settings import Settings

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")

# By the clock, a task may take this many times its processor time: on a busy machine it waits.
WAITING = 6
# Importing takes 0.3 s.
START_SECONDS = 60
# How long a file is, and what is to be done with it: as the child reads it.
TASK = struct.Struct("<QQ")
# Messages are short: arrays lie in the segment.
MAX_MESSAGE = 16_000_000
# The C library keeps what a picture took for the next one, instead of asking the system anew for
# each page: a quarter of a decoder's time. No more than this, since it may wait for long.
SET = {
    "MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "67108864", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
BROKE = (
    "The program that decodes pictures broke off at this file, so nothing is known of it. Export "
    "the photo again."
)
NOT_STARTED = "Pictures cannot be decoded at the moment. Please try again in a minute."
Outcome = Literal["done", "too long", "broke off", "not started"]


class Pool:
    """Children that do tasks within limits. Safe to share between threads.

    Args:
        size: int. How many children.
        seconds: int. Processor time that a task may take.
        memory: int. Bytes that a task may take.

    Attributes:
        counts: Counter. How many tasks ended in which `Outcome`; those with a sentence are "done".
    """

    def __init__(self, size: int, seconds: int, memory: int):
        self.counts: Counter[Outcome] = Counter()
        self._limits = (seconds, memory)
        self._segments = Segments(size)
        self._turn = file_in_memory()
        self._owner = os.getpid()
        self._idle: queue.LifoQueue[_Child] = queue.LifoQueue()
        self._children = [self._start() for _ in range(size)]
        for child in self._children:
            self._idle.put(child)

    def run(
        self,
        task: Callable[..., Answer],
        data: bytes,
        *arguments: Any,
        answers: tuple[type, ...] = (),
    ) -> Answer:
        """Do a task.

        Args:
            task: callable. A function of a module of ours; its arguments are pickled.
            data: bytes. Its first argument.
            *arguments: its further arguments.
            answers: tuple of classes. What its answer is made of besides plain values, tuples,
                lists, dictionaries and NumPy arrays in one piece. Nothing else is believed: who
                takes over a decoder has not taken over its parent.

        Returns:
            What the task returned. Its arrays cannot be written to.

        Raises:
            DeepfakeError: what the task raised.
            ImageError: it took too long, or its child came to an end.
            LateError: time is over (`deadline`); its child was ended.
        """
        child = deadline.take(self._idle)
        try:
            if not child.lives:
                child = self._renewed(child)
            found: Answer = child.do(task, data, arguments, answers)
        except _EndedError as error:
            self.counts[error.outcome] += 1
            logger.warning("A decoder was replaced: %s.", error)
            deadline.check()
            raise ImageError(error.sentence) from None
        finally:
            # Now, so that the next one does not wait for its start.
            self._idle.put(child if child.lives else self._renewed(child))
        self.counts["done"] += 1
        return found

    def close(self) -> None:
        """End the children."""
        if self._owner == os.getpid():
            for child in self._children:
                child.end()

    def _start(self) -> _Child:
        return _Child(*self._limits, self._turn, self._segments)

    def _renewed(self, child: _Child) -> _Child:
        """Another one in a child's place; the same where none can be started."""
        child.end()
        try:
            new = self._start()
        except OSError as error:
            logger.error("A decoder cannot be started: %s.", error.strerror)
            return child
        self._children[self._children.index(child)] = new
        return new


class _EndedError(Exception):
    """A child that is no more, or must not be any more."""

    def __init__(self, outcome: Outcome, sentence: str, why: str):
        super().__init__(why)
        self.outcome, self.sentence = outcome, sentence


class _Child:
    """A child process and the ways to it. Used by one thread at a time."""

    def __init__(self, seconds: int, memory: int, turn: int, segments: Segments):
        from multiprocessing.connection import Connection

        self._seconds, self._segments = seconds, segments
        ours, theirs = socket.socketpair()
        life, ours_of_life = os.pipe()
        self._life: int | None = ours_of_life
        handed = (theirs.fileno(), turn, life)
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own module, no shell
                command(f"{__package__}.child", *handed, seconds, memory),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Libraries print what strangers wrote into their files.
                stderr=subprocess.DEVNULL,
                pass_fds=handed,
                env=environment(**SET),
                # Ctrl-C is for the parent, which ends the child.
                start_new_session=True,
            )
        except OSError:
            os.close(ours_of_life)
            raise
        finally:
            theirs.close()
            os.close(life)
        self._socket, self._messages = ours, Connection(os.dup(ours.fileno()))
        self._ready = False
        # Not while it has a task, so that nobody gets the answer of one that was given up.
        self._is_fit = True

    @property
    def lives(self) -> bool:
        """Whether it could do a task."""
        return self._is_fit and self._process.poll() is None

    def do(
        self,
        task: Callable[..., Any],
        data: bytes,
        arguments: tuple[Any, ...],
        answers: tuple[type, ...],
    ) -> Any:
        """Have it do a task, as `Pool.run`.

        Raises:
            _EndedError: it cannot go on.
        """
        message = {
            "module": task.__module__, "name": task.__name__, "arguments": arguments,
        }  # fmt: skip
        if not self.lives:
            raise _EndedError("not started", NOT_STARTED, "it is not there")
        self._is_fit = False
        try:
            if not self._ready:
                self._hear(START_SECONDS)
                self._ready = True
        except (EOFError, OSError) as error:
            raise _EndedError("not started", NOT_STARTED, self._why(error)) from None
        segment, task_bytes = self._segments.take(), pickle.dumps(message)
        try:
            segment.write(data, task_bytes)
            sizes = TASK.pack(len(data), len(task_bytes))
            socket.send_fds(self._socket, [sizes], [segment.file])
            line, _, pickled = self._hear(self._seconds * WAITING).partition(b"\n")
            said = json.loads(line)
        except (EOFError, OSError, ValueError) as error:
            why = self._why(error)
            self._segments.give(segment)
            if isinstance(error, TimeoutError) or self._process.returncode == -signal.SIGXCPU:
                raise _EndedError("too long", took_too_long(self._seconds), why) from None
            raise _EndedError("broke off", BROKE, why) from None
        self._is_fit = not said["spent"]
        if "error" in said:
            self._segments.give(segment)
            raise _error(said["error"], said["said"])
        buffers = self._segments.read(segment, said["sizes"])
        try:
            return _Unpickler(io.BytesIO(pickled), buffers=buffers, answers=answers).load()
        except pickle.UnpicklingError as error:
            self._is_fit = False
            raise _EndedError("broke off", BROKE, f"it sent what is {error}") from None

    def end(self) -> None:
        """End it, whatever it does."""
        self._is_fit = False
        self._process.kill()
        self._process.wait()
        self._messages.close()
        self._socket.close()
        if self._life is not None:
            os.close(self._life)
            self._life = None

    def _hear(self, seconds: float) -> bytes:
        if not self._messages.poll(deadline.left(seconds)):
            raise TimeoutError("no answer")
        return self._messages.recv_bytes(MAX_MESSAGE)

    def _why(self, error: Exception) -> str:
        """Why it is no more; it is then."""
        if not isinstance(error, EOFError):
            self._process.kill()
        code = self._process.wait()
        if isinstance(error, TimeoutError):
            return "it did not answer"
        return f"it ended with {signal.Signals(-code).name if code < 0 else code}"


class _Unpickler(pickle.Unpickler):
    """Makes nothing but what was asked for."""

    def __init__(self, file: io.BytesIO, buffers: list[memoryview], answers: tuple[type, ...]):
        super().__init__(file, buffers=buffers)
        array: Any = np.empty(0).__reduce_ex__(5)[0]
        made: tuple[Any, ...] = (np.dtype, array, *answers)
        self._allowed = {(one.__module__, one.__qualname__): one for one in made}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"not asked for: {module}.{name}") from None


def run(
    task: Callable[..., Answer],
    data: bytes,
    settings: Settings,
    *arguments: Any,
    answers: tuple[type, ...] = (),
) -> Answer:
    """Do a task where the settings say: in one of their decoders, or in this process.

    Args:
        task: callable. As of `Pool.run`; its second argument are the settings.
        data: bytes. The file.
        settings: Settings. `decoders` and the limits.
        *arguments: its further arguments.
        answers: tuple of classes. As of `Pool.run`.

    Returns:
        What the task returned.

    Raises:
        DeepfakeError: what the task raised.
        ImageError: it took too long, or its decoder came to an end.
    """
    inside = replace(settings, decoders=0)
    pool = start(settings)
    if pool is None:
        return task(data, inside, *arguments)
    return pool.run(task, data, inside, *arguments, answers=answers)


def start(settings: Settings) -> Pool | None:
    """The pool of all who have the same limits, which is started now unless it was before.

    Args:
        settings: Settings. `decoders` and the limits.

    Returns:
        The pool; nothing where there is none, because none is wanted or this is Windows.
    """
    if not settings.decoders or not _is_possible():
        return None
    key = (settings.decoders, settings.decode_seconds, settings.decode_memory)
    with _LOCK:
        if key not in _POOLS:
            _POOLS[key] = Pool(*key)
            atexit.register(_POOLS[key].close)
        return _POOLS[key]


def counts() -> Counter[Outcome]:
    """How the tasks of this process's pools ended."""
    return sum((pool.counts for pool in list(_POOLS.values())), Counter())


def took_too_long(seconds: int) -> str:
    """The sentence on a file that a decoder was ended at."""
    return (
        f"This file takes too long to read: after {seconds} seconds of work there was no picture "
        "yet. Export the photo again, or send a smaller copy of it "
        "(the operator's limit is DEEPFAKE_DECODE_SECONDS)."
    )


_POOLS: dict[tuple[int, int, int], Pool] = {}
_LOCK = threading.Lock()


def _after_fork() -> None:
    """What was forked starts children of its own: two who ask the same child would mix answers."""
    global _LOCK
    _POOLS.clear()
    _LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cache
def _is_possible() -> bool:
    if os.name == "posix":
        return True
    logger.warning(
        "Pictures are decoded in this process, without limits of time and memory: this system has "
        "none for child processes. Serve strangers on Linux."
    )
    return False


def _error(kind: str, said: str) -> Exception:
    made = getattr(errors, kind, None) if kind else None
    if isinstance(made, type) and issubclass(made, DeepfakeError):
        return made(said)
    return RuntimeError(f"A decoder's task failed:\n{said}")
