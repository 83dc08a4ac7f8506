"""The door of the page: shut for events while it is full or about to stop.

Gradio can bound its queue, too, but tells visitors neither why nor how long; it has nothing for a
page that is about to stop, nor for one visitor who would have all places.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepfake.errors import LimitError
from deepfake.web import metrics
from deepfake.web.gradio_internals import (
    DIRECT,
    EVENTS,
    FETCHED,
    FILES,
    JOIN,
    MISFITS,
    NO_PROGRESS,
    OTHERS,
    PROGRESS,
    UPLOADS,
    Queue,
)
from deepfake.web.texts import say
from deepfake.web.time_limit import note_place
from deepfake.web.told import told
from deepfake.web.uploads import Uploads
from deepfake.web.visitors.admission import Admission

logger = logging.getLogger(__name__)

# Where assistants come in, who do without Gradio and its queue.
MCP = "/mcp"
# Events name uploads; they do not hold them. Assistants may send a photo as text: the SDK's limit.
MAX_EVENT_BYTES, EVENT_SECONDS = 1_000_000, 15.0
MAX_MCP_BYTES, MCP_SECONDS = 4_194_304, 60.0
# Gradio's page shows a sentence of ours with any code but 503.
REFUSED = 429
# How Gradio itself refuses an event.
FULL_QUEUE = 503
UNFIT, UNREAD = 422, 400
TOO_LARGE = 413
TOO_SLOW = 408
NO_LENGTH = 411
UNKNOWN = 404
STOPPING = "This page is being restarted. Please try again in a moment."
UNREAD_SENTENCE = "This is no JSON that can be read: UTF-8, without endless numbers or nesting."
UNFIT_SENTENCE = (
    "The parameters do not fit the endpoint. /gradio_api/info says which it takes; a list named "
    '"data" belongs to /gradio_api/call, without v2.'
)
LENGTH_SENTENCE = "Requests must say how long they are: send Content-Length, not chunks."
ELSEWHERE_SENTENCE = "Nothing is fetched from elsewhere here. Send the photo itself."
UNKNOWN_SENTENCE = "There is nothing here that takes what you send."
RETRY_SECONDS = 5
# Results go out to those who wait for them.
DELIVERY_SECONDS = 1.0
POLL_SECONDS = 0.05
# What analyses share their places by, of photos and of videos; and how many other events a visitor
# may have besides.
ANALYSES, OTHER_EVENTS = ("analyse", "video", "many"), 6
# It has been counted with the choice of its model, and asks again itself.
COUNTED_BEFORE = "analyse_again"


class Door:
    """Knows whether further events can be taken on. Used by the one thread of the server.

    Args:
        queue: Queue. The page's.
        max_queue: int. How many events may wait.
        admission: Admission. Tells visitors apart, and who of them is limited.
        places: int. How many may be served at the same time besides the queue. Defaults to 1.
        max_per_visitor: int. How many analyses of a visitor may wait or run. Defaults to 2.
    """

    def __init__(
        self,
        queue: Queue,
        max_queue: int,
        admission: Admission,
        places: int = 1,
        max_per_visitor: int = 2,
    ):
        self.queue = queue
        self.max_queue = max_queue
        self.admission = admission
        self.max_per_visitor = max_per_visitor
        self.stopping = False
        self._places = anyio.Semaphore(places)
        self._beside: Counter[str | None] = Counter()
        # Events between our look and the queue.
        self._entering: Counter[str | None] = Counter()

    def refusal(self) -> tuple[str, int] | None:
        """Why the next event is not taken on, and seconds after which to try again."""
        waiting = self.queue.waiting + self._beside.total()
        return self.busy() if self.stopping or waiting >= self.max_queue else None

    def refusal_of(self, client: str | None, costs: bool) -> tuple[str, int] | None:
        """Why a visitor's next event is not taken on, as `refusal`: others come after it, too.

        Args:
            client: str. Whose it is; nothing for somebody without limits.
            costs: bool. Whether it is an analysis.
        """
        if client is None:
            return None
        most = self.max_per_visitor + (0 if costs else OTHER_EVENTS)
        places = self.queue.places(ANALYSES if costs else ())
        theirs = sum(self.admission.client(request) == client for request in places)
        count = theirs + self._entering[client] + self._beside[client]
        if count < most:
            return None
        metrics.count("refusals", "queue")
        return say("door.yours", count=count), RETRY_SECONDS

    async def rate_refusal(self, connection: HTTPConnection) -> tuple[str, int] | None:
        """Why a visitor has to wait before the next analysis, as `refusal`. Counts nothing."""
        try:
            # Redis may have to be asked.
            await anyio.to_thread.run_sync(self.admission.peek, connection)
        except LimitError as error:
            return error.public, math.ceil(error.seconds or RETRY_SECONDS)
        return None

    @asynccontextmanager
    async def entering(self, client: str | None) -> AsyncIterator[None]:
        """Count a visitor's event until it is in the queue."""
        self._entering[client] += 1
        try:
            yield
        finally:
            self._entering[client] -= 1
            self._entering += Counter()

    def busy(self) -> tuple[str, int]:
        """What is said to those who are not let in, and seconds after which to try again."""
        metrics.count("refusals", "stopping" if self.stopping else "queue")
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
        return self.queue.waiting == 0 and self.queue.running == 0 and not self._beside.total()

    @asynccontextmanager
    async def turn(self, connection: HTTPConnection) -> AsyncIterator[None]:
        """Wait for a place beside the queue, and keep it.

        Args:
            connection: HTTPConnection. Whose turn it is.

        Raises:
            LimitError: too many wait, the visitor has to, or the page is about to stop.
        """
        client = self.admission.client(connection)
        refusal = (
            await self.rate_refusal(connection)
            or self.refusal()
            or self.refusal_of(client, costs=True)
        )
        if refusal is not None:
            raise LimitError(*refusal)
        note_place(connection.scope)
        self._beside[client] += 1
        try:
            async with self._places:
                yield
        finally:
            self._beside[client] -= 1
            self._beside += Counter()

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
        uploads: Uploads. Takes photos, in Gradio's place.
    """

    def __init__(self, app: ASGIApp, door: Door, uploads: Uploads):
        self.app = app
        self.door = door
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a new event or upload with a sentence, or pass the request on."""
        if scope["type"] == "http" and FETCHED.search(scope["path"]):
            await _say(ELSEWHERE_SENTENCE, UNKNOWN)(scope, receive, send)
            return
        if scope["type"] == "http" and PROGRESS.search(scope["path"]):
            # Uploads are ours. Gradio would keep each number that anybody asks for.
            await Response(NO_PROGRESS, media_type="text/event-stream")(scope, receive, send)
            return
        if scope["type"] == "http" and FILES.search(scope["path"]):
            send = _as_attachment(send)
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        path, headers = scope["path"], Headers(scope=scope)
        length = int(found) if (found := headers.get("content-length", "0")).isdecimal() else 0
        if "transfer-encoding" in headers:
            await _say(LENGTH_SENTENCE, NO_LENGTH)(scope, receive, send)
        elif UPLOADS.search(path):
            answer = await self.uploads.take(Request(scope, receive))
            await answer(scope, receive, send)
        elif path == MCP and length > MAX_MCP_BYTES:
            # The SDK says so, before it reads any of it.
            await self.app(scope, receive, send)
        elif path != MCP and length > MAX_EVENT_BYTES:
            sentence = f"This is longer than the {MAX_EVENT_BYTES:,} bytes that fit here."
            await _say(sentence, TOO_LARGE)(scope, receive, send)
        elif path == MCP or any(one.search(path) for one in (EVENTS, DIRECT, OTHERS)):
            body = None
            with anyio.move_on_after(MCP_SECONDS if path == MCP else EVENT_SECONDS):
                body = await Request(scope, receive).body()
            if body is None:
                await _say(say("door.slow"), TOO_SLOW)(scope, receive, send)
            elif EVENTS.search(path):
                await self._event(body, scope, receive, send)
            elif path == MCP and _is_beyond_reading(body):
                metrics.count("refusals", "misfit")
                await _say(UNREAD_SENTENCE, UNREAD)(scope, receive, send)
            elif DIRECT.search(path):
                await self._checked(scope, _once(body, receive), send)
            else:
                await self.app(scope, _once(body, receive), send)
        else:
            await _say(UNKNOWN_SENTENCE, UNKNOWN)(scope, receive, send)

    async def _event(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        door = self.door
        connection = HTTPConnection(scope)
        client = door.admission.client(connection)
        function = door.queue.function(scope["path"], body)
        costs = function is not None and function.concurrency_id in ANALYSES
        refusal = None
        if costs and function is not None and function.name != COUNTED_BEFORE:
            refusal = await door.rate_refusal(connection)
        if refusal and scope["path"].endswith(JOIN) and not door.queue.waiting:
            # Where nobody waits the page itself says it, in the place of the verdict.
            refusal = None
        refusal = refusal or door.refusal() or door.refusal_of(client, costs)
        if refusal is None:
            full = False

            async def unless_full(message: Message) -> None:
                nonlocal full
                full = full or message.get("status") == FULL_QUEUE
                if not full:
                    await send(message)

            async with door.entering(client):
                note_place(scope)
                await self._checked(scope, _once(body, receive), unless_full)
            if not full:
                return
            # Others came between our look and Gradio's, whose sentence is for programmers.
            refusal = door.busy()
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
            metrics.count("refusals", "misfit")
            logger.debug("A request did not fit: %s", type(error).__name__)
            await _say(UNFIT_SENTENCE, UNFIT)(scope, receive, send)


async def misfit(_request: Request, _error: Exception) -> JSONResponse:
    """The answer to what FastAPI does not take.

    Its own has all that was sent in it again, and takes seconds to make of a megabyte.
    """
    metrics.count("refusals", "misfit")
    return _say(UNFIT_SENTENCE, UNFIT)


def _is_beyond_reading(body: bytes) -> bool:
    """Whether bytes are JSON of a kind that ends Python's reader, and with it the SDK's."""
    try:
        json.loads(body)
    except json.JSONDecodeError:
        return False
    except (ValueError, RecursionError):
        return True
    return False


def _say(sentence: str, code: int, retry_seconds: int | None = None) -> JSONResponse:
    sentence = told(sentence)
    headers = {} if retry_seconds is None else {"Retry-After": str(retry_seconds)}
    return JSONResponse({"detail": sentence, "error": sentence}, code, headers)


def _once(body: bytes, receive: Receive) -> Receive:
    """A body that has been read, to be read again; then whatever comes."""
    read = False

    async def again() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _as_attachment(send: Send) -> Send:
    """What visitors have sent is never a page of ours to a browser."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Content-Disposition"] = "attachment"
        await send(message)

    return marked
