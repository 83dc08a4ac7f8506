"""Whether a visitor's analysis is taken on: asked once for each, by the page and by its API."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

import gradio as gr

from deepfake.settings import Settings
from deepfake.web.visitors import clients
from deepfake.web.visitors.limits import DEFAULT_RATE, NO_LIMIT, Limiter

logger = logging.getLogger(__name__)


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
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str] = os.environ):
        rate = settings.rate_limit.strip()
        self.trusted = clients.trusted_proxies(settings.trusted_proxies, environment)
        self.exempts_direct = (
            not rate
            and not self.trusted
            and not settings.share
            and not settings.root_path
            and not clients.on_space(environment)
            and clients.is_loopback(settings.host)
        )
        self.limiter = (
            None
            if rate.lower() == NO_LIMIT
            else Limiter(rate or DEFAULT_RATE, settings.redis_url, settings.rate_limit_fallback)
        )
        self._lumped = False

    def admit(self, request: gr.Request | None) -> None:
        """Count an analysis.

        Args:
            request: gradio.Request. Nothing for a call from Python, which is not counted.

        Raises:
            LimitError: the visitor has to wait.
        """
        if self.limiter is None or request is None:
            return
        headers = request.headers
        proxied = any(name in headers for name in clients.FORWARDING_HEADERS)
        host = headers.get("host")
        elsewhere = host is not None and not clients.is_loopback(host)
        if self.exempts_direct and not proxied and not elsewhere:
            return
        peer = request.client.host if request.client else None
        client = clients.client_of(peer, headers.getlist("x-forwarded-for"), self.trusted)
        if proxied and not self.trusted:
            self._warn_once()
        self.limiter.check(client)

    def _warn_once(self) -> None:
        if not self._lumped:
            self._lumped = True
            logger.warning(
                "A request says that it came through a proxy, but no proxy is trusted. If there is "
                "one, all its visitors count as a single one: name its address in "
                "DEEPFAKE_TRUSTED_PROXIES."
            )
