"""What takes a while: bars for people at a terminal, sentences for whoever waits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")

# How long somebody who watches is kept waiting for what is done for somebody else.
PATIENCE_SECONDS = 5.0

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Pass items on, and show on stderr how far it is; nothing in logs and pipes.

    Args:
        items: iterable.
        total: int. How many there will be.
        what: str. What is being done, in a few words.

    Returns:
        An iterator over the same items.
    """
    from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]

    # `disable=None`: no bar unless stderr is a terminal.
    yield from tqdm(items, total=total, desc=what, unit="file", disable=None, leave=False)


def announce(sentence: str) -> None:
    """Say that something takes a while: on stderr, and to whoever `listening` has named.

    Args:
        sentence: str. What, without the names of folders.
    """
    print(f"deepfake: {sentence}", file=sys.stderr, flush=True)
    tell = _listener.get()
    if tell is not None:
        tell(sentence)


def patience() -> float:
    """Seconds to wait for a lock that somebody else holds; -1, which is for ever, if none listens.

    A page has few places for analyses, and who waits for another's model holds one.
    """
    return -1.0 if _listener.get() is None else PATIENCE_SECONDS


@contextmanager
def listening(tell: Callable[[str], None]) -> Iterator[None]:
    """Within this, and in this thread, what is announced is also told to somebody.

    Args:
        tell: called with the sentence.
    """
    before = _listener.set(tell)
    try:
        yield
    finally:
        _listener.reset(before)
