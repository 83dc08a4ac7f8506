"""How long the stages of an analysis take."""

from __future__ import annotations

import time


class Clock:
    """Milliseconds between laps, counted from its making."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """A stage has just ended."""
        now = time.perf_counter()
        self._laps[stage] = round(1000 * (now - self._last), 2)
        self._last = now

    def finish(self) -> dict[str, float]:
        """Milliseconds by stage, and "total"."""
        return {**self._laps, "total": round(1000 * (time.perf_counter() - self._start), 2)}
