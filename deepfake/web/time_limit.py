"""How long an analysis may take, from its place in the queue to its answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from starlette.types import Scope

from deepfake import deadline
from deepfake.errors import LateError
from deepfake.web import metrics

Answer = TypeVar("Answer")

# Where the door notes in a request when it got its place.
SINCE = "deepfake.since"
# What looks at the time ends by itself; what is not back after so much more is left alone.
GRACE_SECONDS = 2.0

_overdue: set[threading.Thread] = set()
_LOCK = threading.Lock()


def note_place(scope: Scope) -> None:
    """A request has got its place, in the queue or beside it."""
    scope[SINCE] = time.monotonic()


def overdue() -> int:
    """How many analyses still run although nobody waits for them any more."""
    with _LOCK:
        return len(_overdue)


class TimeLimit:
    """Until when an analysis has an answer.

    Work that looks at the time (`deadline`: networks, decoders, workers of other models) stops when
    it is over, and what runs in a process of its own is killed. Other work cannot be stopped: its
    thread is left alone, so that its place is free and the visitor is told.

    Args:
        request: gradio.Request or starlette Request. Whose place it is; nothing for one from now.
        seconds: int. How long it may take.
    """

    def __init__(self, request: Any, seconds: int):
        # Gradio's wraps the one that came in by the door.
        scope = getattr(getattr(request, "request", request), "scope", None) or {}
        self._end = scope.get(SINCE, time.monotonic()) + seconds
        self._seconds = seconds

    def run(self, work: Callable[[], Answer], stops: bool = True) -> Answer:
        """Do work, in a thread of its own.

        Args:
            work: callable.
            stops: bool. Whether it is to stop when time is over; what is of use to the next visitor
                as well, such as loading a model, goes on. Defaults to True.

        Returns:
            What it returns.

        Raises:
            LateError: time is over.
            Exception: what the work raises.
        """
        return self.start(work, stops).result()

    def start(self, work: Callable[[], Answer], stops: bool = True) -> Running[Answer]:
        """Begin to do work as `run` does, and do not wait for it."""
        return Running(work, self._end, self._seconds, stops)


class Running(Generic[Answer]):
    """Work in a thread of its own, from `TimeLimit.start`.

    Args:
        work: callable.
        end: float. Until when, as of `time.monotonic`.
        seconds: int. What the visitor is told of that.
        stops: bool. As of `TimeLimit.run`.
    """

    def __init__(self, work: Callable[[], Answer], end: float, seconds: int, stops: bool):
        self._end, self._seconds, self._stops = end, seconds, stops
        self._answer: Future[Answer] = Future()
        self._off = threading.Event()

        def do() -> None:
            try:
                if not stops:
                    self._answer.set_result(work())
                    return
                with deadline.until(end, self._off):
                    self._answer.set_result(work())
            except BaseException as error:  # whatever it is, it is for whoever waits
                self._answer.set_exception(error)
            finally:
                with _LOCK:
                    _overdue.discard(threading.current_thread())

        self._thread = threading.Thread(
            target=copy_context().run, args=(do,), daemon=True, name="analysis"
        )
        try:
            with deadline.until(end):
                deadline.check()
        except LateError as error:
            self._answer.set_exception(error)
        else:
            self._thread.start()

    def is_over(self, within: float) -> bool:
        """Whether it is done, or its time over, after so many seconds at most."""
        return bool(wait([self._answer], min(within, self._patience())).done) or (
            self._patience() <= 0
        )

    def result(self) -> Answer:
        """Wait for it. Returns and raises as `TimeLimit.run`."""
        try:
            if not wait([self._answer], self._patience()).done:
                self._leave()
                raise LateError
            return self._answer.result()
        except LateError:
            metrics.count("failures", "time")
            raise LateError(
                f"There was no answer within {self._seconds} seconds. Please try again (the "
                "operator's limit is DEEPFAKE_ANALYSIS_SECONDS)."
            ) from None

    def call_off(self, grace: float = GRACE_SECONDS) -> None:
        """Nobody wants it any more: it stops, as when its time is over.

        Args:
            grace: float. Seconds to wait for that.
        """
        self._off.set()
        if not wait([self._answer], grace).done:
            self._leave()

    def _patience(self) -> float:
        grace = GRACE_SECONDS if self._stops else 0.0
        return max(0.0, self._end - time.monotonic() + grace)

    def _leave(self) -> None:
        with _LOCK:
            # Not `is_alive`: a thread that has just left the set lives a little longer.
            if self._stops and not self._answer.done():
                _overdue.add(self._thread)
