"""The engine of one machine: a process for each core, with the model in each."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from deepfake.errors import DeepfakeError
from deepfake.scan.engine import Died, Method, Ready
from deepfake.scan.judging import Judge, Task

# What a file may need on top of the model; the largest that is read takes half of it.
FILE_MEMORY_BYTES = 2_000_000_000
END_SECONDS, GENTLE_SECONDS = 2, 0.3


class Processes:
    """Worker processes. An Engine.

    Args:
        task: Task. What each is made with.
        workers: int. How many.
    """

    def __init__(self, task: Task, workers: int):
        self.workers = workers
        self._task = task
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[int, tuple[BaseProcess, Connection]] = {}

    def start(self, worker: int) -> None:
        """See Engine."""
        self._end(worker)
        here, there = self._context.Pipe()
        process = self._context.Process(target=_work, args=(there, self._task), daemon=True)
        with _interrupts_ignored():
            process.start()
        there.close()
        self._running[worker] = process, here

    def send(self, worker: int, method: Method, argument: Sequence[Any]) -> None:
        """See Engine."""
        # One that has died in the meantime is told of by `wait`.
        with contextlib.suppress(OSError):
            self._running[worker][1].send((method, argument))

    def wait(self, seconds: float) -> list[tuple[int, Any]]:
        """See Engine."""
        heard: list[tuple[int, Any]] = []
        speaking = wait([pipe for _, pipe in self._running.values()], seconds)
        for worker, (_, pipe) in self._running.items():
            if pipe in speaking:
                try:
                    heard.append((worker, pipe.recv()))
                except (EOFError, OSError):
                    heard.append((worker, Died()))
        return heard

    def close(self) -> None:
        """See Engine."""
        # Those that wait for work end by themselves, and leave nothing behind.
        for process, pipe in self._running.values():
            pipe.close()
            process.join(GENTLE_SECONDS)
        for worker in list(self._running):
            self._end(worker)

    def _end(self, worker: int) -> None:
        process, pipe = self._running.pop(worker, (None, None))
        if process is not None and pipe is not None:
            pipe.close()
            process.kill()
            process.join(END_SECONDS)


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ctrl-C goes to all processes of a terminal; workers are ended by us."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(pipe: Connection, task: Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        judge = Judge(task)
    except DeepfakeError as error:
        with contextlib.suppress(OSError):
            pipe.send(Died(str(error)))
        return
    _limit_memory()
    # The pipe ends when the scan does, however that ends: of few files, before this one is ready.
    with contextlib.suppress(EOFError, OSError):
        pipe.send(Ready())
        while True:
            method, argument = pipe.recv()
            try:
                reply = getattr(judge, method)(argument)
            except Exception as error:
                # A bug of ours, or no memory: of this file, and no reason to stop.
                reply = Died(f"The program failed on it ({type(error).__name__}: {error}).")
            pipe.send(reply)
    judge.close()


def _limit_memory() -> None:
    """A file that wants more gets a sentence, and the machine stays usable."""
    if sys.platform != "linux":
        return
    import resource
    from pathlib import Path

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + FILE_MEMORY_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
