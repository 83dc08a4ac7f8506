"""The list of earlier results. The visitor's browser keeps it; the server keeps nothing of it."""

from __future__ import annotations

import io
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from deepfake.record import html
from deepfake.record.making import Detail, pictures, record
from deepfake.settings import Settings
from deepfake.web import jpeg
from deepfake.web.session import Session

THUMBNAIL_SIDE = 96
# A browser keeps thirty of them in a few megabytes.
SMALL = Detail(side=400, face=112, faces=4, quality=75)
NOTE = (
    '<div class="history-note"><label><input type="checkbox" id="history-on" checked> '
    "Keep results in this browser</label><p>They stay on this device, each with a small copy of "
    "the photo, until you clear them; at most 30. Nobody else gets them. Switch this off on a "
    "device that others use.</p></div>"
)


def history_row(session: Session, settings: Settings) -> dict[str, Any]:
    """One result, as the browser keeps it: with a small report, as a page and as JSON.

    Args:
        session: Session. The result.
        settings: Settings. The limits that it was made with.
    """
    report, picture = session.report, Image.open(io.BytesIO(session.shown))
    document = record(report, pictures(np.asarray(picture), report, SMALL), settings)
    page = html.page(document)
    thumbnail = picture.copy()
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return {
        "time": document["made"],
        "file": document["report"]["file"],
        "sha256": report.sha256,
        "verdict": report.verdict,
        "sentence": report.sentence,
        "p_fake": report.p_fake,
        "threshold": report.threshold,
        "faces": len(report.faces),
        "model": f"{report.model['name']} {report.model['version']}",
        "thumbnail": jpeg.address(thumbnail, quality=70),
        "html": page,
        # The page has them.
        "record": {**document, "pictures": None},
    }


def remember(event: Any, row: gr.JSON, act: str = "finish") -> None:
    """Have the browser take a row in after an event.

    Args:
        event: what an event returned, such as an analysis.
        row: gradio.JSON. Where it puts its row; nothing where there is none.
        act: str. "finish" after an analysis, "add" where the result stays and was decided again.
    """
    event.then(
        None, [row], js=f"(row) => {{ window.deepfakeHistory.{act}(row) }}",
        api_visibility="private",
    )  # fmt: skip


def history_list() -> None:
    """Lay the list out."""
    with gr.Accordion("Earlier results", open=True, elem_id="history"):
        gr.HTML('<div id="history-rows" class="history-scroll"></div>')
        with gr.Row():
            csv = gr.Button("Save as CSV", size="sm", elem_id="history-csv")
            json = gr.Button("Save as JSON", size="sm", elem_id="history-json")
            clear = gr.Button("Clear", size="sm", elem_id="history-clear")
        gr.HTML(NOTE)
    for button, action in ((csv, "saveCsv"), (json, "saveJson"), (clear, "clear")):
        button.click(
            None, js=f"() => {{ window.deepfakeHistory.{action}() }}", api_visibility="private"
        )
