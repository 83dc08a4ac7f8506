"""A Comparison as HTML: a table on a screen, cards on a phone."""

from __future__ import annotations

from html import escape

from PIL import Image

from deepfake import jpeg
from deepfake.comparison import Comparison, Ensemble, Row
from deepfake.manifest import OperatingPoint
from deepfake.verdict import Verdict
from deepfake.web import drawing, wording
from deepfake.web.texts import megabytes, number, percent, say, share
from deepfake.web.told import told_html

COLUMNS = ("model", "verdict", "likely", "time", "size", "trained_on", "wrong")
# Left out of the cards.
NOTHING = '<span class="nothing">–</span>'
MAP_SIDE = 288
# Longer texts are folded away behind their beginning.
SHORT_TEXT = 70


def comparison_panel(comparison: Comparison) -> str:
    """What all models say: the sentence, the table and the evidence maps."""
    colour = comparison.ensemble.verdict if comparison.ensemble else "none"
    rows = "".join(_row(row) for row in comparison.rows)
    note = ""
    if comparison.ensemble is not None:
        rows += _ensemble(comparison.ensemble)
        note = wording.caption("compare.ensemble_note")
    heads = "".join(
        f'<th role="columnheader" scope="col">{escape(say(f"column.{name}"))}</th>'
        for name in COLUMNS
    )
    return (
        f'<section class="verdict verdict-{colour}" role="status">{_agreement(comparison)}'
        '</section><table class="comparison" role="table"><caption class="caption">'
        f'{escape(say("compare.caption"))}</caption><thead role="rowgroup"><tr role="row">{heads}'
        f'</tr></thead><tbody role="rowgroup">{rows}</tbody></table>{note}{_maps(comparison)}'
    )


def _agreement(comparison: Comparison) -> str:
    """Whether the models agree, in a heading, and who says what where they do not."""
    said: dict[str, list[str]] = {"fake": [], "uncertain": [], "real": []}
    scores = []
    for row in comparison.rows:
        if row.report is not None and row.report.p_fake is not None:
            said[row.report.verdict].append(row.title)
            scores.append(row.report.p_fake)
    given = [word for word, titles in said.items() if titles]
    lines = []
    if not comparison.answered:
        heading = say("compare.none")
    elif not given:
        heading = say("compare.no_face")
    elif len(given) == 1:
        one = "compare.one" if len(scores) == 1 else "compare.agree"
        heading = say(one, verdict=say(f"word.{given[0]}"))
    else:
        heading = say("compare.disagree" if said["fake"] and said["real"] else "compare.unsure")
        comma = say("list.comma")
        lines = [
            say("compare.says", verdict=say(f"word.{word}"), models=comma.join(said[word]))
            for word in given
        ]
        lowest, highest = share(min(scores)), share(max(scores))
        # Models may score alike and differ in their thresholds.
        if lowest != highest:
            lines.append(say("compare.spread", lowest=lowest, highest=highest))
    return f"<h2>{escape(heading)}</h2>" + "".join(f"<p>{escape(line)}</p>" for line in lines)


def _row(row: Row) -> str:
    if row.report is None:
        why = "" if row.error is None else told_html(row.error.public)
        text = f'<span class="failed"><span aria-hidden="true">✕</span> {why}</span>'
        return _line(_head(row.title, ""), f'<td role="cell" colspan="6">{text}</td>', "failed")
    report = row.report
    size = row.file_bytes
    cells = (
        _verdict(report.verdict),
        _score(report.p_fake),
        escape(say("compare.time", milliseconds=number(row.milliseconds or 0))),
        NOTHING if size is None else escape(megabytes(size)),
        _folded(report.manifest.training_data),
        _wrong(report.called_fake_from, row.operating_point),
    )
    return _line(_head(row.title, ""), _cells(cells), report.verdict)


def _ensemble(together: Ensemble) -> str:
    cells = (
        _verdict(together.verdict),
        _score(together.p_fake),
        NOTHING,
        NOTHING,
        NOTHING,
        _wrong(together.threshold, None),
    )
    head = _head(say("compare.ensemble"), say("compare.ensemble_of", models=together.models))
    return _line(head, _cells(cells), f"{together.verdict} ensemble")


