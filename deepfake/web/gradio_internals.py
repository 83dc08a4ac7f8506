"""All of Gradio that is private or patched here, and so may break with another version of it.

`tests/web/test_gradio_internals.py` has a test for each name: run that file first after an upgrade.
Gradio's elements, as the style and script in `assets/` find them, are held by the browser tests.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from abc import ABCMeta
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import gradio.http_server
import gradio.routes
import gradio.utils
import httpx
import uvicorn
from gradio import networking
from gradio.block_function import BlockFunction
from gradio.blocks import BlocksConfig
from gradio.context import LocalContext
from gradio.exceptions import InvalidPathError
from gradio.route_utils import FnIndexInferError
from gradio.routes import templates
from gradio_client.utils import (  # type: ignore[import-untyped]
    strip_invalid_filename_characters,
)
from jinja2 import ChoiceLoader, DictLoader
from starlette.requests import Request
from starlette.types import ASGIApp

from deepfake.web.language import current, speaking, wanted
from deepfake.web.placed import placed
from deepfake.web.texts import say
from deepfake.web.told import told

# Where events come in. What has been accepted is fetched with GET.
JOIN = "/queue/join"
EVENTS = re.compile(r"/gradio_api/(queue/join|call/.+)\Z", re.DOTALL)
# Those that Gradio runs at once; `api_open=False` leaves only what takes no time.
DIRECT = re.compile(r"/gradio_api/(run|api)/.+\Z", re.DOTALL)
FILES = re.compile(r"/gradio_api/file[=/]")
# What Gradio would fetch for whoever asks, and hand on.
FETCHED = re.compile(r"/gradio_api/file[=/]\s*https?:", re.IGNORECASE)
UPLOADS = re.compile(r"/gradio_api/upload/?\Z")
# How an upload of several files goes on: the page asks, and takes this for the end of it.
PROGRESS, NO_PROGRESS = re.compile(r"/gradio_api/upload_progress/?\Z"), 'data: {"msg": "done"}\n\n'
# What else a page without further components is sent; some of the rest would stay on the disk.
OTHERS = re.compile(r"(/gradio_api/(reset|cancel)|/login)/?\Z")
SIGN_IN = re.compile(r"/login/?\Z")
# How Gradio answers to it.
WRONG_PASSWORD = 400
# What events raise that name an endpoint, or a parameter, which the page does not have. Handlers
# raise nothing there: their errors are results.
MISFITS = (KeyError, TypeError, FnIndexInferError)

# The pages' HTML, without and with a share link, and what it says of itself there: "Gradio".
PAGES = ("frontend/index.html", "frontend/share.html")
SAID = re.compile(
    r'<title>.*?</title>|<meta\s+(property="og:|name="(twitter:|description)).*?>', re.S
)

# Its scripts get the nonce of the answer (`headers`).
SCRIPT = re.compile("<script(?! nonce)")
OUR_SCRIPT = '<script nonce="{{ request.state.nonce }}"'

# Between two looks of the queue: a hundredth of what an analysis takes, and what an eye notices.
QUEUE_SECONDS, PROGRESS_SECONDS = 0.004, 0.05

# What handles an event.
Process = Callable[..., Awaitable[Any]]

GONE = "The photo is no longer here. Please choose it again."
GONE_VIDEO = "The video is no longer here. Please choose it again."
UNFIT = "This request does not fit. Send a photo that was uploaded, such as with handle_file(path)."
ADDRESS = "Send the picture itself, not its address."


class Queue:
    """What waits and runs.

    Args:
        blocks: gradio.Blocks. With its queue, which may be made anew later.
    """

    def __init__(self, blocks: gr.Blocks):
        self._blocks = blocks

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._blocks._queue)

    @property
    def running(self) -> int:
        """How many events run."""
        return int(self._blocks._queue.get_active_worker_count())

    def places(self, names: Sequence[str] = ()) -> list[Request]:
        """The requests of all that waits or runs, or of what shares places by one of some names."""
        queue = self._blocks._queue
        lines = list(queue.event_queue_per_concurrency_id.values())
        events = [event for line in lines for event in list(line.queue)]
        events += [event for job in list(queue.active_jobs) for event in job or ()]
        return [event.request for event in events if not names or event.concurrency_id in names]

    def function(self, path: str, body: bytes) -> BlockFunction | None:
        """What an event asks for; nothing where that cannot be told.

        Args:
            path: str. One of `EVENTS`.
            body: bytes. What was sent.
        """
        functions = self._blocks.fns
        if not path.rstrip("/").endswith(JOIN):
            name = path.rstrip("/").rpartition("/")[2]
            return next((one for one in functions.values() if one.api_name == name), None)
        try:
            return functions.get(json.loads(body)["fn_index"])
        except (ValueError, LookupError, TypeError, RecursionError):
            return None

    def seconds_of_work(self) -> int:
        """How long those who wait take together, as far as that has been measured."""
        queue = self._blocks._queue
        longest = 0.0
        for line in list(queue.event_queue_per_concurrency_id.values()):
            times = queue.process_time_per_fn
            work = sum(times[event.fn].avg_time for event in list(line.queue) if event.fn in times)
            longest = max(longest, work / (line.concurrency_limit or queue.max_thread_count))
        return math.ceil(longest)


@contextmanager
def patient_start(seconds: float) -> Iterator[None]:
    """Have `Blocks.launch` wait for a page that is slow to answer; it would give it 3 s.

    Args:
        seconds: float. How long the page may take for its first answer.
    """
    impatient = networking.url_ok

    def url_ok(url: str) -> bool:
        try:
            answer = httpx.head(url, timeout=seconds, verify=False)  # noqa: S501  # as Gradio asks
        except httpx.TimeoutException:
            raise
        except httpx.TransportError:
            return False
        # With a password it asks for that, and elsewhere it sends on.
        return answer.is_success or answer.is_redirect or answer.status_code == 401

    networking.url_ok = url_ok
    try:
        yield
    finally:
        networking.url_ok = impatient


def is_slow(error: Exception) -> bool:
    """Whether `Blocks.launch` raised this because the page took too long for its first answer."""
    return isinstance(error, httpx.TimeoutException)


def is_out_of_reach(error: Exception) -> bool:
    """Whether `Blocks.launch` raised this because the page started, but cannot reach itself."""
    # A proxy that does not answer, one that answers with an error, and one with another page.
    return isinstance(error, httpx.TransportError) or bool(
        re.search("localhost is (not )?accessible", str(error))
    )


def keep_names_private(blocks: gr.Blocks) -> None:
    """Make a page answer inputs that it cannot take with a sentence, and log nothing of them.

    Gradio would write the path of a photo that is not here, with a traceback, into the log. A photo
    is gone for a visitor whose tab outlived the process that has got it: after a restart, or at
    another replica.

    Args:
        blocks: gradio.Blocks. The checks are Gradio's own, and come before any code of a component.
    """
    take, give = blocks.preprocess_data, blocks.postprocess_data

    async def preprocess_data(*arguments: Any, **options: Any) -> Any:
        try:
            return await take(*arguments, **options)
        except gr.Error as error:
            # Also Gradio's own, such as of a number out of range: nothing for the log.
            error.print_exception = False
            raise
        except (InvalidPathError, OSError):
            raise gr.Error(told(GONE), print_exception=False) from None
        except (ValueError, TypeError, AttributeError, LookupError):
            raise gr.Error(told(UNFIT), print_exception=False) from None

    blocks.preprocess_data = preprocess_data

    async def postprocess_data(*arguments: Any, **options: Any) -> Any:
        try:
            return await give(*arguments, **options)
        except OSError:
            # The disk has filled since the photo came: pictures of an answer are files to Gradio.
            raise gr.Error(say("upload.disk"), print_exception=False) from None

    blocks.postprocess_data = postprocess_data


def around_events(blocks: gr.Blocks, around: Callable[[Process], Process]) -> None:
    """Have each event of a page handled within something of ours.

    Args:
        blocks: gradio.Blocks. The page.
        around: callable. Takes what handles an event, and gives what does so from now on; both are
            called with an option `request`, Gradio's, or nothing for calls from Python.
    """
    blocks.process_api = around(blocks.process_api)


def speak_to_visitors(blocks: gr.Blocks) -> None:
    """Have each event of a page handled in the language of who asks.

    Handlers run in the queue's own time, not within a request: what is set there does not reach
    them.

    Args:
        blocks: gradio.Blocks. The page.
    """

    def around(process: Process) -> Process:
        async def process_api(*arguments: Any, **options: Any) -> Any:
            request = options.get("request")
            tag = wanted(request.query_params, request.headers) if request else current()
            with speaking(tag):
                return await process(*arguments, **options)

        return process_api

    around_events(blocks, around)


def lighten_queue(blocks: gr.Blocks) -> None:
    """Spare the queue of a page what Gradio does over and over, or keeps for ever.

    It would look a thousand times a second for events, and for progress. It keeps an entry for each
    session that ever asked for something, which each call of a program is; and it writes a
    traceback for each visitor who leaves while an event begins.

    Args:
        blocks: gradio.Blocks. The page, before it is launched: what an event that is on its way has
            noted must stay.
    """
    line = blocks._queue
    line.pending_event_ids_session = gradio.utils.LRUCache(
        line.pending_messages_per_session.max_size
    )
    send = line.send_message

    def send_message(event: Any, message: Any) -> None:
        with suppress(KeyError):  # nobody is there any more
            send(event, message)

    line.send_message = send_message
    line.sleep_when_free = QUEUE_SECONDS
    line.progress_update_sleep_when_free = PROGRESS_SECONDS


def lighten(blocks: gr.Blocks) -> None:
    """Spare a page that has been launched what Gradio does over and over for each event.

    Each call of a program is a session to Gradio, for which it would describe every component of
    the page anew: a quarter of its event loop's time, for links to a state that we do not offer.
    And each open tab would hold a connection, of the six that browsers have for a host (HTTP/1.1),
    by which Gradio learns of tabs that are closed: ours keep nothing that does not go by itself. It
    would import Matplotlib, if that is installed, for the first event.

    Args:
        blocks: gradio.Blocks. The page. Events that are on their way go on.
    """
    blocks.config["connect_heartbeat"] = False
    # It minds Matplotlib's backend around each call, and imports it for that: a second, once.
    gradio.utils.MatplotlibBackendMananger = nullcontext
    make = BlocksConfig.config_for_block
    kept = {key: make(key, [], block) for key, block in blocks.blocks.items()}

    def config_for_block(
        key: int, rendered_ids: list[int], block: Any, renderable: Any = None
    ) -> dict[str, Any]:
        if renderable is not None or block is not blocks.blocks.get(key):
            made: dict[str, Any] = make(key, rendered_ids, block, renderable)
            return made
        # The session writes its values into it.
        return {**kept[key], "props": dict(kept[key]["props"])}

    BlocksConfig.config_for_block = staticmethod(config_for_block)


def is_signed_in(request: Request) -> bool:
    """Whether a request is of somebody whom Gradio would let in."""
    app = request.scope["app"]
    if app.auth is None and app.auth_dependency is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(app.tokens.get(request.cookies.get(name)) is not None for name in names)


def plain_name(name: str) -> str:
    """A file's name without what file systems do not take, as Gradio spells it."""
    plain: str = strip_invalid_filename_characters(Path(name).name)
    return plain if plain.strip(".") else "photo"


