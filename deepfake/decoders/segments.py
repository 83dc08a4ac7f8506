"""Memory that a parent and its children share: a file goes there, and arrays come back in it."""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
import weakref
from collections.abc import Sequence

import numpy as np

# Segments up to this size are used again: pages that are there already cost nothing. A photo of
# twelve megapixels takes 36 MB.
KEPT_BYTES = 40_000_000
# All pages of a mapping at once, not one by one as they are touched.
POPULATE = getattr(mmap, "MAP_POPULATE", 0)


class Segments:
    """Segments by their file descriptors. Safe to share between threads.

    Args:
        most: int. How many are kept for the next files.
    """

    def __init__(self, most: int):
        self._most = most
        self._free: list[int] = []
        self._lock = threading.Lock()

    def take(self, data: bytes) -> int:
        """A segment that begins with some bytes. It is given back with `give`, or read with `read`.

        Args:
            data: bytes.
        """
        with self._lock:
            segment = self._free.pop() if self._free else None
        if segment is None:
            segment = file_in_memory()
        write(segment, data)
        return segment

    def give(self, segment: int) -> None:
        """Take back a segment that nobody looks at any more."""
        with self._lock:
            if len(self._free) < self._most and os.fstat(segment).st_size <= KEPT_BYTES:
                self._free.append(segment)
                return
        os.close(segment)

    def read(self, segment: int, sizes: Sequence[int]) -> list[memoryview]:
        """What lies in a segment, piece after piece, without copying it.

        The segment is taken back when nothing made of the pieces is left.

        Args:
            segment: int.
            sizes: sequence of int. Of the pieces, in bytes.
        """
        total = sum(sizes)
        if not total:
            self.give(segment)
            return [memoryview(b"") for _ in sizes]
        if total > os.fstat(segment).st_size:
            self.give(segment)
            raise EOFError("less than was promised")
        flags = mmap.MAP_SHARED | POPULATE
        whole = np.frombuffer(mmap.mmap(segment, total, flags, mmap.PROT_READ), np.uint8)
        weakref.finalize(whole, self.give, segment).atexit = False
        ends = np.cumsum([0, *sizes]).tolist()
        view = memoryview(whole)  # type: ignore[arg-type]  # as NumPy documents it
        return [view[ends[i] : ends[i + 1]] for i in range(len(sizes))]


def file_in_memory() -> int:
    """A file without a name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("deepfake")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write(segment: int, data: bytes) -> None:
    """Put bytes at the beginning of a segment."""
    place, rest = 0, memoryview(data)
    while rest:
        written = os.pwrite(segment, rest, place)
        place, rest = place + written, rest[written:]


def fill(segment: int, pieces: Sequence[memoryview]) -> None:
    """Put pieces into a segment, one after the other, from its beginning."""
    total = sum(piece.nbytes for piece in pieces)
    if not total:
        return
    if os.fstat(segment).st_size < total:
        os.ftruncate(segment, total)
    with mmap.mmap(segment, total, mmap.MAP_SHARED | POPULATE) as mapped:
        place = 0
        for piece in pieces:
            mapped[place : place + piece.nbytes] = piece
            place += piece.nbytes
