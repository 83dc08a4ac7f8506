"""Texts that stand in the page from the start: put in when it is served, in the visitor's language.

Gradio describes a page once, when it is built, and sends this to every visitor. Where a text
belongs, the description has a mark, and the marks are replaced on the way out. (`gr.I18n` would
have the browser translate, but reaches six properties of components, with one text in each, knows
no other wish than the browser's setting, and leaves what the server says to somebody else.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepfake.web.language import CATALOGUES, current, speaking, wanted

# Of the private use area, which nobody writes in.
MARK = re.compile("\ue000([0-9]+)\ue001")
# The page, and its description alone, as `<gradio-app>` asks for it.
PAGES = re.compile(r"/(config/?)?\Z")
KINDS = ("text/html", "application/json")
# As Gradio writes JSON into the page's HTML.
ESCAPES = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&'"})

_made: list[tuple[str, ...]] = []


def placed(make: Callable[..., str], *arguments: Any, **named: Any) -> str:
    """A mark for a text, which is made now in each language.

    Args:
        make: callable. Makes it in the language that is spoken.
        *arguments: what it takes.
        **named: the same.
    """
    texts = []
    for tag in CATALOGUES:
        with speaking(tag):
            texts.append(make(*arguments, **named))
    made = tuple(texts)
    if made not in _made:
        _made.append(made)
    return f"\ue000{_made.index(made)}\ue001"


def put_in(page: str) -> str:
    """A page with its texts in the language that is spoken.

    Args:
        page: str. JSON, or HTML with JSON in it; in HTML itself only messages of the catalogue have
            marks, since they have nothing that would have to be escaped.
    """
    index = list(CATALOGUES).index(current())

    def text(mark: re.Match[str]) -> str:
        return json.dumps(_made[int(mark[1])][index], ensure_ascii=False)[1:-1].translate(ESCAPES)

    return MARK.sub(text, page)


class LanguageMiddleware:
    """Speaks to each visitor in their language, before anything else looks at a request.

    Args:
        app: ASGI application. The page.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; a page comes back with its texts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with speaking(wanted(QueryParams(scope["query_string"]), Headers(scope=scope))):
            if scope["method"] in ("GET", "HEAD") and PAGES.search(scope["path"]):
                send = _putting_in(send)
            await self.app(scope, receive, send)


def _putting_in(send: Send) -> Send:
    start: MutableMapping[str, Any] = {}
    parts: list[bytes] = []

    async def put(message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "").split(";")[0]
            if kind in KINDS:
                start.update(message)
                return
        elif start:
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = put_in(b"".join(parts).decode()).encode()
            headers = MutableHeaders(raw=start["headers"])
            headers["content-length"] = str(len(body))
            headers["content-language"] = current()
            headers.add_vary_header("Accept-Language")
            await send(start)
            message = {"type": "http.response.body", "body": body}
        await send(message)

    return put
