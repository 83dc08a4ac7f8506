"""A Comparison as HTML: a table on a screen, cards on a phone."""

from __future__ import annotations

from html import escape

from PIL import Image

from deepfake import jpeg
from deepfake.comparison import NOT_MEASURED, Comparison, Ensemble, Row
from deepfake.verdict import Verdict, percent
from deepfake.web import drawing
from deepfake.web.wording import ICONS

COLUMNS = ("Model", "Verdict", "Likely fake", "Time", "Size", "Trained on", "How often wrong")
WORDS: dict[Verdict, str] = {
    "fake": "fake",
    "uncertain": "too close to call",
    "real": "real",
    "not_applicable": "no face to judge",
}
# Left out of the cards.
NOTHING = '<span class="nothing">–</span>'
MAP_SIDE = 288
# Longer texts are folded away behind their beginning.
SHORT_TEXT = 70
WELCOME = (
    '<section class="verdict verdict-none"><h2>What do several models say?</h2>'
    "<p>Drop a photo and choose the models. Each judges the same faces.</p></section>"
)
ENSEMBLE_NOTE = (
    "The ensemble is the weighted mean of the models’ scores, face by face; its threshold is the "
    "same mean of theirs. How often it is wrong was not measured."
)
# The kinds of maps.
BUILT_IN = "Built-in map"
WORKED_OUT = "Map by hiding places"
MAPS_CAPTION = (
    "Orange places raised the score for “fake”, blue ones lowered it; grey ones did not matter."
)
WORKED_OUT_CAPTION = (
    "Maps by hiding places (occlusion sensitivity) show how the score changed when one place after "
    "another was covered."
)
BOTH_CAPTION = (
    "A built-in map comes from inside the network; the strengths of the two kinds do not compare."
)


def comparison_panel(comparison: Comparison) -> str:
    """What all models say: the sentence, the table and the evidence maps."""
    colour = comparison.ensemble.verdict if comparison.ensemble else "none"
    rows = "".join(_row(row) for row in comparison.rows)
    note = ""
    if comparison.ensemble is not None:
        rows += _ensemble(comparison.ensemble)
        note = f'<p class="caption">{ENSEMBLE_NOTE}</p>'
    heads = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in COLUMNS)
    return (
        f'<section class="verdict verdict-{colour}" role="status">'
        f"<h2>{escape(comparison.sentence)}</h2></section>"
        '<table class="comparison" role="table"><caption class="caption">The same picture, judged '
        f'by each model at its own threshold</caption><thead role="rowgroup"><tr role="row">{heads}'
        f'</tr></thead><tbody role="rowgroup">{rows}</tbody></table>{note}{_maps(comparison)}'
    )


def _row(row: Row) -> str:
    if row.report is None:
        why = "" if row.error is None else escape(row.error.public)
        text = f'<span class="failed"><span aria-hidden="true">✕</span> {why}</span>'
        return _line(_head(row.title, ""), f'<td role="cell" colspan="6">{text}</td>', "failed")
    report = row.report
    where = f"run by {report.model['backend']}"
    wrong = f"At {report.threshold:.2f}: {row.error_rate}"
    cells = (
        _verdict(report.verdict),
        _score(report.p_fake),
        f"{row.milliseconds or 0:.0f} ms",
        NOTHING if row.file_bytes is None else f"{row.file_bytes / 1e6:.1f} MB",
        _folded(report.manifest.training_data or "not said"),
        escape(wrong),
    )
    return _line(_head(row.title, where), _cells(cells), report.verdict)


def _ensemble(together: Ensemble) -> str:
    cells = (
        _verdict(together.verdict),
        _score(together.p_fake),
        NOTHING,
        NOTHING,
        NOTHING,
        f"At {together.threshold:.2f}: {NOT_MEASURED}",
    )
    head = _head("Ensemble", f"mean of {together.models} models")
    return _line(head, _cells(cells), f"{together.verdict} ensemble")


def _line(head: str, cells: str, name: str) -> str:
    return f'<tr role="row" class="row-{name}">{head}{cells}</tr>'


def _head(title: str, below: str) -> str:
    small = f"<small>{escape(below)}</small>" if below else ""
    return f'<th role="rowheader" scope="row">{escape(title)}{small}</th>'


def _cells(values: tuple[str, ...]) -> str:
    return "".join(
        f'<td role="cell" data-label="{label}">{value}</td>'
        for label, value in zip(COLUMNS[1:], values, strict=True)
    )


def _verdict(verdict: Verdict) -> str:
    return f'<span aria-hidden="true">{ICONS[verdict]}</span> {WORDS[verdict]}'


def _score(p_fake: float | None) -> str:
    return NOTHING if p_fake is None else percent(p_fake)


def _folded(text: str) -> str:
    if len(text) <= SHORT_TEXT:
        return escape(text)
    start = text[:SHORT_TEXT].rsplit(" ", 1)[0]
    return f"<details><summary>{escape(start)} …</summary>{escape(text)}</details>"


def _maps(comparison: Comparison) -> str:
    shown = [row for row in comparison.rows if row.face is not None]
    if not shown:
        return ""
    if all(row.lacks_map for row in shown):
        title, caption = "The largest face, as they saw it", ""
    else:
        title, caption = "What they looked at, in the largest face", MAPS_CAPTION
        if any(row.lacks_map for row in shown):
            title += ", where that is known"
        kinds = {_kind(row) for row in shown}
        if WORKED_OUT in kinds:
            caption += f" {WORKED_OUT_CAPTION}"
        if {BUILT_IN, WORKED_OUT} <= kinds:
            caption += f" {BOTH_CAPTION}"
        caption = f'<p class="caption">{caption}</p>'
    figures = "".join(_figure(row) for row in shown)
    return f'<h3 class="maps-title">{title}</h3><div class="maps">{figures}</div>{caption}'


def _figure(row: Row) -> str:
    face = row.face
    if face is None or face.crop is None:
        return ""
    title = escape(row.title)
    caption = f"{title}: {WORDS[face.verdict]}"
    if face.p_fake is not None:
        caption += f", {percent(face.p_fake)} likely fake"
    if face.overlay is None:
        pixels, alt = face.crop, f"The face as {title} saw it"
    else:
        pixels = face.overlay
        alt = f"The face with the places that {title} looked at"
    image = Image.fromarray(drawing.as_in_picture(pixels, face.turn, MAP_SIDE, face.proportion))
    return (
        f'<figure><img src="{jpeg.address(image, 88)}" alt="{alt}"><figcaption>{caption}'
        f"<small>{_kind(row)}</small></figcaption></figure>"
    )


def _kind(row: Row) -> str:
    """What the picture of the face shows."""
    if row.map_error:
        return f'<span aria-hidden="true">✕</span> {escape(row.map_error.public)}'
    if row.lacks_map:
        return "No built-in map"
    # A network that brings a map has it from its first run on, so none is ever worked out for it.
    built_in = row.report is not None and row.report.manifest.output.evidence is not None
    return BUILT_IN if built_in else WORKED_OUT
