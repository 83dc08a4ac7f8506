"""Saving the report on the result that is shown."""

from __future__ import annotations

import io
from typing import Any

import gradio as gr
from PIL import Image

from deepfake.record import html
from deepfake.record.making import pictures, record
from deepfake.settings import Settings
from deepfake.web.history import handed
from deepfake.web.placed import placed
from deepfake.web.session import Session
from deepfake.web.texts import say


def record_panel(session: gr.State, made: gr.JSON, settings: Settings) -> None:
    """Lay the buttons out.

    Args:
        session: gradio.State. Holds the Session of the result that is shown.
        made: gradio.JSON. Hands a report over to the browser. Not in what is shown and hidden with
            a result: Gradio then shows it, too.
        settings: Settings. The limits that it was made with.
    """

    def make(session: Session | None) -> list[str]:
        if session is None:
            raise gr.Error(say("report.gone"), print_exception=False)
        return handed(full_record(session, settings))

    with gr.Row():
        page = gr.Button(placed(say, "report.read"), size="sm", elem_id="report-html")
        json = gr.Button(placed(say, "report.check"), size="sm", elem_id="report-json")
    save = "window.deepfakeHistory.saveReport"
    for button, kind in ((page, "html"), (json, "json")):
        button.click(
            make, [session], [made], show_progress="hidden", api_visibility="private"
        ).success(
            None, [made], [made],
            js=f"(made) => {{ {save}(made && JSON.parse(made[0]), '{kind}'); return null }}",
            api_visibility="private",
        )  # fmt: skip


def full_record(session: Session, settings: Settings) -> dict[str, Any]:
    """The report on a result, as a page and as JSON.

    Args:
        session: Session. The result.
        settings: Settings. The limits that it was made with.
    """
    photo = Image.open(io.BytesIO(session.shown))
    document = record(session.report, pictures(photo, session.report), settings)
    return {"file": document["report"]["file"], "html": html.page(document), "record": document}
