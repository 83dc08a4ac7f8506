"""A progress bar for people at a terminal; nothing in logs and pipes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Pass items on, and show on stderr how far it is.

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
