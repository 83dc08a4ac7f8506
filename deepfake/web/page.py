"""The page as a whole, and how it is launched."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import gradio as gr
from fastapi.exceptions import RequestValidationError
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from deepfake import decoders
from deepfake.errors import SettingError
from deepfake.settings import Settings
from deepfake.shelf import Shelf, model_names, say_failure
from deepfake.video import html
from deepfake.video.clip import reads_videos
from deepfake.web import connections, gradio_internals, history, scratch
from deepfake.web.about import about
from deepfake.web.choices import Choices, refuse_programs
from deepfake.web.chooser import chooser
from deepfake.web.compare_tab import compare_tab
from deepfake.web.door import Door, DoorMiddleware, misfit
from deepfake.web.endpoints import Endpoints, add_endpoints
from deepfake.web.examples import example_routes
from deepfake.web.headers import HeadersMiddleware
from deepfake.web.health import Readiness, health_routes, readiness
from deepfake.web.intake import photo_words, video_words
from deepfake.web.journal import JournalMiddleware, number_events
from deepfake.web.language import CATALOGUES, DEFAULT
from deepfake.web.many_tab import many_tab
from deepfake.web.mcp_door import mcp_server
from deepfake.web.origins import OriginsMiddleware, allowed_sites
from deepfake.web.photo_tab import photo_tab
from deepfake.web.placed import LanguageMiddleware, placed
from deepfake.web.session import SESSIONS
from deepfake.web.texts import say
from deepfake.web.uploads import Uploads
from deepfake.web.video_tab import video_tab
from deepfake.web.visitors import clients
from deepfake.web.visitors.accounts import read_accounts
from deepfake.web.visitors.admission import Admission
from deepfake.web.visitors.sign_ins import TRIES, SignInMiddleware
from deepfake.web.vitals import Vitals

ASSETS = Path(__file__).parent / "assets"
STYLES = ("page.css", "result.css", "history.css")
SCRIPTS = ("photo.js", "page.js", "result.js", "history.js")
# Larger uploads are cut off on the way; between the limit and this our own sentence is shown.
UPLOAD_SLACK = 1.2
# All uploads together, in largest photos, or in videos where those are more; of the default size
# they fit into a /tmp of 512 MB.
UPLOADS_KEPT, VIDEOS_KEPT = 10, 3
# How long the page may take for its first answer to itself, on a machine with much else to do.
START_SECONDS = 90.0
# System fonts: nothing is loaded from elsewhere, and the page works offline.
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "Consolas", "monospace")

# Edges of fields, buttons, and of what is chosen from.
EDGES = (
    "input_border_color", "button_secondary_border_color", "button_secondary_border_color_hover",
    "checkbox_border_color", "checkbox_border_color_hover", "checkbox_label_border_color",
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """The page, to be launched with `launch`.

    Attributes:
        blocks: gradio.Blocks. What visitors see, and its endpoints.
        door: Door. Lets events and uploads in.
        uploads: Uploads. Visitors' pictures, and the folder that they pass through.
        routes: sequence of BaseRoute. What it says of itself, besides, its example photos, and the
            door for assistants.
        admission: Admission. Knows visitors' addresses.
        sites: tuple of str. Other sites that may show it and ask it.
        vitals: Vitals. How it is.
        lifespan: callable. What runs as long as the page does; nothing for nothing.
    """

    blocks: gr.Blocks
    door: Door
    uploads: Uploads
    routes: Sequence[BaseRoute]
    admission: Admission
    sites: tuple[str, ...]
    vitals: Vitals
    lifespan: Any = None


def build_page(settings: Settings, folder: Path, names: Sequence[str] = ()) -> Page:
    """Build the page.

    Args:
        settings: Settings. The limits, and the models where none are named.
        folder: Path. The folder for visitors' pictures, as `scratch.lend_to_gradio` was told.
        names: sequence of str. The models. With several, visitors can choose and compare.

    Returns:
        The page.

    Raises:
        ModelError: no model can be loaded.
        SettingError: the door for assistants cannot be opened.
    """
    if settings.mcp and settings.auth:
        raise SettingError(
            "Assistants cannot be asked for a password. Leave out either --mcp or --auth."
        )
    # What visitors send is never decoded in this process, which one file could then keep busy.
    settings = replace(settings, decoders=settings.decoders or settings.interpreters)
    decoders.start(settings)
    admission = Admission(settings)
    sites = allowed_sites(settings.allowed_sites, os.environ)
    shelf = Shelf(
        names or model_names(settings), settings, say_failure,
        check_other=partial(refuse_programs, settings=settings),
    )  # fmt: skip
    choices = Choices(shelf)
    shelf.try_own()
    most_of_video = int(UPLOAD_SLACK * settings.max_video_bytes) if reads_videos() else 0
    uploads = Uploads(
        folder, int(UPLOAD_SLACK * settings.max_bytes),
        max(UPLOADS_KEPT * settings.max_bytes, VIDEOS_KEPT * most_of_video), admission,
        most_of_video,
    )  # fmt: skip
    title, description = placed(say, "page.title"), placed(say, "page.intro")
    with gr.Blocks(
        title=title,
        analytics_enabled=False,
        delete_cache=(scratch.SWEEP_SECONDS, scratch.MAX_AGE_SECONDS),
    ) as blocks:
        chooser()
        gr.Markdown(f"# {placed(say, 'page.heading')}\n{description}", elem_id="heading")
        # It is there before any verdict, so that screen readers tell of the first one, too.
        gr.HTML('<div class="unseen" aria-live="polite"></div>', elem_id="told")
        with gr.Tab(placed(say, "tab.photo")):
            # Made now, shown in its own tab further down.
            card = gr.Markdown(
                placed(about, choices.detector(None).model), header_links=True, render=False,
                elem_id="about",
            )  # fmt: skip
            photo_tab(choices, admission, uploads, card)
        if len(choices.labels) > 1:
            with gr.Tab(placed(say, "tab.compare")):
                compare_tab(choices, admission, uploads)
        if reads_videos():
            with gr.Tab(placed(say, "tab.video")):
                video_tab(choices, admission, uploads)
        with gr.Tab(placed(say, "tab.many")):
            many_tab(choices, admission, uploads)
        with gr.Tab(placed(say, "tab.about")):
            card.render()
        endpoints = Endpoints(choices, admission, uploads)
        add_endpoints(endpoints)
    blocks.queue(
        default_concurrency_limit=settings.interpreters, max_size=settings.max_queue,
        # Not whenever one is done, to all who wait: that is work by the square of their number.
        status_update_rate=1.0,
        # Nobody goes past the queue.
        api_open=False,
    )  # fmt: skip
    gradio_internals.lighten_queue(blocks)
    gradio_internals.keep_names_private(blocks)
    gradio_internals.describe(title, description)
    gradio_internals.speak_to_visitors(blocks)
    number_events(blocks)
    door = Door(
        gradio_internals.Queue(blocks), settings.max_queue, admission, settings.interpreters,
        settings.max_per_visitor,
    )  # fmt: skip
    vitals = Vitals(
        door.queue, shelf, admission.limiter, uploads, settings.max_queue, settings.interpreters
    )
    routes = _routes(settings, vitals, door)
    if not settings.mcp:
        return Page(blocks, door, uploads, routes, admission, sites, vitals)
    assistants = mcp_server(endpoints, door).streamable_http_app()
    return Page(
        blocks, door, uploads, [*routes, *assistants.routes], admission, sites, vitals,
        assistants.router.lifespan_context,
    )  # fmt: skip


@gradio_internals.patient_start(START_SECONDS)
def launch(page: Page, settings: Settings, **options: Any) -> Any:
    """Start serving a page.

    Args:
        page: Page. From `build_page`.
        settings: Settings. Host, port, the largest upload, and who gets in.
        **options: further options of `gradio.Blocks.launch`.

    Raises:
        SettingError: the host or port cannot be listened on, or the accounts cannot be read.
    """
    accounts = read_accounts(settings.auth) if settings.auth else None
    host = settings.host.removeprefix("[").removesuffix("]")
    # Uvicorn would put what a header says in the place of the peer, and trust all of this machine.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    scratch.start_sweeper(page.uploads.folder, page.uploads.look)
    gradio_internals.stand_in_for_cors(partial(_outermost, page))
    trusted = page.admission.trusted
    gradio_internals.connect_by(connections.guarded(partial(clients.peer_of, trusted=trusted)))
    try:
        launched = page.blocks.launch(
            # Gradio makes an address of it, where IPv6 needs brackets.
            server_name=f"[{host}]" if ":" in host else host,
            server_port=settings.port,
            auth=accounts,
            auth_message=f"After {TRIES} wrong passwords, please wait a minute.",
            root_path=settings.root_path.rstrip("/") or None,
            # Unasked, Gradio decides: notebooks on the web cannot do without.
            share=settings.share or None,
            max_file_size=int(UPLOAD_SLACK * max(settings.max_bytes, settings.max_video_bytes)),
            # The grey of small print, darker than Gradio's, which is hard to read (WCAG 1.4.3).
            theme=gr.themes.Soft(primary_hue="blue", font=FONT, font_mono=MONO).set(
                body_text_color_subdued="*neutral_600",
                body_text_color_subdued_dark="*neutral_300",
                # Blue on pale blue, as Gradio has it, is hard to read as well.
                block_label_text_color="*primary_900",
                block_title_text_color="*primary_900",
                button_primary_background_fill="*primary_700",
                button_primary_background_fill_hover="*primary_800",
                checkbox_label_background_fill_selected="*primary_700",
                link_text_color_dark="*primary_300",
                link_text_color_visited_dark="*primary_300",
                link_text_color_hover_dark="*primary_200",
                link_text_color_active_dark="*primary_200",
                # What can be used has an edge of 3:1 (WCAG 1.4.11); a mere frame has a pale one.
                block_border_width="1px",
                block_border_color="*neutral_300",
                border_color_primary="*neutral_300",
                input_border_width="1px",
                **dict.fromkeys(EDGES, "*neutral_500"),
                **dict.fromkeys((f"{name}_dark" for name in EDGES), "*neutral_300"),
            ),
            css="".join(map(_asset, STYLES)) + html.asset("film.css"),
            js=_script(settings),
            # No "settings": they speak of Gradio, not of this page. Colours follow the system.
            footer_links=["api"],
            run_history=False,
            state_session_capacity=SESSIONS,
            ssr_mode=False,
            show_error=True,
            # Ours is a route of the page's; Gradio's would offer the page's own events, too.
            mcp_server=False,
            # Gradio's own, which would show everybody who signs in what others asked.
            enable_monitoring=False,
            app_kwargs={
                "routes": list(page.routes),
                "lifespan": page.lifespan,
                # FastAPI's list of all routes, which asks for no password.
                "openapi_url": None,
                "exception_handlers": {RequestValidationError: misfit},
                "middleware": [
                    Middleware(LanguageMiddleware),
                    Middleware(SignInMiddleware, trusted=page.admission.trusted),
                    Middleware(DoorMiddleware, door=page.door, uploads=page.uploads),
                ],
            },
            **options,
        )
        gradio_internals.lighten(page.blocks)
        return launched
    except OSError as error:
        raise SettingError(
            f"The page cannot listen on {settings.host}, port {settings.port}: it is in use or not "
            "this machine's. Choose others with --host and --port, or DEEPFAKE_PORT."
        ) from error
    except Exception as error:
        if gradio_internals.is_slow(error):
            raise SettingError(
                f"The page started but did not answer itself within {START_SECONDS:.0f} seconds: "
                "this machine is busy. Start again when it has less to do."
            ) from error
        if not gradio_internals.is_out_of_reach(error):
            raise
        raise SettingError(
            "The page started but cannot reach itself, probably because of a proxy. "
            "Set NO_PROXY=localhost,127.0.0.1 and start again."
            if getproxies()
            else f"The page started but cannot reach itself at {host}, port {settings.port}. Allow "
            "connections to this machine itself in its firewall, or choose another --host."
        ) from error


def _outermost(page: Page, app: ASGIApp) -> ASGIApp:
    """What every request goes through first, from the outside in."""
    inner = OriginsMiddleware(app, page.sites)
    return JournalMiddleware(HeadersMiddleware(inner, page.sites), bool(page.admission.trusted))


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8").strip()


def _script(settings: Settings) -> str:
    """Each script is a function, some of words; Gradio runs one."""
    words = {
        "photo.js": {**photo_words(settings.max_bytes), "video": video_words(settings)},
        "page.js": {
            "handle": placed(say, "evidence.label"),
            "evidence": [placed(say, "evidence.face_alt"), placed(say, "evidence.map_alt")],
            # Names that Gradio gives its buttons in English only.
            "gradio": {
                text: placed(say, name)
                for name, text in CATALOGUES[DEFAULT].items()
                if name.startswith("gradio.")
            },
        },
        "history.js": history.words(),
    }
    # Marks stay as they are, or they would not be found.
    said = {name: json.dumps(those, ensure_ascii=False) for name, those in words.items()}
    calls = [f"({_asset(name)})({said.get(name, '')});" for name in SCRIPTS]
    calls.append(f"({html.asset('film.js')})();")
    return f"() => {{ {' '.join(calls)} }}"


def _routes(settings: Settings, vitals: Vitals, door: Door) -> list[BaseRoute]:
    limiter = vitals.limiter

    def ask() -> Readiness:
        return readiness(
            model=bool(vitals.shelf.loaded),
            redis="off" if limiter is None else limiter.redis,
            denies=settings.rate_limit_fallback == "deny",
            stopping=door.stopping,
            disk_is_full=vitals.uploads.disk_is_full,
            stuck=vitals.are_stuck(),
        )

    return [*health_routes(ask), *example_routes()]
