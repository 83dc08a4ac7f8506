"""What each answer tells the browser: what the page may load, who may show it.

Gradio's page needs styles in its elements, and its own way of running our script is `Function`; a
script that somebody brought into the page is not run, as it does not have the answer's nonce.
"""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; "
    "font-src 'self' data:; "
    "connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; "
    "frame-src 'self' data: blob:; "
    "object-src 'none'; "
    "base-uri 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'self'{sites}"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": forms of the page's own would then come from nowhere ("Origin: null").
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), clipboard-read=(self), clipboard-write=(self), "
    "geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SAME_SITE = re.compile(r"SameSite=none", re.IGNORECASE)


class HeadersMiddleware:
    """Adds them.

    Args:
        app: ASGI application.
        sites: tuple of str. Other sites that may show the page.
    """

    def __init__(self, app: ASGIApp, sites: tuple[str, ...]):
        self.app = app
        self.sites = sites

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add to its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        # The page's template writes it to its scripts.
        scope.setdefault("state", {})["nonce"] = nonce
        policy = POLICY.format(nonce=nonce, sites="".join(f" {site}" for site in self.sites))

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
                headers["Content-Security-Policy"] = policy
                if not self.sites:
                    headers["X-Frame-Options"] = "SAMEORIGIN"
                cookies = headers.getlist("set-cookie")
                if cookies:
                    # Gradio gives the sign-in to requests of other sites, too.
                    del headers["set-cookie"]
                    for cookie in cookies:
                        headers.append("set-cookie", SAME_SITE.sub("SameSite=lax", cookie))
            await send(message)

        await self.app(scope, receive, add)
