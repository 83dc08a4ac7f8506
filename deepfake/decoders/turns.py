"""Work that needs so much memory that all decoders of a pool do it one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LOCK = threading.Lock()
# A file that all decoders of a pool have open; a process that ends lets go of its lock.
_shared: int | None = None


def share(number: int) -> None:
    """Take turns with the other processes that have a file open.

    Args:
        number: int. Its file descriptor.
    """
    global _shared
    _shared = number


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait for one's turn, and keep it."""
    with _LOCK:
        if _shared is None:
            yield
            return
        fcntl.lockf(_shared, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(_shared, fcntl.LOCK_UN)
