"""The layout of the page, and how it is served."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from deepfake.errors import SettingError
from deepfake.settings import Settings
from deepfake.shelf import Shelf, model_names, say_failure
from deepfake.web import scratch, wording
from deepfake.web.about import about
from deepfake.web.accounts import read_accounts
from deepfake.web.admission import Admission
from deepfake.web.analyse import Analyser
from deepfake.web.choices import TYPE_ONE, Choices, refuse_programs
from deepfake.web.compare import compare_endpoint, compare_tab
from deepfake.web.door import Door, DoorMiddleware
from deepfake.web.health import Readiness, health_routes, readiness
from deepfake.web.photo_input import PhotoInput, keep_names_private

ASSETS = Path(__file__).parent / "assets"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TITLE = "deepfake: is this face real?"
SESSION_SECONDS = 3600
# Visitors whose latest result is kept in memory at the same time; up to a few MB each.
SESSIONS = 500
# Larger uploads are cut off on the way; between the limit and this our own sentence is shown.
UPLOAD_SLACK = 2
STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
# All uploads together, in largest ones; of the default size they fit into a /tmp of 512 MB.
UPLOADS_KEPT = 25
# How long running analyses may take to finish; most hosts end the process after 30 s.
SHUTDOWN_SECONDS = 20
# System fonts: nothing is loaded from elsewhere, and the page works offline.
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "Consolas", "monospace")


def build_page(settings: Settings, names: Sequence[str] = ()) -> gr.Blocks:
    """Build the page.

    Args:
        settings: Settings. The limits, and the models where none are named.
        names: sequence of str. The models. With several, visitors can choose and compare.

    Returns:
        The Blocks, to be launched with `launch`.

    Raises:
        ModelError: no model can be loaded.
    """
    admission = Admission(settings)
    shelf = Shelf(
        names or model_names(settings), settings, say_failure,
        check_other=partial(refuse_programs, settings=settings),
    )  # fmt: skip
    choices = Choices(shelf)
    analyser = Analyser(choices, admission)
    several = len(choices.labels) > 1
    with gr.Blocks(
        title=TITLE,
        analytics_enabled=False,
        delete_cache=(scratch.SWEEP_SECONDS, scratch.MAX_AGE_SECONDS),
    ) as page:
        gr.Markdown(
            "# Is this face real?\nSend a photo and see whether its faces carry signs of a "
            "deepfake, how sure that is, and how often such a verdict is wrong."
        )
        with gr.Tab("Photo"):
            # Made now, shown in its own tab further down.
            card = gr.Markdown(about(choices.detector(None).model), render=False, elem_id="about")
            _photo_tab(analyser, card)
        if several:
            with gr.Tab("Compare models"):
                compare_tab(
                    choices, admission, SESSION_SECONDS,
                    lambda photo: _examples(photo, "compare-examples"),
                )  # fmt: skip
        with gr.Tab("About this model"):
            card.render()
        _endpoints(analyser, several)
    page.queue(
        default_concurrency_limit=settings.interpreters, max_size=settings.max_queue,
        # Nobody goes past the queue.
        api_open=False,
    )  # fmt: skip
    _keep_door(page, settings, choices.shelf, admission)
    return page


def launch(page: gr.Blocks, settings: Settings, **options: Any) -> Any:
    """Start serving a page.

    Args:
        page: gr.Blocks. From `build_page`.
        settings: Settings. Host, port, the largest upload, and who gets in.
        **options: further options of `gradio.Blocks.launch`.

    Raises:
        SettingError: the host or port cannot be listened on, or the accounts cannot be read.
    """
    accounts = read_accounts(settings.auth) if settings.auth else None
    host = settings.host.removeprefix("[").removesuffix("]")
    # Uvicorn would put what a header says in the place of the peer, and trust all of this machine.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    keep = {path for block in page.blocks.values() for path in getattr(block, "keep_in_cache", ())}
    scratch.start_sweeper(Path(os.environ["GRADIO_TEMP_DIR"]), keep)
    try:
        return page.launch(
            # Gradio makes an address of it, where IPv6 needs brackets.
            server_name=f"[{host}]" if ":" in host else host,
            server_port=settings.port,
            auth=accounts,
            root_path=settings.root_path.rstrip("/") or None,
            # Unasked, Gradio decides: notebooks on the web cannot do without.
            share=settings.share or None,
            max_file_size=UPLOAD_SLACK * settings.max_bytes,
            # The grey of small print, darker than Gradio's, which is hard to read (WCAG 1.4.3).
            theme=gr.themes.Soft(primary_hue="blue", font=FONT, font_mono=MONO).set(
                body_text_color_subdued="*neutral_500"
            ),
            css=(ASSETS / "page.css").read_text(encoding="utf-8"),
            js=(ASSETS / "page.js")
            .read_text(encoding="utf-8")
            .replace("MAX_BYTES", str(settings.max_bytes)),
            footer_links=["api", "settings"],
            run_history=False,
            state_session_capacity=SESSIONS,
            ssr_mode=False,
            show_error=True,
            app_kwargs=page.app_options,
            **options,
        )
    except ValueError as error:
        if "localhost" not in str(error):
            raise
        raise SettingError(
            "The page started but cannot reach itself, probably because of a proxy. "
            "Set NO_PROXY=localhost,127.0.0.1 and start again."
        ) from error
    except OSError as error:
        raise SettingError(
            f"The page cannot listen on {settings.host}, port {settings.port}: it is in use or not "
            "this machine's. Choose others with --host and --port, or DEEPFAKE_PORT."
        ) from error


def serve(settings: Settings, names: Sequence[str] = ()) -> None:
    """Build the page and serve it until the process is told to stop.

    Args:
        settings: Settings. Models, limits, host and port.
        names: sequence of str. The models, if not those of the settings.

    Raises:
        ModelError: no model can be loaded.
        SettingError: the host or port cannot be listened on.
    """
    # Python ends at once on these unless told otherwise, and would leave visitors' files behind.
    # What is ignored stays so: hanging up under nohup, Ctrl-C in the background of a script.
    numbers = [n for n in STOP_SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
    for number in numbers:
        signal.signal(number, _exit)
    page = build_page(settings, names)
    launch(page, settings, prevent_thread_lock=True)
    stop = threading.Event()

    def finish(number: int, frame: FrameType | None) -> None:
        # The second time at once.
        if stop.is_set():
            _exit(number, frame)
        stop.set()

    for number in numbers:
        signal.signal(number, finish)
    stop.wait()
    page.door.drain(SHUTDOWN_SECONDS)


def _exit(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _keep_door(page: gr.Blocks, settings: Settings, shelf: Shelf, admission: Admission) -> None:
    """Give the page what `launch` and `serve` need: its door, and what it says of itself."""
    keep_names_private(page)
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    door = Door(
        page, settings.max_queue, folder,
        UPLOAD_SLACK * settings.max_bytes, UPLOADS_KEPT * settings.max_bytes,
    )  # fmt: skip
    limiter = admission.limiter

    def ask() -> Readiness:
        return readiness(
            model=bool(shelf.loaded),
            redis="off" if limiter is None else limiter.redis,
            denies=settings.rate_limit_fallback == "deny",
            stopping=door.stopping,
        )

    page.door = door
    page.app_options = {
        "routes": health_routes(ask),
        "middleware": [Middleware(DoorMiddleware, door=door)],
    }


def _photo_tab(analyser: Analyser, card: gr.Markdown) -> None:
    choices = analyser.choices
    manifest = choices.manifest(None)
    session = gr.State(None, time_to_live=SESSION_SECONDS)
    row = gr.JSON(visible="hidden")
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            photo = PhotoInput(
                label="Photo", type="filepath", image_mode=None,
                sources=["upload", "clipboard", "webcam"], height=360, elem_id="photo", buttons=[],
                alt_text="The photo that was chosen",
            )  # fmt: skip
            model = gr.Dropdown(
                choices.labels, value=choices.default, label="Model",
                info=TYPE_ONE if choices.can_type else None, allow_custom_value=choices.can_type,
                # With nothing to choose there is nothing to show.
                visible=len(choices.labels) > 1 or choices.can_type, elem_id="model",
            )  # fmt: skip
            analyse = gr.Button("Analyse", variant="primary", elem_id="analyse")
            threshold = gr.Slider(
                0.0, 1.0, value=manifest.threshold, step=0.01, label="Threshold",
                info="Scores from here on count as fake. Lower catches more fakes, and calls more "
                "real faces fake.",
                elem_id="threshold",
            )  # fmt: skip
            examples = _examples(photo)
        with gr.Column(scale=6, min_width=300):
            verdict = gr.HTML(wording.WELCOME, elem_id="verdict")
            bars = gr.Label(label="Confidence", show_heading=False, visible=False, elem_id="bars")
            with gr.Column(visible=False) as details:
                picture = gr.Image(
                    label="Faces (click one for its evidence)", interactive=False,
                    alt_text="The photo with a numbered box around each face", height=440,
                    buttons=["fullscreen"], elem_id="faces",
                )  # fmt: skip
                face = gr.Radio(
                    [], label="Show the evidence of face", type="value", visible=False,
                    elem_id="face",
                )  # fmt: skip
                evidence = gr.ImageSlider(
                    label="Evidence", interactive=False, max_height=420, elem_id="evidence",
                    buttons=["fullscreen"],
                )  # fmt: skip
                look = gr.Button(
                    "Show what it looked at (slow)", size="sm", visible=False, elem_id="look"
                )
                gr.HTML(wording.EVIDENCE_CAPTION, elem_id="evidence-caption")
            explanation = gr.HTML(wording.meaning(manifest, manifest.threshold), elem_id="meaning")
    outputs = [session, verdict, bars, details, picture, face, evidence, look, explanation, row]
    remember = {
        "fn": None,
        "inputs": [row],
        "js": "(row) => { window.deepfakeHistory.finish(row) }",
    }
    private: dict[str, Any] = {"api_visibility": "private"}

    handler = {"fn": analyser.analyse, "inputs": [photo, threshold, model], "outputs": outputs}
    shown = {"show_progress_on": [verdict], "concurrency_id": "analyse"}
    for trigger in (analyse.click, photo.upload):
        trigger(**handler, **shown, **private).then(**remember, **private)
    if examples is not None:
        chosen = examples.load_input_event
        chosen.then(**handler, **shown, **private).then(**remember, **private)

    # Not `change`, which would run at the start, too.
    model.input(
        analyser.choose_model, [model], [session, threshold, explanation, card],
        show_progress_on=[verdict], concurrency_id="analyse", **private,
    ).success(
        **{**handler, "fn": analyser.analyse_again}, **shown, **private
    ).then(**remember, **private)  # fmt: skip
    threshold.change(
        analyser.decide_again, [session, threshold, face, model],
        [session, verdict, picture, face, explanation],
        trigger_mode="always_last", show_progress="hidden", queue=False, **private,
    )  # fmt: skip
    photo.clear(analyser.forget, [threshold, model], outputs, show_progress="hidden", **private)
    # Not `change`, which an analysis triggers too: everything would be drawn and sent twice, and
    # Gradio would rewrite files while the browser reads them.
    face.input(
        analyser.choose_face, [session, face], [picture, evidence, look],
        show_progress="hidden", **private,
    )  # fmt: skip
    picture.select(
        analyser.click_picture, [session], [face, picture, evidence, look],
        show_progress="hidden", **private,
    )  # fmt: skip
    look.click(
        analyser.look, [session, face], [session, evidence, look],
        show_progress_on=[look], concurrency_id="analyse", **private,
    )  # fmt: skip
    _history(private)


def _examples(photo: gr.Image, name: str = "examples") -> gr.Examples | None:
    """The example photos; none where the package was installed without them."""
    paths = sorted(path for path in EXAMPLES.glob("*") if path.suffix in (".jpg", ".png"))
    if not paths:
        return None
    return gr.Examples(
        [[str(path)] for path in paths], [photo], label="Examples", elem_id=name,
        example_labels=[path.stem.replace("_", " ").title() for path in paths],
        api_visibility="private",
    )  # fmt: skip


def _history(private: dict[str, Any]) -> None:
    with gr.Accordion("Earlier results of this visit", open=True, elem_id="history"):
        gr.HTML('<div id="history-rows" class="history-scroll"></div>')
        with gr.Row():
            save = gr.Button("Export CSV", size="sm", elem_id="history-save")
            clear = gr.Button("Clear", size="sm", elem_id="history-clear")
        gr.Markdown("Kept in this browser tab only, and gone when you close it.")
    save.click(None, js="() => { window.deepfakeHistory.save() }", **private)
    clear.click(None, js="() => { window.deepfakeHistory.clear() }", **private)


def _endpoints(analyser: Analyser, several: bool) -> None:
    """`/predict`, `/detect` and `/compare`, for programs; the page does not use them."""
    choices = analyser.choices
    photo = PhotoInput(
        label="photo", type="filepath", image_mode=None, sources=["upload"], visible=False
    )
    model = gr.Textbox(choices.default, label="model", visible=False)
    answer = gr.JSON(visible=False)
    # With one model to choose from, programs name none.
    inputs = [photo, model] if several or choices.can_type else [photo]
    for name, handler in (("predict", analyser.predict), ("detect", analyser.detect)):
        gr.Button(visible=False).click(
            analyser.for_programs(handler), inputs, [answer],
            api_name=name, api_description=handler.__doc__, concurrency_id="analyse",
        )  # fmt: skip
    compare_endpoint(choices, analyser.admission)
