"""The door of the page: shut for events while it is full or about to stop.

Gradio can bound its queue, too, but tells visitors neither why nor how long; it has nothing for a
page that is about to stop, nor for uploads that fill the disk.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepfake.errors import LimitError
from deepfake.web import scratch
from deepfake.web.gradio_internals import DIRECT, EVENTS, MISFITS, OTHERS, UPLOADS, Queue
from deepfake.web.told import told

logger = logging.getLogger(__name__)

# Where assistants come in, who do without Gradio and its queue.
MCP = "/mcp"
# Events name uploads; they do not hold them.
MAX_EVENT_BYTES = 1_000_000
# What a form has besides its file.
FORM_BYTES = 10_000
# Gradio's page shows a sentence of ours with any code but 503.
REFUSED = 429
# How Gradio itself refuses an event.
FULL_QUEUE = 503
UNFIT = 422
NO_ROOM = 507
TOO_LARGE = 413
NO_LENGTH = 411
UNKNOWN = 404
STOPPING = "This page is being restarted. Please try again in a moment."
UNFIT_SENTENCE = (
    "The parameters do not fit the endpoint. /gradio_api/info says which it takes; a list named "
    '"data" belongs to /gradio_api/call, without v2.'
)
FULL_SENTENCE = (
    "The page has no room for more photos at the moment. Please try again in half an hour."
)
LENGTH_SENTENCE = "Requests must say how long they are: send Content-Length, not chunks."
UNKNOWN_SENTENCE = "There is nothing here that takes what you send."
RETRY_SECONDS = 5
# Results go out to those who wait for them.
DELIVERY_SECONDS = 1.0
POLL_SECONDS = 0.05
# Between two looks at the disk.
LOOK_SECONDS = 1.0


class Door:
    """Knows whether further events and uploads can be taken on.

    Args:
        queue: Queue. The page's.
        max_queue: int. How many events may wait.
        folder: Path. Where uploads go.
        max_upload: int. How many bytes one request may upload.
        max_bytes: int. How many bytes may lie in the folder.
        places: int. How many may be served at the same time besides the queue. Defaults to 1.
    """

    def __init__(
        self,
        queue: Queue,
        max_queue: int,
        folder: Path,
        max_upload: int,
        max_bytes: int,
        places: int = 1,
    ):
        self.queue = queue
        self.max_queue = max_queue
        self.folder = folder
        self.max_upload = max_upload
        self.max_bytes = max_bytes
        self.stopping = False
        self._places = anyio.Semaphore(places)
        # These are changed by the one thread of the server only.
        self._beside = 0
        self._taken = 0
        self._looked = -math.inf
        self._coming = 0

    def refusal(self) -> tuple[str, int] | None:
        """Why the next event is not taken on, and seconds after which to try again."""
        if not self.stopping and self.queue.waiting + self._beside < self.max_queue:
            return None
        return self.busy()

    def busy(self) -> tuple[str, int]:
        """What is said to those who are not let in, and seconds after which to try again."""
        if self.stopping:
            return STOPPING, RETRY_SECONDS
        # Of those who were too many a moment ago, some may be served by now.
        waiting = max(self.queue.waiting, self.max_queue)
        seconds = self.queue.seconds_of_work()
        after = f"in about {seconds} s" if seconds else "in a moment"
        return f"The page is busy: {waiting} are waiting. Please try again {after}.", (
            seconds or RETRY_SECONDS
        )

    def is_idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return self.queue.waiting == 0 and self.queue.running == 0 and self._beside == 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place beside the queue, and keep it.

        Raises:
            LimitError: too many wait, or the page is about to stop.
        """
        refusal = self.refusal()
        if refusal is not None:
            raise LimitError(refusal[0])
        self._beside += 1
        try:
            async with self._places:
                yield
        finally:
            self._beside -= 1

    async def begin_upload(self, size: int) -> bool:
        """Keep room for an upload, until `end_upload`.

        Args:
            size: int. Bytes.

        Returns:
            Whether there is room.
        """
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._taken = await anyio.to_thread.run_sync(scratch.size, self.folder)
        if self._taken + self._coming + size > self.max_bytes:
            return False
        self._coming += size
        return True

    def end_upload(self, size: int) -> None:
        """Count an upload as lying in the folder, until the next look."""
        self._coming -= size
        self._taken += size

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
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        path, headers = scope["path"], Headers(scope=scope)
        length = int(found) if (found := headers.get("content-length", "0")).isdecimal() else 0
        if "transfer-encoding" in headers:
            await _say(LENGTH_SENTENCE, NO_LENGTH)(scope, receive, send)
        elif path == MCP:
            # The SDK bounds what comes in.
            await self.app(scope, receive, send)
        elif UPLOADS.search(path):
            await self._upload(length, scope, receive, send)
        elif length > MAX_EVENT_BYTES:
            sentence = f"This is longer than the {MAX_EVENT_BYTES:,} bytes that fit here."
            await _say(sentence, TOO_LARGE)(scope, receive, send)
        elif EVENTS.search(path):
            await self._event(scope, receive, send)
        elif DIRECT.search(path):
            await self._checked(scope, receive, send)
        elif OTHERS.search(path):
            await self.app(scope, receive, send)
        else:
            await _say(UNKNOWN_SENTENCE, UNKNOWN)(scope, receive, send)

    async def _upload(self, length: int, scope: Scope, receive: Receive, send: Send) -> None:
        door = self.door
        if length <= door.max_upload + FORM_BYTES:
            if await door.begin_upload(length):
                try:
                    await self.app(scope, receive, send)
                finally:
                    door.end_upload(length)
                return
            answer = _say(FULL_SENTENCE, NO_ROOM, scratch.MAX_AGE_SECONDS)
        else:
            answer = _say(
                f"The upload has {length:,} bytes, and {door.max_upload:,} fit here. "
                "Send a smaller photo.", TOO_LARGE,
            )  # fmt: skip
        # Read away, within bounds: browsers show no answer that comes while they send.
        read = 0
        while read <= door.max_bytes:
            message = await receive()
            read += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await answer(scope, receive, send)

    async def _event(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.door.refusal()
        if refusal is None:
            full = False

            async def unless_full(message: Message) -> None:
                nonlocal full
                full = full or message.get("status") == FULL_QUEUE
                if not full:
                    await send(message)

            await self._checked(scope, receive, unless_full)
            if not full:
                return
            # Others came between our look and Gradio's, whose sentence is for programmers.
            refusal = self.door.busy()
        sentence, seconds = refusal
        await _say(sentence, REFUSED, seconds)(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, note)
        except MISFITS as error:
            if started:
                raise
            # Not its text, which can be a visitor's.
            logger.debug("A request did not fit: %s", type(error).__name__)
            await _say(UNFIT_SENTENCE, UNFIT)(scope, receive, send)


def _say(sentence: str, code: int, retry_seconds: int | None = None) -> JSONResponse:
    sentence = told(sentence)
    headers = {} if retry_seconds is None else {"Retry-After": str(retry_seconds)}
    return JSONResponse({"detail": sentence, "error": sentence}, code, headers)
