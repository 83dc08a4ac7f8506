"""A report as HTML: the same on the page and in a file of its own.

No element has a style of its own, so that a file's policy can leave those out; places are in SVG.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from deepfake import jpeg
from deepfake.verdict import Verdict
from deepfake.video.frames import Frames
from deepfake.video.report import Person, Sample, VideoReport
from deepfake.video.words import ENGLISH, Words

# Shape and words carry the meaning; colour only repeats it.
ICONS: dict[Verdict, str] = {"fake": "▲", "uncertain": "◆", "real": "●", "not_applicable": "○"}
# What a reader looks at; tables have all.
MOST_PEOPLE, PEOPLE_IN_GALLERY, MOST, LEAST = 12, 4, 3, 2
# The timeline's units, stretched to whatever width there is.
WIDTH, HEIGHT = 1000, 100
FACE_SIDE, FACE_QUALITY = 160, 80


def film(report: VideoReport, frames: Frames, words: Words) -> str:
    """The verdict, each person over time, and the frames that decided.

    Args:
        report: VideoReport.
        frames: Frames. As the detector showed them.
        words: Words. The language.

    Returns:
        HTML, for `film.css` and `film.js`.
    """
    shown = [person for person in report.people if person.judged][:MOST_PEOPLE]
    people = "".join(
        _person(report, person, number, frames, words) for number, person in enumerate(shown, 1)
    )
    rest = len(report.people) - len(shown)
    legend = escape(words.say("film.legend", threshold=words.share(report.threshold)))
    # Not on paper.
    legend += f' <span class="film-how">{escape(words.say("film.how"))}</span>'
    if report.clips is not None:
        legend += f" {escape(words.say('film.together'))}"
    return (
        f'<div class="film">{_verdict(report, words)}{people}'
        f"{_note(legend) if shown else ''}"
        f"{_note(escape(words.say('film.more', count=rest))) if rest else ''}"
        f"{_gallery(shown[:PEOPLE_IN_GALLERY], words)}{_hints(report, words)}"
        f"{_data(report, shown, frames, words)}</div>"
    )


def clock(seconds: float) -> str:
    """A moment: "1:07.4"."""
    tenths = round(10 * seconds)
    return f"{tenths // 600}:{tenths % 600 // 10:02d}.{tenths % 10}"


def _verdict(report: VideoReport, words: Words) -> str:
    said = words.say(f"video.verdict.{report.verdict}")
    lines = []
    if report.clips is not None and report.verdict != "not_applicable":
        rates = report.clips.all.model_dump()
        measured = words.tell(report.clips.measured_on)
        lines.append(f"{escape(words.say('video.rates', **rates))} {measured}")
    lines += map(words.tell, report.notes)
    sound = words.tell("Sound is not analysed.")
    if sound not in lines:
        lines.append(sound)
    judged = words.say(
        "video.judged", sampled=len(report.sampled), frames=report.frames,
        judged=round(report.share_judged * len(report.sampled)), shots=len(report.shots),
    )  # fmt: skip
    lines.append(escape(judged))
    return (
        f'<section class="verdict verdict-{report.verdict}" role="status">'
        f'<h2 tabindex="-1"><span aria-hidden="true">{ICONS[report.verdict]}</span> '
        f"{escape(said)}</h2>"
        f'<p class="caveat">{escape(words.say(f"video.caveat.{report.verdict}"))}</p>'
        f'<ul class="reasons">{"".join(f"<li>{line}</li>" for line in lines)}</ul></section>'
    )


def _person(report: VideoReport, person: Person, number: int, frames: Frames, words: Words) -> str:
    heading = words.say(
        "film.scored", number=number, verdict=words.say(f"word.{person.verdict}"),
        share=words.share(person.p_fake or 0.0),
    )  # fmt: skip
    seen = words.say(
        "film.seen", start=clock(person.samples[0].time), end=clock(person.samples[-1].time),
        count=len(person.judged),
    )  # fmt: skip
    reasons = [
        words.say(f"reason.{reason}") for reason in person.reasons if f"reason.{reason}" in ENGLISH
    ]
    said = escape(" ".join([seen, *reasons]))
    return (
        f'<section class="film-person"><h3><span aria-hidden="true" class="is-{person.verdict}">'
        f"{ICONS[person.verdict]}</span> {escape(heading)}</h3><p>{said}</p>"
        f"{_timeline(report, person, number, words)}{_frame(report, person, frames, words)}"
        "</section>"
    )


def _timeline(report: VideoReport, person: Person, number: int, words: Words) -> str:
    chosen = person.suspicious[0]
    index = person.judged.index(chosen)
    low, high = report.uncertain_band
    low, high = min(low, report.threshold), max(high, report.threshold)
    line = " ".join(f"{_x(report, one)},{_y(one.face.p_fake)}" for one in person.judged)
    dots = "".join(
        f'<path class="dot is-{one.face.verdict}" d="M{_x(report, one)} {_y(one.face.p_fake)}h0"/>'
        for one in person.judged
    )
    name = words.say("film.timeline", number=number)
    return (
        f'<div class="film-line" dir="ltr" tabindex="0" role="slider" aria-label="{escape(name)}" '
        f'aria-valuemin="1" aria-valuemax="{len(person.judged)}" aria-valuenow="{index + 1}" '
        f'aria-valuetext="{escape(_moment(chosen, words))}">'
        f'<svg viewBox="0 -6 {WIDTH} {HEIGHT + 12}" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="band" y="{_y(high)}" width="{WIDTH}" height="{_y(low) - _y(high):.1f}"/>'
        f'<path class="threshold" d="M0 {_y(report.threshold)}h{WIDTH}"/>'
        f'<path class="now" d="M{_x(report, chosen)} -6v{HEIGHT + 12}"/>'
        f'<polyline points="{line}"/>{dots}</svg>'
        f'<p class="film-axis" aria-hidden="true"><span>{clock(0)}</span>'
        f"<span>{clock(report.seconds)}</span></p></div>"
    )


def _frame(report: VideoReport, person: Person, frames: Frames, words: Words) -> str:
    chosen = person.suspicious[0]
    left, top, right, bottom = chosen.face.box
    place = f'x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"'
    alt = words.say("film.frame", time=clock(chosen.time))
    return (
        f'<figure class="film-frame"><svg viewBox="0 0 {report.width} {report.height}" role="img" '
        f'aria-label="{escape(alt)}"><image width="{report.width}" height="{report.height}" '
        f'preserveAspectRatio="none" href="{frames.address(chosen.time)}"/>'
        f'<rect class="ground" {place}/><rect class="box is-{chosen.face.verdict}" {place}/></svg>'
        f"<figcaption>{escape(_moment(chosen, words))}</figcaption></figure>"
    )


def _gallery(people: Sequence[Person], words: Words) -> str:
    parts = []
    for number, person in enumerate(people, 1):
        most = person.suspicious[:MOST]
        least = [one for one in reversed(person.suspicious) if one not in most][:LEAST]
        for name, samples in (("most", most), ("least", least)):
            if samples:
                said = escape(words.say(f"film.{name}", number=number))
                faces = "".join(_face(one, words) for one in samples)
                parts.append(f'<h4>{said}</h4><div class="film-faces">{faces}</div>')
    if not parts:
        return ""
    title = escape(words.say("film.gallery"))
    return (
        f'<section class="film-gallery"><h3>{title}</h3>{"".join(parts)}'
        f"{_note(escape(words.say('film.map')))}</section>"
    )


def _face(sample: Sample, words: Words) -> str:
    face = sample.face
    if face.crop is None:
        return ""
    pictures = [(face.crop, words.say("film.face_alt", time=clock(sample.time)))]
    if face.overlay is not None:
        pictures.append((face.overlay, words.say("film.map_alt")))
    images = "".join(
        f'<img alt="{escape(alt)}" width="{FACE_SIDE}" height="{FACE_SIDE}" '
        f'src="{jpeg.of_pixels(pixels, FACE_SIDE, FACE_QUALITY)}">'
        for pixels, alt in pictures
    )
    return f"<figure>{images}<figcaption>{escape(_moment(sample, words))}</figcaption></figure>"


def _hints(report: VideoReport, words: Words) -> str:
    if not report.hints:
        return ""
    lines = "".join(f"<li>{words.tell(hint.sentence)}</li>" for hint in report.hints)
    return (
        f'<section class="film-hints"><h3>{escape(words.say("video.hints"))}</h3><ul>{lines}</ul>'
        f"{_note(escape(words.say('video.hints_caption')))}</section>"
    )


def _data(report: VideoReport, people: Sequence[Person], frames: Frames, words: Words) -> str:
    """What `film.js` shows when a dot is chosen."""
    times = sorted({sample.time for person in people for sample in person.judged})
    said = {
        "frames": [frames.address(time) for time in times],
        "people": [
            [
                {
                    "frame": times.index(one.time), "x": _x(report, one), "box": one.face.box,
                    "verdict": one.face.verdict, "text": _moment(one, words),
                    "alt": words.say("film.frame", time=clock(one.time)),
                }
                for one in person.judged
            ]
            for person in people
        ],
    }  # fmt: skip
    return f'<div hidden class="film-data">{escape(json.dumps(said, ensure_ascii=False))}</div>'


def _moment(sample: Sample, words: Words) -> str:
    share = words.share(sample.face.p_fake or 0.0)
    return words.say("film.moment", time=clock(sample.time), share=share)


def _x(report: VideoReport, sample: Sample) -> float:
    return round(WIDTH * (0.01 + 0.98 * sample.time / max(report.seconds, 1e-6)), 1)


def _y(p_fake: float | None) -> float:
    return round(HEIGHT * (1 - (p_fake or 0.0)), 1)


def _note(html: str) -> str:
    return f'<p class="soft caption">{html}</p>'
