"""Memory that a parent and its children share: a file goes there, and arrays come back in it."""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
import weakref
from collections.abc import Sequence

import numpy as np

# Segments up to this size are used again: pages that are there and mapped cost nothing. A photo of
# twelve megapixels takes 36 MB.
KEPT_BYTES = 40_000_000
# All pages of a mapping at once, not one by one as they are touched.
SHARED = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)


class Segment:
    """A piece of memory, as its parent sees it.

    Attributes:
        file: int. Its file descriptor.
    """

    def __init__(self) -> None:
        self.file = file_in_memory()
        self._mapped: mmap.mmap | None = None

    @property
    def size(self) -> int:
        """How many bytes it has got."""
        return os.fstat(self.file).st_size

    def write(self, *pieces: bytes) -> None:
        """Put pieces at its beginning, one after the other."""
        place = 0
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                written = os.pwrite(self.file, rest, place)
                place, rest = place + written, rest[written:]

    def seen(self, size: int) -> np.ndarray:
        """Its first bytes, which cannot be written to."""
        if self._mapped is None or len(self._mapped) < size:
            self._mapped = mmap.mmap(self.file, self.size, SHARED, mmap.PROT_READ)
        return np.frombuffer(self._mapped, np.uint8, size)

    def close(self) -> None:
        """Give it back to the system, as soon as nobody sees it any more."""
        os.close(self.file)
        self._mapped = None


class Segments:
    """A parent's segments. Safe to share between threads.

    Args:
        most: int. How many are kept for the next files.
    """

    def __init__(self, most: int):
        self._most = most
        self._free: list[Segment] = []
        # `give` is called when a picture goes, which may be while this very thread gives another.
        self._lock = threading.RLock()

    def take(self) -> Segment:
        """A segment that nobody else has, until it is given back with `give` or `read`."""
        with self._lock:
            return self._free.pop() if self._free else Segment()

    def give(self, segment: Segment) -> None:
        """Take back a segment that nobody looks at any more."""
        with self._lock:
            if len(self._free) < self._most and segment.size <= KEPT_BYTES:
                self._free.append(segment)
                return
        segment.close()

    def read(self, segment: Segment, sizes: Sequence[int]) -> list[memoryview]:
        """What lies in a segment, piece after piece, without copying it.

        The segment is taken back when nothing made of the pieces is left.

        Args:
            segment: Segment.
            sizes: sequence of int. Of the pieces, in bytes.

        Raises:
            EOFError: it has less than that.
        """
        total = sum(sizes)
        if not 0 < total <= segment.size:
            self.give(segment)
            if total:
                raise EOFError("less than was promised")
            return [memoryview(b"") for _ in sizes]
        whole = segment.seen(total)
        weakref.finalize(whole, self.give, segment).atexit = False
        view = memoryview(whole)  # type: ignore[arg-type]  # as NumPy documents it
        ends = np.cumsum([0, *sizes]).tolist()
        return [view[ends[i] : ends[i + 1]] for i in range(len(sizes))]


class Filler:
    """Puts answers into segments, in a child."""

    def __init__(self) -> None:
        # The mapping that was used last, and the number by which the system knows its segment.
        self._last: tuple[int, mmap.mmap] | None = None

    def fill(self, file: int, pieces: Sequence[memoryview]) -> None:
        """Put pieces into a segment, one after the other, from its beginning.

        Args:
            file: int. The segment's file descriptor.
            pieces: sequence of memoryview. Of bytes.

        Raises:
            MemoryError: there is no room for them.
        """
        total = sum(piece.nbytes for piece in pieces)
        if not total:
            return
        facts = os.fstat(file)
        if facts.st_size < total:
            os.ftruncate(file, total)
        if self._last is None or self._last[0] != facts.st_ino or len(self._last[1]) < total:
            self._last = None
            try:
                mapped = mmap.mmap(file, max(total, facts.st_size), SHARED)
            except OSError as error:
                raise MemoryError from error
            self._last = (facts.st_ino, mapped)
        place, mapped = 0, self._last[1]
        for piece in pieces:
            mapped[place : place + piece.nbytes] = piece
            place += piece.nbytes
        if len(mapped) > KEPT_BYTES:
            self._last = None


def file_in_memory() -> int:
    """A file without a name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("deepfake")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
