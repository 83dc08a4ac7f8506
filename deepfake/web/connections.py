"""Connections: how many of one address, and how long one may take to say what it wants.

Uvicorn waits for ever for a request that does not come, for the end of one that has begun, and for
somebody who does not take the answer; and it keeps a head of any size. Open files are few: about
a thousand such connections, and nobody else gets one.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from deepfake.web import metrics

# For a head, or the rest of a request that has been answered; for taking some of an answer.
HEAD_SECONDS, TAKING_SECONDS = 15.0, 60.0
HEAD_BYTES = 262_144
# Browsers have six at a time, and many people can have one address.
MOST_OF_ONE = 100
# What a process may open, where its system lets it.
FILES = 65_536
TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)


def guarded(name_of: Callable[[str], str | None]) -> type[asyncio.Protocol]:
    """Uvicorn's protocol, with bounds.

    Args:
        name_of: callable. Whose the connections of an address are; nothing for one that may have
            any number, such as a proxy.
    """
    count: Counter[str] = Counter()

    class Guarded(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        """A connection."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._timer: asyncio.TimerHandle | None = None
            self._taking: asyncio.TimerHandle | None = None
            self._head = 0
            self._whose = name_of(self.client[0]) if self.client else None
            if self._whose is not None:
                count[self._whose] += 1
                if count[self._whose] > MOST_OF_ONE:
                    self._end()
                    return
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            self._taken()
            if self._whose is not None:
                count[self._whose] -= 1
                if not count[self._whose]:
                    del count[self._whose]
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.transport.is_closing():
                return
            if self.cycle is not None and not self.cycle.response_complete:
                self._cancel()
                self._head = 0
                return
            self._head += len(data)
            if self._head > HEAD_BYTES:
                metrics.count("refusals", "connection")
                self.transport.write(TOO_LONG)
                self.transport.close()
            elif self._timer is None:
                self._wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._head = 0

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._taking is None:
                self._taking = self.loop.call_later(TAKING_SECONDS, self._end)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._taken()

        def _wait(self) -> None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._end)

        def _end(self) -> None:
            metrics.count("refusals", "connection")
            self.transport.abort()

        def _cancel(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _taken(self) -> None:
            if self._taking is not None:
                self._taking.cancel()
                self._taking = None

    return Guarded


def raise_limit() -> None:
    """Let this process open as many files as its system lets it, within reason."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
