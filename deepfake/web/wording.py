"""What the page says of a photo, as HTML. The sentences are in `texts`."""

from __future__ import annotations

import re
from html import escape

from deepfake.errors import DeepfakeError
from deepfake.report import FaceReport, Report
from deepfake.verdict import operating_point
from deepfake.web import worth
from deepfake.web.texts import counts, has, of_hundred, say, share
from deepfake.web.told import told_html

# Shape and words carry the meaning; colour only repeats it.
ICONS = {"fake": "▲", "uncertain": "◆", "real": "●", "not_applicable": "○"}

# Headings of errors, by message id.
NO_PHOTO = "error.no_photo"
UNREADABLE_FILE = "error.file"
REFUSED = "error.refused"
UNUSABLE_MODEL = "error.model"
GONE = "error.gone"


def welcome(family: str = "welcome") -> str:
    """What stands where a verdict would; each tab's welcome has a family of messages."""
    return (
        f'<section class="verdict verdict-none"><h2>{escape(say(f"{family}.heading"))}</h2>'
        f"<p>{escape(say(f'{family}.text'))}</p></section>"
    )


def caption(message: str, **values: object) -> str:
    """A message in small print."""
    return f'<p class="caption">{escape(say(message, **values))}</p>'


def verdict_panel(report: Report) -> str:
    """The verdict in one sentence, one bar, what it is worth, and what weakens it."""
    weaker = [*map(escape, _reasons(report)), *map(told_html, report.notes)]
    lines = "".join(f"<li>{line}</li>" for line in weaker)
    manifest = report.manifest
    model = {"name": manifest.title or manifest.name, "version": manifest.version}
    return (
        f'<section class="verdict verdict-{report.verdict}" role="status">'
        f'<h2 tabindex="-1"><span aria-hidden="true">{ICONS[report.verdict]}</span> '
        f"{escape(headline(report))}</h2>{_misfit(report)}{_own(report)}{_bar(report)}"
        f"{_signs(report)}"
        f'<p class="caveat">{escape(_caveat(report))}</p>{_worth(report)}'
        f"{f'<ul class=reasons>{lines}</ul>' if lines else ''}"
        f'<p class="caption">{escape(say("verdict.model", **model))}</p></section>'
    )


def error_panel(
    problem: DeepfakeError | str, heading: str = UNREADABLE_FILE, again: bool = False
) -> str:
    """What went wrong: an error, or a sentence in the reader's language.

    Args:
        problem: DeepfakeError or str.
        heading: str. A message's id.
        again: bool. Whether there is a button that asks once more. Defaults to False.
    """
    text = told_html(problem.public) if isinstance(problem, DeepfakeError) else escape(problem)
    more = escape(say("intake.again"))
    # With the result the server has let go of the photo, or soon will.
    names = "again resend" if heading == GONE else "again"
    button = f'<button type="button" class="{names}">{more}</button>' if again else ""
    return (
        '<section class="verdict verdict-error" role="alert">'
        f'<h2><span aria-hidden="true">✕</span> {escape(say(heading))}</h2>'
        f"<p>{text}</p>{button}</section>"
    )


def plain(text: str) -> str:
    """Text from outside for a place that shows Markdown: on one line, with its marks escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", " ".join(text.split()))


def headline(report: Report) -> str:
    """The verdict in one sentence.

    A threshold of the visitor's own decides by itself: nothing is said then that the score might
    contradict.
    """
    if report.p_fake is None:
        if not report.faces:
            return say("verdict.not_applicable")
        return say(f"unjudged.{_hindrance(report)}")
    if not report.agrees:
        return say(f"adjusted.{report.verdict}")
    return say(f"verdict.{report.verdict}")


def face_name(report: Report, index: int) -> str:
    """A face in a few words: "Face 2 of 3, which decides: fake, 94 % likely fake"."""
    face, faces = report.faces[index], len(report.faces)
    if face.p_fake is None:
        return say("face.unjudged", number=index + 1, faces=faces)
    decides = faces > 1 and index == report.deciding
    # "Real" would contradict a high score that the visitor's own threshold lets pass.
    own = report.own.faces[index].verdict
    word = "passed" if face.verdict == "real" and own != "real" else face.verdict
    return say(
        "face.decides" if decides else "face.judged",
        number=index + 1, faces=faces, verdict=say(f"word.{word}"),
        share=share(face.p_fake),
    )  # fmt: skip


def strip(face: FaceReport | None) -> str:
    """The scores of a face that was changed a little in several ways; "" where it was not."""
    if face is None or not face.variations:
        return ""
    rows = "".join(
        f"<li>{escape(say('strip.row', name=say(f'change.{one.name}'), share=share(one.p_fake)))}"
        '<span class="track"><span class="pointer" '
        f'style="inset-inline-start:{100 * one.p_fake:.1f}%"></span></span></li>'
        for one in face.variations
    )
    return (
        f'<section class="strip"><h3>{escape(say("strip.title"))}</h3><ul>{rows}</ul>'
        f'<p class="caption">{escape(say("strip.caption"))}</p></section>'
    )


def _own(report: Report) -> str:
    """The verdict at the model's own threshold, where it is another one."""
    if report.agrees:
        return ""
    own = say(f"verdict.{report.own.verdict}")
    return f"<p>{escape(say('adjusted.own', verdict=own))}</p>"