def end_call(request: gr.Request | None) -> None:
    """Forget the session that Gradio made for a single call over plain HTTP.

    It keeps a number of sessions, the last used ones: calls of programs would push visitors'
    results out of it. Within a handler only.

    Args:
        request: gradio.Request. The handler's.
    """
    blocks, event = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or request is None or event is None or request.session_hash != event:
        return
    holder = blocks.state_holder
    with holder.lock:
        holder.session_data.pop(event, None)
        holder.time_last_used.pop(event, None)


def describe(title: str, description: str) -> None:
    """Have the pages of this process say what they are to search engines and previews of links.

    Args:
        title: str. Of the page.
        description: str. A sentence or two.
    """
    loader = templates.env.loader
    assert loader is not None  # noqa: S101
    title, description = escape(title), escape(description)
    language = placed(current)
    ours = (
        # Gradio takes its own words from what the browser prefers, not from what was chosen.
        f'<head><script>Object.defineProperty(navigator, "language", {{value: "{language}"}})'
        f"</script><title>{title}</title>"
        f'<meta name="description" content="{description}" />'
        f'<meta property="og:title" content="{title}" />'
        f'<meta property="og:description" content="{description}" />'
        '<meta property="og:type" content="website" />'
    )
    sources = {name: loader.get_source(templates.env, name)[0] for name in PAGES}
    root = f'lang="{language}" dir="{placed(say, "language.direction")}"'
    changed = {
        name: SCRIPT.sub(
            OUR_SCRIPT,
            SAID.sub("", text).replace("<head>", ours, 1).replace('lang="en"', root, 1),
        )
        for name, text in sources.items()
    }
    templates.env.loader = ChoiceLoader([DictLoader(changed), loader])
    if templates.env.cache is not None:
        templates.env.cache.clear()


