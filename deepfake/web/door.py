"""The door of Gradio's queue: shut while the page is full or about to stop.

Gradio can bound its queue, too, but tells visitors neither why nor how long; it has nothing for a
page that is about to stop.
"""

from __future__ import annotations

import math
import re
import time

import gradio as gr
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# Where events come in. What has been accepted is fetched with GET and always let through.
EVENTS = re.compile(r"/gradio_api/(queue/join|(call|run|api)/.+)$")
# Gradio's page shows a sentence of ours with any code but 503.
REFUSED = 429
STOPPING = "This page is being restarted. Please try again in a moment."
RETRY_SECONDS = 5
# Results go out to those who wait for them.
DELIVERY_SECONDS = 1.0
POLL_SECONDS = 0.05


class Door:
    """Knows whether further events can be taken on.

    Args:
        page: gradio.Blocks. With its queue.
        max_queue: int. How many events may wait.
    """

    def __init__(self, page: gr.Blocks, max_queue: int):
        self.page = page
        self.max_queue = max_queue
        self.stopping = False

    def refusal(self) -> tuple[str, int] | None:
        """Why the next event is not taken on, and seconds after which to try again."""
        if self.stopping:
            return STOPPING, RETRY_SECONDS
        waiting = len(self.page._queue)
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
        return len(queue) == 0 and queue.get_active_worker_count() == 0

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
        """Refuse a new event with a sentence, or pass the request on."""
        event = (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and EVENTS.search(scope["path"]) is not None
        )
        refusal = self.door.refusal() if event else None
        if refusal is None:
            await self.app(scope, receive, send)
            return
        sentence, seconds = refusal
        answer = JSONResponse(
            {"detail": sentence, "error": sentence},
            status_code=REFUSED,
            headers={"Retry-After": str(seconds)},
        )
        await answer(scope, receive, send)
