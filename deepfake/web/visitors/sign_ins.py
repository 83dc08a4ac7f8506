"""Wrong passwords: five a minute for an address, so that nobody can try a dictionary."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepfake.web import metrics
from deepfake.web.gradio_internals import WRONG_PASSWORD, is_sign_in
from deepfake.web.visitors.clients import Network, client_of

logger = logging.getLogger(__name__)

TRIES, WINDOW_SECONDS = 5, 60.0
# Addresses remembered before those whose window has passed are looked for.
SWEEP_FROM = 1024
SENTENCE = "Too many wrong passwords. Please try again in {seconds} s."


class Tries:
    """Tries by address, within a window that moves. Used by the one thread of the server only."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def begin(self, client: str) -> tuple[float, float]:
        """Count a try before its outcome is known, so that many at once are no way round.

        Args:
            client: str. As `clients.client_of` names it.

        Returns:
            Seconds until the next try is allowed, 0 if this one is; and the mark to forget it by.
        """
        now = time.monotonic()
        if len(self._times) > SWEEP_FROM:
            late = now - WINDOW_SECONDS
            self._times = {c: t for c, t in self._times.items() if t and t[-1] > late}
        times = self._times.setdefault(client, deque())
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if len(times) >= TRIES:
            return times[0] + WINDOW_SECONDS - now, now
        times.append(now)
        return 0.0, now

    def forget(self, client: str, mark: float) -> None:
        """The password was not wrong: it counts for nothing."""
        times = self._times.get(client, deque())
        if mark in times:
            times.remove(mark)


class SignInMiddleware:
    """Refuses tries of an address that has had its wrong ones.

    Args:
        app: ASGI application.
        trusted: sequence of networks. Proxies that are believed about addresses.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]):
        self.app = app
        self.trusted = trusted
        self.tries = Tries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a try to sign in, or pass the request on."""
        if scope["type"] != "http" or not is_sign_in(scope["method"], scope["path"]):
            await self.app(scope, receive, send)
            return
        peer = scope["client"][0] if scope.get("client") else None
        forwarded = Headers(scope=scope).getlist("x-forwarded-for")
        client = client_of(peer, forwarded, self.trusted)
        seconds, mark = self.tries.begin(client)
        if seconds:
            metrics.count("failed_sign_ins", "refused")
            # The one line with an address: an operator may want to shut somebody out.
            logger.warning("%d wrong passwords within a minute from %s.", TRIES, client)
            after = math.ceil(seconds)
            sentence = SENTENCE.format(seconds=after)
            body = {"detail": sentence, "error": sentence}
            await JSONResponse(body, 429, {"Retry-After": str(after)})(scope, receive, send)
            return

        async def see(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == WRONG_PASSWORD:
                    metrics.count("failed_sign_ins", "wrong")
                    logger.warning("A wrong name or password.")
                else:
                    self.tries.forget(client, mark)
            await send(message)

        await self.app(scope, receive, see)
