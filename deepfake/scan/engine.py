"""Who works: what a scan asks of processes of this machine and of actors of a cluster alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Method = Literal["look", "judge"]


@dataclass(frozen=True)
class Ready:
    """A worker has loaded the model and waits."""


@dataclass(frozen=True)
class Died:
    """A worker is gone; `sentence` says why, if it could say."""

    sentence: str = ""


class Engine(Protocol):
    """Workers with a `Judge` each, called by numbers."""

    @property
    def workers(self) -> int:
        """How many there are."""

    def start(self, worker: int) -> None:
        """Start a worker, in place of the one that had this number, which is ended."""

    def send(self, worker: int, method: Method, argument: Sequence[Any]) -> None:
        """Have a worker that is idle call a method of its Judge."""

    def wait(self, seconds: float) -> list[tuple[int, Any]]:
        """(worker, Ready, Died or what the method returned) of those that have something to say."""

    def close(self) -> None:
        """End all workers."""