def stand_in_for_cors(outermost: Callable[[ASGIApp], ASGIApp]) -> None:
    """Have the apps that Gradio makes from now on begin with a middleware of ours, not its CORS.

    Gradio's answers every origin that it may read the answer, with credentials, and stands outside
    of what it can be told to add.

    Args:
        outermost: callable. Makes the middleware around an app.
    """

    def make(app: ASGIApp, **_options: Any) -> ASGIApp:
        return outermost(app)

    gradio.routes.CustomCORSMiddleware = make


def connect_by(protocol: type[asyncio.Protocol]) -> None:
    """Have the servers that Gradio starts from now on talk to visitors by a protocol of ours.

    Without WebSockets, which nothing here uses.
    """
    made = partial(uvicorn.Config, http=protocol, ws="none")
    gradio.http_server.uvicorn = SimpleNamespace(Config=made)


def is_sign_in(method: str, path: str) -> bool:
    """Whether a request brings a name and a password."""
    return method == "POST" and bool(SIGN_IN.search(path))


def _path(component: Any, payload: Any) -> str | None:
    if not payload:
        return None
    path: str = payload.path
    # Swept, in a tab that was left open.
    if not Path(path).is_file():
        gone = GONE_VIDEO if isinstance(component, gr.Video) else GONE
        raise gr.Error(told(gone), print_exception=False)
    return path


