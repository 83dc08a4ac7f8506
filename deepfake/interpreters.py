"""A pool of LiteRT interpreters of one model file.

An interpreter is not thread-safe, so each call borrows one and gives it back.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from deepfake import deadline
from deepfake.errors import ModelError

_SILENCE = threading.Lock()
# It is told apart by these words: they are a sign of `safety.endings`.
NO_REASON = "LiteRT gives no reason, as when it is out of memory"


class InterpreterPool:
    """Interpreters that threads share, made when first needed and at most `size` of them.

    Args:
        model: Path or bytes. The `.tflite` file.
        size: int. How many calls can run at the same time; further ones wait.
        threads: int. Threads of one call.
    """

    def __init__(self, model: Path | bytes, size: int, threads: int):
        self._model = model
        self._threads = threads
        # An interpreter that is still to be made is a None in the queue.
        self._free: queue.LifoQueue[Interpreter | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)

    @contextmanager
    def borrow(self) -> Iterator[Interpreter]:
        """Lend an interpreter to one thread; wait while all are lent.

        Raises:
            ModelError: the file is missing or is not a LiteRT model.
            LateError: time is over (`deadline`).
        """
        interpreter = deadline.take(self._free)
        try:
            if interpreter is None:
                interpreter = self._make()
            yield interpreter
        finally:
            self._free.put(interpreter)

    def _make(self) -> Interpreter:
        try:
            with silence():
                if isinstance(self._model, bytes):
                    interpreter = Interpreter(model_content=self._model, num_threads=self._threads)
                else:
                    interpreter = Interpreter(str(self._model), num_threads=self._threads)
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            name = "The weight file" if isinstance(self._model, bytes) else self._model
            said = f"is missing or is not a LiteRT model: {error}. Get it again."
            if not str(error):
                said = f"cannot be opened: {NO_REASON}. Use a smaller model."
            raise ModelError(
                f"{name} {said}",
                path="" if isinstance(self._model, bytes) else self._model,
            ) from error
        return interpreter


def reason(error: Exception) -> str:
    """What LiteRT says of a failure; of memory that it does not get it says nothing."""
    return str(error).strip().rstrip(".") or NO_REASON


@contextmanager
def silence() -> Iterator[None]:
    """Keep lines that native code writes to stderr off it; exceptions come all the same.

    Such as "INFO: Created TensorFlow Lite XNNPACK delegate", which has no level that could be set.
    """
    with _SILENCE:
        try:
            kept = os.dup(2)
        except OSError:  # stderr is closed
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(nowhere)
            os.close(kept)
