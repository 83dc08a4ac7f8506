"""Decoded frames that were passed on the way to others and may be asked for next."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

EPSILON = 1e-4
# Frames that are kept so as not to be decoded twice: 46 of 720p, 5 of 4K (of 8 bits). What is asked
# for in the end is up to a few frames later than what was expected.
KEPT_BYTES, KEPT_SECONDS = 64_000_000, 0.08
# FFmpeg's word for the frames that are not decoded: none, or those that no other is made from.
Skipped = Literal["DEFAULT", "NONREF"]


@dataclass(frozen=True)
class Passed:
    """A frame that was decoded on the way: the first of its kind after `before`, at `shown`."""

    before: float
    shown: float
    skipped: str
    frame: Any

    def answers(self, time: float) -> bool:
        """Whether it is the first frame from a time on."""
        return self.before < time - EPSILON <= self.shown

    def may_answer(self, time: float) -> bool:
        """Whether it may be asked for where a time is expected."""
        return self.before < time + KEPT_SECONDS and time - EPSILON <= self.shown

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(plane.buffer_size for plane in self.frame.planes)


class Kept:
    """Frames that were passed and may be asked for next, as far as there is room."""

    def __init__(self) -> None:
        # When those are shown that are still to be passed, about.
        self._wanted: deque[float] = deque()
        self._passed: list[Passed] = []
        self._room, self._size = KEPT_BYTES, 0

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more like those before."""
        return self._room < self._size

    def expect(self, times: Sequence[float], soon: Sequence[float]) -> None:
        """What is asked for now and what will be next: of all others no frame is kept."""
        self._wanted = deque(soon)
        coming = [*times, *soon]
        self._passed = [p for p in self._passed if any(p.may_answer(time) for time in coming)]
        self._room = KEPT_BYTES - sum(passed.size for passed in self._passed)

    @property
    def first_wanted(self) -> float:
        """When that is shown, about; infinity for nothing."""
        return self._wanted[0] if self._wanted else inf

    def go_on_from(self, key: float) -> None:
        """Decoding has leapt to a key frame: what was wanted before it is not passed."""
        while self._wanted and self._wanted[0] < key - EPSILON:
            self._wanted.popleft()

    def offer(self, passed: Passed) -> None:
        """Keep a frame that is wanted, and those shortly after, which may be asked for instead."""
        if not self._wanted or passed.shown < self._wanted[0] - EPSILON:
            return
        self._size = passed.size
        if self._size <= self._room:
            self._room -= self._size
            self._passed.append(passed)
        while self._wanted and passed.shown >= self._wanted[0] + KEPT_SECONDS:
            self._wanted.popleft()

    def take(self, time: float, skipped: Skipped) -> Any:
        """The first frame from a time on, if it was kept; else None."""
        for number, passed in enumerate(self._passed):
            if passed.skipped == skipped and passed.answers(time):
                self._room += passed.size
                return self._passed.pop(number).frame
        return None
