"""By when work has to be done: whoever waits for it says so, and what takes long asks."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from deepfake.errors import LateError

Item = TypeVar("Item")

# Who wakes up a moment before it has waited until then.
MARGIN_SECONDS = 0.02

_end: ContextVar[float] = ContextVar("end", default=math.inf)
_off: ContextVar[threading.Event | None] = ContextVar("off", default=None)


@contextmanager
def until(end: float, off: threading.Event | None = None) -> Iterator[None]:
    """Within this, and in this thread, work has to be done by a time.

    Args:
        end: float. As of `time.monotonic`; infinite for whenever it is done.
        off: threading.Event. Set by who no longer wants it: then there is no time left.
    """
    before, off_before = _end.set(end), _off.set(off)
    try:
        yield
    finally:
        _off.reset(off_before)
        _end.reset(before)


def left(most: float = math.inf) -> float:
    """Seconds that are left, and no more than so many.

    Args:
        most: float. Defaults to however many there are.
    """
    off = _off.get()
    if off is not None and off.is_set():
        return 0.0
    return max(0.0, min(most, _end.get() - time.monotonic()))


def check() -> None:
    """Go on if there is time left.

    Raises:
        LateError: there is none.
    """
    if left() <= MARGIN_SECONDS:
        raise LateError


def take(source: queue.Queue[Item]) -> Item:
    """Wait for what somebody puts into a queue, as long as there is time.

    Raises:
        LateError: there is none left.
    """
    check()
    try:
        return source.get(timeout=None if math.isinf(seconds := left()) else seconds)
    except queue.Empty:
        raise LateError from None
