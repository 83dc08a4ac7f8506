"""The door of Gradio's queue: shut while the page is full or about to stop.

Gradio can bound its queue, too, but tells visitors neither why nor how long; it has nothing for a
page that is about to stop, for calls that go past the queue, or for uploads that fill the disk.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import anyio
import gradio as gr
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepfake.web import scratch

# Where events come in. What has been accepted is fetched with GET and always let through.
EVENTS = re.compile(r"/gradio_api/(queue/join|(call|run|api)/.+)$")
# Those that Gradio runs at once and answers in the same request.
DIRECT = re.compile(r"/gradio_api/(run|api)/.+$")
UPLOADS = re.compile(r"/gradio_api/upload/?$")
# Gradio's page shows a sentence of ours with any code but 503.
REFUSED = 429
UNFIT = 422
NO_ROOM = 507
STOPPING = "This page is being restarted. Please try again in a moment."
UNFIT_SENTENCE = (
    "The parameters do not fit the endpoint. /gradio_api/info says which it takes; a list named "
    '"data" belongs to /gradio_api/call, without v2.'
)
FULL_SENTENCE = (
    "The page has no room for more photos at the moment. Please try again in half an hour."
)
RETRY_SECONDS = 5
# Results go out to those who wait for them.
DELIVERY_SECONDS = 1.0
POLL_SECONDS = 0.05


class Door:
    """Knows whether further events can be taken on.

    Args:
        page: gradio.Blocks. With its queue.
        max_queue: int. How many events may wait, those past the queue included.
        folder: Path. Where uploads go.
        max_bytes: int. How many bytes may lie there.
    """

    def __init__(self, page: gr.Blocks, max_queue: int, folder: Path, max_bytes: int):
        self.page = page
        self.max_queue = max_queue
        self.folder = folder
        self.max_bytes = max_bytes
        self.stopping = False
        # Changed by the one thread of the server, and read by others.
        self._direct = 0

    def refusal(self) -> tuple[str, int] | None:
        """Why the next event is not taken on, and seconds after which to try again."""
        if self.stopping:
            return STOPPING, RETRY_SECONDS
        waiting = len(self.page._queue) + self._direct
        if waiting < self.max_queue:
            return None
        seconds = self._seconds_of_work()
        after = f"in about {seconds} s" if seconds else "in a moment"
        return f"The page is busy: {waiting} are waiting. Please try again {after}.", (
            seconds or RETRY_SECONDS
        )

    def is_idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        queue = self.page._queue
        return len(queue) == 0 and queue.get_active_worker_count() == 0 and self._direct == 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count a call past the queue while it runs."""
        self._direct += 1
        try:
            yield
        finally:
            self._direct -= 1

    def has_room(self, upload: int) -> bool:
        """Whether an upload of so many bytes is taken on."""
        return scratch.size(self.folder) + upload <= self.max_bytes

    def drain(self, seconds: float) -> bool:
        """Shut the door and wait until everybody inside has been served.

        Args:
            seconds: float. How long to wait at most.

        Returns:
            Whether all were served.
        """
        self.stopping = True
        end = time.monotonic() + seconds
        while not self.is_idle() and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        served = self.is_idle()
        time.sleep(DELIVERY_SECONDS)
        return served

    def _seconds_of_work(self) -> int:
        """How long those who wait take together, as far as that has been measured."""
        queue = self.page._queue
        longest = 0.0
        for line in list(queue.event_queue_per_concurrency_id.values()):
            times = queue.process_time_per_fn
            work = sum(times[event.fn].avg_time for event in list(line.queue) if event.fn in times)
            longest = max(longest, work / (line.concurrency_limit or queue.max_thread_count))
        return math.ceil(longest)


class DoorMiddleware:
    """Answers for the door, before a request reaches Gradio.

    Args:
        app: ASGI application. Gradio's.
        door: Door.
    """

    def __init__(self, app: ASGIApp, door: Door):
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a new event or upload with a sentence, or pass the request on."""
        path = scope["path"] if scope["type"] == "http" and scope["method"] == "POST" else ""
        if UPLOADS.search(path):
            await self._upload(scope, receive, send)
        elif EVENTS.search(path):
            await self._event(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "")
        announced = int(length) if length.isdecimal() else 0
        if await anyio.to_thread.run_sync(self.door.has_room, announced):
            await self.app(scope, receive, send)
            return
        # Read away: browsers show no answer that comes while they send.
        read = 0
        while read <= self.door.max_bytes:
            message = await receive()
            read += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await _say(FULL_SENTENCE, NO_ROOM, scratch.MAX_AGE_SECONDS)(scope, receive, send)

    async def _event(self, scope: Scope, receive: Receive, send: Send) -> None:
        direct = DIRECT.search(scope["path"]) is not None
        if direct:
            # First, so that nobody takes a place by sending slowly.
            receive = await _whole(receive)
        refusal = self.door.refusal()
        if refusal is not None:
            sentence, seconds = refusal
            await _say(sentence, REFUSED, seconds)(scope, receive, send)
            return
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            with self.door.counting() if direct else nullcontext():
                await self.app(scope, receive, note)
        except (KeyError, TypeError):
            # What Gradio raises for names that the endpoint, or the page, does not have. Analyses
            # raise nothing here: their errors are results.
            if started:
                raise
            await _say(UNFIT_SENTENCE, UNFIT)(scope, receive, send)


def _say(sentence: str, code: int, retry_seconds: int | None = None) -> JSONResponse:
    headers = {} if retry_seconds is None else {"Retry-After": str(retry_seconds)}
    return JSONResponse({"detail": sentence, "error": sentence}, code, headers)


async def _whole(receive: Receive) -> Receive:
    """Receive a request's body, to be received once more from what is returned."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    messages.reverse()

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again