async def _refuse_addresses(component: Any, resource: str | None) -> str | None:
    if resource and resource.lower().startswith(("http://", "https://")):
        raise gr.Error(ADDRESS, print_exception=False)
    base = gr.Video if isinstance(component, gr.Video) else gr.Image
    moved: str | None = await base.async_move_resource_to_block_cache(component, resource)
    return moved


def _number(_component: gr.Radio, payload: Any) -> int | None:
    return payload if type(payload) is int and payload >= 0 else None


def _example(_component: gr.Image) -> dict[str, Any]:
    # The address is what Gradio's panel on the API writes into its snippets.
    return {"path": "photo.jpg", "url": "photo.jpg", "meta": {"_type": "gradio.FileData"}}


def typed_answer(schema: dict[str, Any]) -> gr.JSON:
    """What an endpoint answers with: JSON of which programs are told more than that it is JSON.

    Args:
        schema: dict. Its JSON schema.
    """
    open_schema = _without(schema, "additionalProperties")
    answer = gr.JSON(label="answer", visible=False)
    answer.api_info = lambda: open_schema
    return answer


def _without(part: Any, key: str) -> Any:
    """A schema without a word that Gradio's clients fail at, `false` as its value."""
    if isinstance(part, dict):
        return {name: _without(value, key) for name, value in part.items() if name != key}
    return [_without(item, key) for item in part] if isinstance(part, list) else part


# Gradio's image component, without its opening of files before our handlers run: Gradio gives every
# upload to Pillow first, without our limits, and with a bare "Error" for a file that is no picture.
# This one hands the path on; Gradio has checked before that it lies in its upload folder. Addresses
# are refused: Gradio would download whatever a program names, of any size, into memory. So is
# Gradio's example for programs, which is an address.
#
# Gradio's metaclass writes a .pyi file beside the source of each component class; its own base
# makes the same class and leaves the folder alone. A subclass, since Gradio makes new instances
# of a component for each session. `is_template` lets it use the base's name in the browser.
PhotoInput = cast(
    type[gr.Image],
    ABCMeta.__new__(
        type(gr.Image),
        "PhotoInput",
        (gr.Image,),
        {
            "__module__": __name__,
            "is_template": True,
            "preprocess": _path,
            "async_move_resource_to_block_cache": _refuse_addresses,
            "example_payload": _example,
        },
    ),
)

# The same of its video component, which would have FFmpeg convert uploads in this process.
VideoInput = cast(
    type[gr.Video],
    ABCMeta.__new__(
        type(gr.Video),
        "VideoInput",
        (gr.Video,),
        {
            "__module__": __name__,
            "is_template": True,
            "preprocess": _path,
            "async_move_resource_to_block_cache": _refuse_addresses,
        },
    ),
)

# The same of its radio buttons, for the faces of a result: Gradio checks what was chosen against
# what it knows of the session, and answers with a bare "Error" where the session is gone. Whether
# there is such a face is for our handlers to say.
FaceInput = cast(
    type[gr.Radio],
    ABCMeta.__new__(
        type(gr.Radio),
        "FaceInput",
        (gr.Radio,),
        {"__module__": __name__, "is_template": True, "preprocess": _number},
    ),
)
