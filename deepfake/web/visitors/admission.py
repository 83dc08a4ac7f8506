"""Whether a visitor's analysis is taken on: asked once for each, by the page and by its API."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TypeAlias

import gradio as gr
from starlette.requests import HTTPConnection

from deepfake.settings import Settings
from deepfake.web.visitors import clients
from deepfake.web.visitors.limits import DEFAULT_RATE, NO_LIMIT, Limiter

logger = logging.getLogger(__name__)
# Gradio's is one of Starlette's in a wrapping.
Request: TypeAlias = gr.Request | HTTPConnection


class Admission:
    """Counts analyses where they are limited. Safe to share between threads.

    A page that only this machine can reach is exempt, unless the operator set a rate. A request
    that came through a proxy is not from this machine, whatever its peer: it has a proxy's header,
    or asks for another host. A proxy may send neither, so a page at a path is never exempt.

    Args:
        settings: Settings. The rate, the proxies, Redis, the host and the share link.
        environment: Mapping. Tells a Hugging Face Space. Defaults to the process's.

    Raises:
        SettingError: one of the settings cannot be used.

    Attributes:
        is_local: bool. Whether only this machine can reach the page.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str] = os.environ):
        rate = settings.rate_limit.strip()
        self.trusted = clients.trusted_proxies(settings.trusted_proxies, environment)
        self.is_local = (
            not self.trusted
            and not settings.share
            and not settings.root_path
            and not clients.on_space(environment)
            and clients.is_loopback(settings.host)
        )
        self.exempts_direct = not rate and self.is_local
        self.limiter = (
            None
            if rate.lower() == NO_LIMIT
            else Limiter(rate or DEFAULT_RATE, settings.redis_url, settings.rate_limit_fallback)
        )
        self._lumped = False

    def admit(self, request: Request | None) -> None:
        """Count an analysis.

        Args:
            request: Request. Nothing for a call from Python, which is not counted.

        Raises:
            LimitError: the visitor has to wait.
        """
        client = self.client(request)
        if client is not None and self.limiter is not None:
            self.limiter.check(client)

    def peek(self, request: Request) -> None:
        """Ask whether an analysis would be refused, and count nothing.

        Args:
            request: Request.

        Raises:
            LimitError: as of `admit`.
        """
        client = self.client(request)
        if client is not None and self.limiter is not None:
            self.limiter.peek(client)

    def client(self, request: Request | None) -> str | None:
        """Whom a request is counted for; nothing where it is not counted.

        Args:
            request: Request. Nothing for a call from Python.
        """
        if self.limiter is None or request is None:
            return None
        if self.exempts_direct and self.is_own(request):
            return None
        if _is_proxied(request) and not self.trusted:
            self._warn_once()
        return self.address(request)

    def address(self, request: Request) -> str:
        """Where a request comes from, as `clients.client_of` names it."""
        peer = request.client.host if request.client else None
        return clients.client_of(peer, request.headers.getlist("x-forwarded-for"), self.trusted)

    def is_own(self, request: Request) -> bool:
        """Whether a request is of somebody at this machine, to a page that is for this machine."""
        host = request.headers.get("host")
        elsewhere = host is not None and not clients.is_loopback(host)
        return self.is_local and not _is_proxied(request) and not elsewhere

    def _warn_once(self) -> None:
        if not self._lumped:
            self._lumped = True
            logger.warning(
                "A request says that it came through a proxy, but no proxy is trusted. If there is "
                "one, all its visitors count as a single one: name its address in "
                "DEEPFAKE_TRUSTED_PROXIES."
            )


def _is_proxied(request: Request) -> bool:
    return any(name in request.headers for name in clients.FORWARDING_HEADERS)
