"""Saving the report on the result that is shown."""

from __future__ import annotations

import io
from typing import Any

import gradio as gr
from PIL import Image

from deepfake.record import html
from deepfake.record.making import pictures, record
from deepfake.settings import Settings
from deepfake.web.placed import placed
from deepfake.web.session import Session
from deepfake.web.texts import say


def record_panel() -> dict[str, gr.Button]:
    """Lay the buttons out: {"html": the one that saves a page, "json": the one for JSON}."""
    with gr.Row():
        page = gr.Button(placed(say, "report.read"), size="sm", elem_id="report-html")
        json = gr.Button(placed(say, "report.check"), size="sm", elem_id="report-json")
    return {"html": page, "json": json}


def saving(event: Any, made: gr.JSON, kind: str) -> None:
    """Have the browser save what an event has handed over.

    Args:
        event: what made the report.
        made: gradio.JSON. Where it puts it, `handed`; nothing where there is none.
        kind: str. "html" or "json".
    """
    save = "window.deepfakeHistory.saveReport"
    event.success(
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
