"""The list of earlier results. The visitor's browser keeps it; the server keeps nothing of it."""

from __future__ import annotations

import json
from typing import Any, get_args

import gradio as gr
from PIL import Image

from deepfake import jpeg
from deepfake.record.html import page
from deepfake.record.making import Detail, pictures, record
from deepfake.report import Report
from deepfake.settings import Settings
from deepfake.verdict import Verdict
from deepfake.web.placed import placed
from deepfake.web.session import Kept, Session
from deepfake.web.texts import say

THUMBNAIL_SIDE = 96
# A browser keeps thirty of them in a few megabytes.
SMALL = Detail(side=400, face=112, faces=4, quality=75)
SAID = ("empty", "off", "report", "print", "page", "json", "close")
COLUMNS = ("photo", "file", "verdict", "likely", "threshold", "time")


def words() -> dict[str, Any]:
    """What the script says; it puts the name of a file in."""
    return {
        **{name: placed(say, f"history.{name}") for name in SAID},
        "columns": [placed(say, f"history.{name}") for name in COLUMNS],
        "open": placed(say, "history.open", file="{file}"),
        "passed": placed(say, "word.passed"),
        "verdicts": {name: placed(say, f"word.{name}") for name in get_args(Verdict)},
        "below_one": placed(say, "number.below_one"),
        "above_99": placed(say, "number.above_99"),
        "percent": placed(say, "number.percent", value="{value}"),
    }


def kept(shown: Image.Image, report: Report) -> Kept:
    """Make the pictures that a browser keeps of a result.

    Args:
        shown: Image. The photo, as it is or smaller.
        report: Report. The result.
    """
    thumbnail = shown.copy()
    thumbnail.thumbnail((SMALL.side, SMALL.side))
    small = pictures(thumbnail, report, SMALL)
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return Kept(small, jpeg.address(thumbnail, quality=70))


def history_row(session: Session, settings: Settings) -> dict[str, Any]:
    """One result, as the browser keeps it: with a small report, as a page and as JSON.

    Args:
        session: Session. The result.
        settings: Settings. The limits that it was made with.
    """
    report = session.report
    document = record(report, session.kept.pictures, settings)
    return {
        "time": document["made"],
        "file": document["report"]["file"],
        "sha256": report.sha256,
        # A row that comes after another photo was chosen is not taken in.
        "ticket": session.ticket,
        "verdict": report.verdict,
        "sentence": report.sentence,
        "p_fake": report.p_fake,
        "threshold": report.threshold,
        "moved": not report.agrees,
        "faces": len(report.faces),
        "model": report.manifest.called,
        "thumbnail": session.kept.thumbnail,
        "html": page(document),
        # The page has them.
        "record": {**document, "pictures": None},
    }


def handed(value: Any) -> list[str]:
    """What a hidden `gradio.JSON` takes to a script, as one text.

    Gradio draws each field of what it holds, though nobody sees it: of a result 1,500 elements,
    three quarters of the page's, before the verdict is shown.
    """
    return [json.dumps(value)]


def remember(event: Any, row: gr.JSON) -> None:
    """Have the browser take a row in after an event.

    Args:
        event: what an event returned, such as an analysis.
        row: gradio.JSON. Where it puts its row, `handed`; nothing where there is none.
    """
    owned = "window.deepfake.photo.owns(row)"
    read = "const row = handed && JSON.parse(handed[0])"
    event.then(
        None, [row], js=f"(handed) => {{ {read}; if ({owned}) window.deepfakeHistory.add(row) }}",
        api_visibility="private",
    )  # fmt: skip


def history_list() -> None:
    """Lay the list out."""
    with gr.Accordion(placed(say, "history.title"), open=True, elem_id="history"):
        gr.HTML('<div id="history-rows" class="history-scroll"></div>')
        with gr.Row():
            csv = gr.Button(placed(say, "history.csv"), size="sm", elem_id="history-csv")
            as_json = gr.Button(placed(say, "history.json"), size="sm", elem_id="history-json")
            clear = gr.Button(placed(say, "history.clear"), size="sm", elem_id="history-clear")
        gr.HTML(
            '<div class="history-note"><label><input type="checkbox" id="history-on" checked> '
            f"{placed(say, 'history.keep')}</label><p>{placed(say, 'history.note')}</p></div>"
        )
    for button, action in ((csv, "saveCsv"), (as_json, "saveJson"), (clear, "clear")):
        button.click(
            None, js=f"() => {{ window.deepfakeHistory.{action}() }}", api_visibility="private"
        )
