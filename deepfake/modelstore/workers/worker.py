"""A sandboxed process that is kept warm and answers one question after another."""

from __future__ import annotations

import os
import subprocess
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from deepfake import deadline
from deepfake.errors import ModelError
from deepfake.modelstore.safety import endings, sandbox
from deepfake.modelstore.workers import messages

MODULE = "deepfake.modelstore.workers.worker_child"
# Eight maps of a large network are far below this.
MAX_ANSWER = 256_000_000
# A child ends with the thread that started it (PR_SET_PDEATHSIG); this one lasts as long as we do.
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="worker")


def _after_fork() -> None:
    """A forked process has no threads of the old one, and starts workers of its own."""
    global _STARTER
    _STARTER = ThreadPoolExecutor(1, thread_name_prefix="worker")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Worker:
    """A child in the sandbox. For one thread at a time; it ends when nobody holds it any more.

    Args:
        arguments: sequence of str. Of `worker_child`.
        readable: sequence of Path. What else than Python it may read.
        memory: int. Bytes of memory that it may use.

    Raises:
        ModelError: it could not be started.
    """

    def __init__(self, arguments: Sequence[str], readable: Sequence[Path], memory: int):
        self._memory = memory
        scratch = TemporaryDirectory(prefix="deepfake-", ignore_cleanup_errors=True)
        try:
            self._child = _STARTER.submit(
                sandbox.start, MODULE, arguments, scratch.name, readable=readable, writable=[],
                seconds=None, memory=memory, stdin=subprocess.PIPE,
            ).result()  # fmt: skip
        except BaseException:
            scratch.cleanup()
            raise
        self._complaint = sandbox.Collected(self._child.stderr)
        self._timed_out = False
        self._owner = os.getpid()
        self.close = weakref.finalize(self, _end, self._owner, self._child, scratch)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        # What was forked must not ask it: two would mix their answers.
        return self._owner == os.getpid() and self._child.poll() is None

    @property
    def timed_out(self) -> bool:
        """Whether it was ended because an answer took too long."""
        return self._timed_out

    def ask(
        self,
        document: messages.Document,
        arrays: messages.Arrays | None = None,
        *,
        seconds: float,
        what: str,
    ) -> tuple[messages.Document, dict[str, np.ndarray]]:
        """Send a message and wait for the answer.

        Args:
            document: dict. What is asked, as of `messages.send`.
            arrays: name → array. What goes with it. Defaults to none.
            seconds: float. Time by the clock, after which the child is killed.
            what: str. What takes that time, for the sentence: "A score of the model".

        Raises:
            ModelError: the child's own sentence, or it took too long or too much memory, crashed,
                or answered something else. `alive` is then False, but for the first.
            LateError: time is over (`deadline`); the child was killed.
        """
        deadline.check()
        timer = threading.Timer(deadline.left(seconds), self._stop)
        timer.daemon = True
        timer.start()
        child = self._child
        assert child.stdin is not None and child.stdout is not None  # noqa: S101  # pipes
        try:
            messages.send(child.stdin, document, arrays)  # type: ignore[arg-type]
            answer, found = messages.receive(child.stdout, MAX_ANSWER)  # type: ignore[arg-type]
        except (OSError, EOFError, ValueError) as error:
            why = self._why(seconds, what)
            deadline.check()
            raise why from error
        finally:
            timer.cancel()
        if "error" in answer:
            raise endings.told(str(answer["error"]))
        return answer, found

    def _stop(self) -> None:
        self._timed_out = True
        sandbox.kill(self._child)

    def _why(self, seconds: float, what: str) -> ModelError:
        # It has closed its pipe or sent nonsense: either way it is on its way out.
        try:
            self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            sandbox.kill(self._child)
        complaint = self._complaint.text()
        code = self._child.returncode
        self.close()
        if self._timed_out:
            return ModelError(
                f"{what} took longer than {seconds:.0f} seconds and was stopped. The file may be "
                "made to block; if you trust its source, use a smaller model."
            )
        return endings.ended(code, complaint, self._memory)


def _end(owner: int, child: subprocess.Popen[bytes], scratch: TemporaryDirectory[str]) -> None:
    if owner != os.getpid():
        return
    sandbox.kill(child)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was still to be written
                continue
    scratch.cleanup()
