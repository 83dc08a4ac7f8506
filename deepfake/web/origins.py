"""Which other sites may show the page in a frame, and have their scripts ask it: none, unless set.

Whether a request is of another site is decided as Go's `http.CrossOriginProtection` does: by what
browsers say in `Sec-Fetch-Site`, and where they do not (plain HTTP), by `Origin`. What is sent
without either is no browser's, and cannot bring a visitor's cookies or address along.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepfake.errors import SettingError
from deepfake.web import metrics
from deepfake.web.visitors.clients import on_space

# Where a Space is shown in a frame.
SPACE_SITES = ("https://huggingface.co",)
# Nothing that would end a header or a directive of the policy, and no stars.
SITE = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?", re.IGNORECASE)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
DAY_SECONDS = "86400"
FOREIGN = (
    "Another website sent this request. It is not taken: open the page itself, or ask from a "
    "program of your own."
)


def allowed_sites(text: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Read which sites are allowed.

    Args:
        text: str. Their origins with commas between, such as "https://www.example.org".
        environment: Mapping. Tells a Hugging Face Space, which Hugging Face may show.

    Raises:
        SettingError: a part is not an origin.
    """
    sites = [part.strip().rstrip("/").lower() for part in text.split(",") if part.strip()]
    for site in sites:
        if not SITE.fullmatch(site):
            raise SettingError(
                "DEEPFAKE_ALLOWED_SITES must be origins with commas between, such as "
                f"https://www.example.org, without a path and without stars. Received: {site!r}."
            )
    return (*sites, *(SPACE_SITES if on_space(environment) else ()))


def is_foreign(method: str, headers: Headers) -> bool:
    """Whether a request that can change something comes from a page of another site."""
    if method in SAFE_METHODS:
        return False
    said = headers.get("sec-fetch-site")
    if said is not None:
        return said not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    host = urlsplit(origin).netloc.lower() if SITE.fullmatch(origin) else ""
    # A proxy may ask us by a name of its own; no other site can have a browser send that header.
    ours = (headers.get("host", ""), headers.get("x-forwarded-host", ""))
    return not host or host not in [name.lower() for name in ours]


class OriginsMiddleware:
    """In the place of Gradio's CORS, which admits every origin, with credentials.

    Args:
        app: ASGI application.
        sites: tuple of str. From `allowed_sites`.
    """

    def __init__(self, app: ASGIApp, sites: tuple[str, ...]):
        self.app = app
        self.sites = sites

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what other sites send, and say to browsers who may read the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        allowed = origin is not None and origin.lower() in self.sites
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            answer: Response = Response(status_code=204 if allowed else 403)
            if allowed:
                answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
                answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
                answer.headers["Access-Control-Max-Age"] = DAY_SECONDS
        elif not allowed and is_foreign(scope["method"], headers):
            metrics.count("refusals", "origin")
            answer = JSONResponse({"detail": FOREIGN, "error": FOREIGN}, 403)
        else:
            answer = self.app  # type: ignore[assignment]

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = MutableHeaders(scope=message)
                said.add_vary_header("Origin")
                # Without credentials: a visitor's sign-in is of no use to another site.
                if allowed and origin is not None:
                    said["Access-Control-Allow-Origin"] = origin
                    said["Cross-Origin-Resource-Policy"] = "cross-origin"
            await send(message)

        await answer(scope, receive, tell)
