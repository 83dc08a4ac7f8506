"""What the log says of requests: a number for each, and never a path, a file's name or an address.

With `DEEPFAKE_LOG=json` each line of the log is a JSON object, and each answer is one. The number
is in the answer, too (`X-Request-ID`), so that somebody who reports a fault can name it.
"""

from __future__ import annotations

import errno
import json
import logging
import re
import secrets
import time
import traceback
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from httpx import InvalidURL
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import LOGGING_CONFIG

from deepfake.web import metrics
from deepfake.web.gradio_internals import Process, around_events

logger = logging.getLogger(__name__)
access = logging.getLogger("deepfake.access")

GIVEN = re.compile(r"[0-9a-f]{32}")
FAULT = "This request could not be answered. Its number is {number}."
# What Gradio's routes raise at what they cannot make sense of: bytes that are no text, numbers that
# JSON does not have, names that no file can have, hosts that are none.
MISSHAPEN = (ValueError, TypeError, LookupError, AttributeError, RecursionError, InvalidURL)
MISSHAPEN_NUMBERS = (errno.ENAMETOOLONG, errno.EINVAL)
MISSHAPEN_SENTENCE = "The server cannot make sense of this request. Its number is {number}."
# Where a request carries its number.
NUMBER = "deepfake.number"
# What a path is for, by how it begins; a path itself can have a photo's name in it.
KINDS = (
    ("upload", "/gradio_api/upload"),
    ("file", "/gradio_api/file"),
    ("event", "/gradio_api/call"),
    ("event", "/gradio_api/run"),
    ("queue", "/gradio_api/queue"),
    ("asset", "/assets"),
    ("asset", "/static"),
    ("asset", "/theme.css"),
    ("health", "/healthz"),
    ("health", "/readyz"),
    ("sign-in", "/login"),
    ("assistant", "/mcp"),
)


@dataclass
class Asked:
    """For whom something is done: the number of a request, "" when that has been answered."""

    number: str


# What begins while a request is answered can go on for ever, as the queue does: it keeps this.
_asked: ContextVar[Asked] = ContextVar("asked")


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if number := _asked.get(Asked("")).number:
            line.setdefault("request_id", number)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = place_of(record.exc_info[1])
        return json.dumps(line)


def set_up(form: str) -> None:
    """Have this process log as the setting says.

    Args:
        form: str. "text" leaves Python's log as it is; "json" takes all loggers over.
    """
    if form != "json":
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    access.setLevel(logging.INFO)
    # Uvicorn gives its loggers handlers of their own when it starts, after this: from here.
    for name in LOGGING_CONFIG["formatters"]:
        LOGGING_CONFIG["formatters"][name] = {"()": JsonFormatter}


def number_events(blocks: gr.Blocks) -> None:
    """Have what an event logs bear the number of the request that asked for it.

    Gradio runs events in the queue, which began with somebody else's request. It would also print a
    traceback of what goes wrong in one, and tell the visitor its text.

    Args:
        blocks: gradio.Blocks. The page.
    """

    def around(process: Process) -> Process:
        async def process_api(*arguments: Any, **options: Any) -> Any:
            # Gradio's request wraps the one that came in by the door.
            request = getattr(options.get("request"), "request", None)
            scope = getattr(request, "scope", None) or {}
            number = scope.get(NUMBER, "")
            _asked.set(Asked(number))
            try:
                return await process(*arguments, **options)
            except Exception as error:
                # What is for the visitor, and calls from Python.
                if isinstance(error, gr.Error) or not number:
                    raise
                metrics.count("failures", "page")
                logger.error("An event was not answered: %s (request %s)", place_of(error), number)
                raise gr.Error(FAULT.format(number=number), print_exception=False) from None

        return process_api

    around_events(blocks, around)


def place_of(error: BaseException) -> str:
    """What was raised and where, on one line and without its text, which can be a visitor's."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def kind_of(path: str) -> str:
    """What a path is for."""
    if path in ("", "/"):
        return "page"
    return next((kind for kind, start in KINDS if path.startswith(start)), "other")


class JournalMiddleware:
    """Numbers requests, counts their answers, and writes one line for what went wrong.

    Args:
        app: ASGI application.
        numbered: bool. Whether a proxy in front gives numbers, which are then kept.
    """

    def __init__(self, app: ASGIApp, numbered: bool = False):
        self.app = app
        self.numbered = numbered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "") if self.numbered else ""
        number = given if GIVEN.fullmatch(given) else secrets.token_hex(16)
        scope[NUMBER] = number
        asked = Asked(number)
        _asked.set(asked)
        code, ended, start = 0, False, time.perf_counter()

        async def note(message: Message) -> None:
            nonlocal code, ended
            if message["type"] == "http.response.start":
                code = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = number
            await send(message)
            ended = message["type"] == "http.response.body" and not message.get("more_body")

        try:
            await self.app(scope, receive, note)
        except ClientDisconnect:
            pass  # went away while sending
        except Exception as error:
            metrics.count("refusals", "malformed")
            logger.error(
                "%s %s was not answered: %s (request %s)",
                scope["method"] if scope["method"].isalpha() else "?",
                kind_of(scope["path"]), place_of(error), number,
            )  # fmt: skip
            if code == 0:
                bad = isinstance(error, MISSHAPEN) or (
                    isinstance(error, OSError) and error.errno in MISSHAPEN_NUMBERS
                )
                sentence = (MISSHAPEN_SENTENCE if bad else FAULT).format(number=number)
                body = {"detail": sentence, "error": sentence}
                await JSONResponse(body, 400 if bad else 500)(scope, receive, note)
            elif not ended:
                await _end(note)
        metrics.answered(code)
        asked.number = ""
        access.info(
            "answered", extra={"fields": {
                "request_id": number, "method": scope["method"], "kind": kind_of(scope["path"]),
                "code": code, "seconds": round(time.perf_counter() - start, 4),
            }},
        )  # fmt: skip


async def _end(send: Send) -> None:
    """End an answer that broke off, as a stream of events ends."""
    # One that had said how long it would be cannot: the server closes the connection.
    with suppress(RuntimeError):
        await send({"type": "http.response.body", "body": b"", "more_body": False})