def _line(head: str, cells: str, name: str) -> str:
    return f'<tr role="row" class="row-{name}">{head}{cells}</tr>'


def _head(title: str, below: str) -> str:
    small = f"<small>{escape(below)}</small>" if below else ""
    return f'<th role="rowheader" scope="row"><bdi>{escape(title)}</bdi>{small}</th>'


def _cells(values: tuple[str, ...]) -> str:
    return "".join(
        f'<td role="cell" data-label="{escape(say(f"column.{name}"))}">{value}</td>'
        for name, value in zip(COLUMNS[1:], values, strict=True)
    )


def _verdict(verdict: Verdict) -> str:
    word = escape(say(f"word.{verdict}"))
    return f'<span aria-hidden="true">{wording.ICONS[verdict]}</span> {word}'


def _score(p_fake: float | None) -> str:
    return NOTHING if p_fake is None else escape(share(p_fake))


def _wrong(threshold: float, point: OperatingPoint | None) -> str:
    """How often a model was wrong at its threshold, where that was measured."""
    at = percent(threshold)
    if point is None:
        return escape(say("compare.not_measured", threshold=at))
    return escape(
        say(
            "compare.wrong", threshold=at,
            false_alarms=percent(point.false_positive_rate, 1),
            found=percent(point.true_positive_rate, 1),
        )
    )  # fmt: skip


def _folded(text: str) -> str:
    """A text of the model's maker, in whatever language."""
    if not text:
        return escape(say("compare.not_said"))
    if len(text) <= SHORT_TEXT:
        return f"<bdi>{escape(text)}</bdi>"
    start = text[:SHORT_TEXT].rsplit(" ", 1)[0]
    return f'<details dir="auto"><summary>{escape(start)} …</summary>{escape(text)}</details>'


def _maps(comparison: Comparison) -> str:
    shown = [row for row in comparison.rows if row.face is not None]
    if not shown:
        return ""
    if all(row.lacks_map for row in shown):
        title, captions = "maps.faces", []
    else:
        partly = any(row.lacks_map for row in shown)
        title, captions = "maps.title_partly" if partly else "maps.title", ["maps.caption"]
        kinds = {_kind(row) for row in shown}
        if "maps.worked_out" in kinds:
            captions.append("maps.worked_out_caption")
        if {"maps.built_in", "maps.worked_out"} <= kinds:
            captions.append("maps.both_caption")
    figures = "".join(_figure(row) for row in shown)
    return (
        f'<h3 class="maps-title">{escape(say(title))}</h3><div class="maps">{figures}</div>'
        f"{''.join(wording.caption(one) for one in captions)}"
    )


def _figure(row: Row) -> str:
    face = row.face
    if face is None or face.crop is None:
        return ""
    if face.p_fake is None:
        caption = say("maps.unjudged", model=row.title)
    else:
        caption = say(
            "maps.judged",
            model=row.title, verdict=say(f"word.{face.verdict}"), share=share(face.p_fake),
        )  # fmt: skip
    if face.overlay is None:
        pixels, alt = face.crop, say("maps.face_alt", model=row.title)
    else:
        pixels, alt = face.overlay, say("maps.map_alt", model=row.title)
    image = Image.fromarray(drawing.as_in_picture(pixels, face.turn, MAP_SIDE, face.proportion))
    if row.map_error:
        kind = f'<span aria-hidden="true">✕</span> {told_html(row.map_error.public)}'
    else:
        kind = escape(say(_kind(row)))
    return (
        f'<figure><img src="{jpeg.address(image, 88)}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}<small>{kind}</small></figcaption></figure>"
    )


def _kind(row: Row) -> str:
    """What the picture of the face shows, as a message's id."""
    if row.lacks_map:
        return "maps.none"
    # A network that brings a map has it from its first run on, so none is ever worked out for it.
    built_in = row.report is not None and row.report.manifest.output.evidence is not None
    return "maps.built_in" if built_in else "maps.worked_out"