def _misfit(report: Report) -> str:
    """What the file says of itself otherwise than the verdict; the block on it has more."""
    verdict = report.own.verdict  # what the model sees is not a matter of the visitor's threshold
    found = () if report.provenance is None else report.provenance.contradictions(verdict)
    lines = " ".join(map(told_html, found))
    return f'<p class="misfit"><b>{escape(say("fact.misfit"))}:</b> {lines}</p>' if found else ""


def _hindrance(report: Report) -> str:
    """Why the largest face was not judged, as the catalogue calls it."""
    reason = report.faces[0].reasons[0] if report.faces[0].reasons else "other"
    return reason if has("unjudged", reason) else "other"


def _signs(report: Report) -> str:
    """Of which kind the signs are that the model sees, where the network can tell."""
    signs = report.own.signs
    return "" if signs is None else f"<p>{escape(say(f'signs.{signs}'))}</p>"


def _caveat(report: Report) -> str:
    if report.p_fake is None and report.faces:
        return say(f"remedy.{_hindrance(report)}")
    if not report.agrees:
        # What the model says, not what the visitor's threshold makes of it.
        report = report.own
    missed = worth.missed_alike(report)
    if report.verdict == "real" and missed is not None:
        return say("caveat.real_counted", missed=of_hundred(missed))
    return say(f"caveat.{report.verdict}")


def _worth(report: Report) -> str:
    """How often such a verdict is wrong, from sources left out of training."""
    if report.p_fake is None:
        return ""
    manifest = report.manifest
    point = operating_point(manifest, report.called_fake_from, elsewhere=True)
    if manifest.operating_points_elsewhere is None:
        lines = [say("worth.not_measured")]
    elif point is None:
        lines = [say("worth.not_here")]
    else:
        lines = [say("worth.elsewhere", **counts(point))]
        lines += _group(report)
    return "".join(f'<p class="worth">{escape(line)}</p>' for line in lines)


def _group(report: Report) -> list[str]:
    """How likely a false alarm is with so many faces, beside one face."""
    chances = worth.false_alarms(report)
    if chances is None:
        return []
    here, of_one = chances
    said = of_hundred(here)
    more = here > of_one and said != of_hundred(of_one)
    message = "worth.group_more" if more else "worth.group"
    return [say(message, faces=report.judged, false_alarms=said)]


def _bar(report: Report) -> str:
    """One bar from "no signs" to "signs found", with the uncertain band drawn in."""
    if report.p_fake is None:
        return ""
    low, high = report.uncertain_band[0], report.called_fake_from
    low = min(low, high)
    said = share(report.p_fake)
    banded = high - low >= 0.005
    # The model's words are its own where the visitor's threshold decides otherwise.
    names = {name: f"bar.{name}" for name in ("real", "uncertain", "fake")}
    alt = "bar.alt" if banded else "bar.alt_without_band"
    if not report.agrees:
        names, alt = {**names, "real": "word.passed", "fake": "word.fake"}, "bar.likely"
    alt = say(alt, share=said, low=share(low), high=share(high))
    zones = (("real", low), ("uncertain", high - low if banded else 0.0), ("fake", 1.0 - high))
    shown = [(name, 100 * width) for name, width in zones if width > 0]
    parts = "".join(
        f'<span class="zone zone-{name}" style="width:{width:.1f}%"></span>'
        for name, width in shown
    )
    words = "".join(
        f"<span{' class=own' if name == report.verdict else ''}>{escape(say(names[name]))}</span>"
        for name, _ in shown
    )
    # Below their zones, as far as those are wide enough for them.
    columns = " ".join(f"minmax(min-content,{width:.1f}fr)" for _, width in shown)
    return (
        f'<p class="likely">{escape(say("bar.likely", share=said))}</p>'
        f'<div role="img" aria-label="{escape(alt)}"><div class="bar">{parts}'
        f'<span class="pointer" style="inset-inline-start:{100 * report.p_fake:.1f}%"></span></div>'
        f'<div class="zones" style="grid-template-columns:{columns}">{words}</div></div>'
    )


def _reasons(report: Report) -> list[str]:
    """What weakens the verdict, as sentences; without a verdict the headline has said it."""
    if report.p_fake is None:
        return []
    left_out = sum(face.p_fake is None for face in report.faces)
    rates = report.reason_error_rates
    lines = []
    for reason in report.reasons:
        known = has("reason", reason)
        line = say(f"reason.{reason}") if known else say("reason.other", reason=reason)
        if reason in rates:
            line += " " + say(
                "reason.rates",
                false_alarms=of_hundred(rates[reason].false_positive_rate),
                found=of_hundred(rates[reason].true_positive_rate),
            )
        lines.append(line)
    return lines + ([say("left_out", faces=left_out)] if left_out else [])
