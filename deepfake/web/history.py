"""The list of a visit's results. The browser keeps it; the server keeps nothing of it."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from deepfake.report import Report
from deepfake.web import jpeg

THUMBNAIL_SIDE = 96


def history_row(report: Report, shown: np.ndarray, sha256: str, ticket: str) -> dict[str, Any]:
    """One result, as the browser keeps it.

    Args:
        report: Report. The result.
        shown: uint8 array (height, width, 3). The picture, small enough to show.
        sha256: str. Of the file, which has one line however often it is checked.
        ticket: str. Of the photo; a row that comes after another was chosen is not taken in.
    """
    thumbnail = Image.fromarray(shown)
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return {
        "file": report.file,
        "sha256": sha256,
        "ticket": ticket,
        "verdict": report.verdict,
        "sentence": report.sentence,
        "p_fake": report.p_fake,
        "threshold": report.threshold,
        "faces": len(report.faces),
        "model": f"{report.model['name']} {report.model['version']}",
        "thumbnail": jpeg.address(thumbnail, quality=70),
    }


def remember(analysis: Any, row: gr.JSON) -> None:
    """Have the browser take a row in after an analysis.

    Args:
        analysis: what an event returned. The analysis.
        row: gradio.JSON. Where it puts its row; nothing where there is none.
    """
    owned = "window.deepfake.photo.owns(row)"
    analysis.then(
        None, [row], js=f"(row) => {{ if ({owned}) window.deepfakeHistory.finish(row) }}",
        api_visibility="private",
    )  # fmt: skip


def history_list() -> None:
    """Lay the list out."""
    with gr.Accordion("Earlier results of this visit", open=True, elem_id="history"):
        gr.HTML('<div id="history-rows" class="history-scroll"></div>')
        with gr.Row():
            save = gr.Button("Export CSV", size="sm", elem_id="history-save")
            clear = gr.Button("Clear", size="sm", elem_id="history-clear")
        gr.Markdown("Kept in this browser tab only, and gone when you close it.")
    for button, action in ((save, "save"), (clear, "clear")):
        button.click(
            None, js=f"() => {{ window.deepfakeHistory.{action}() }}", api_visibility="private"
        )
