"""A record as one page for people: no scripts, nothing from elsewhere, ready to be printed."""

from __future__ import annotations

import base64
import hashlib
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from deepfake.formatting import megabytes
from deepfake.provenance.facts import Provenance
from deepfake.provenance.words import NOTHING_MEANT, facts
from deepfake.verdict import Verdict, percent

if TYPE_CHECKING:
    from deepfake.documents import FaceDocument, RecordDocument

STYLE, TEMPLATE = "record.css", "record.html.jinja"
# The photo's longer side, in units in which the boxes' lines and numbers are drawn.
UNITS = 640
WORDS: dict[Verdict, str] = {
    "fake": "fake",
    "uncertain": "uncertain",
    "real": "real",
    "not_applicable": "not judged",
}
# Of a face that a threshold of the user's own lets pass, whatever its score is.
NOT_CALLED = "not called fake"
# Shape and words carry the meaning; colour only repeats it.
ICONS: dict[Verdict, str] = {"fake": "▲", "uncertain": "◆", "real": "●", "not_applicable": "○"}
CAVEATS: dict[Verdict, str] = {
    "fake": "This is evidence, not proof. Real photos are called fake, too; how often, see below. "
    "Do not accuse anyone because of it.",
    "uncertain": "The model cannot tell. Do not take this for a sign of either.",
    "real": "This does not prove that the photo is real. Fakes of kinds that the model has never "
    "seen are often missed.",
    "not_applicable": "So nothing is said of this photo, neither that it is real nor that it is "
    "fake.",
}
REASONS = {
    "small": "the face is small",
    "large": "the face is larger than what the model looks at",
    "dark": "the face is dark",
    "burnt_out": "the face is nearly white",
    "turned": "the head is turned or lies on its side",
    "many_faces": "there are several faces, so that one of them scores high by chance more "
    "easily, and more is needed to call the photo fake",
    "blurred": "the face is blurred",
    "compressed": "the file was compressed strongly",
    "drawing": "this may be a drawing and no photo",
    "unstable": "small changes of the picture change the verdict",
}
CHANGES = {
    "jpeg_90": "saved again as JPEG, quality 90",
    "jpeg_60": "saved again as JPEG, quality 60",
    "jpeg_40": "saved again as JPEG, quality 40",
    "halved": "half as large",
    "blurred": "a little blurred",
    "mirrored": "mirrored",
    "darkened": "darker",
}


def page(document: RecordDocument) -> str:
    """Make the page.

    Args:
        document: RecordDocument.

    Returns:
        HTML.
    """
    style = _style()
    report, own = document["report"], document["own"]
    picture, origin = report["picture"], report["provenance"]
    moved = report["threshold"] != own["threshold"]
    unit = max(picture["width"], picture["height"]) / UNITS
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            record=document,
            report=report,
            own=own,
            moved=moved,
            style=style,
            # Only this very style is let in, and pictures that are in the page itself.
            policy=f"default-src 'none'; img-src data:; style-src 'sha256-{_hash(style)}'; "
            "base-uri 'none'; form-action 'none'",
            unit=unit,
            boxes=[_box(face, unit) for face in report["faces"]],
            words=WORDS if own["verdict"] == report["verdict"] else {**WORDS, "real": NOT_CALLED},
            icons=ICONS,
            caveats=CAVEATS,
            origin=facts(Provenance.from_dict(origin), own["verdict"]) if origin else [],
            nothing_meant=NOTHING_MEANT,
        )
    )


def _box(face: FaceDocument, unit: float) -> dict[str, float]:
    left, top, right, bottom = face["box"]
    return {
        "x": left,
        "y": top,
        "width": max(right - left, 1),
        "height": max(bottom - top, 1),
        # The number: over the box, or inside it where there is no room.
        "text_x": left + 4 * unit,
        "text_y": top - 6 * unit if top > 24 * unit else top + 20 * unit,
    }


def _of_hundred(rate: float) -> str:
    """A measured share as a count of 100."""
    if 0.0 < rate < 0.005:
        return "fewer than 1"
    return "more than 99" if 0.995 <= rate < 1.0 else f"{100 * rate:.0f}"


def _exactly(share: float) -> str:
    """A threshold or an end of the band: "97 %", "47.31 %"."""
    return f"{100 * share:.4g} %"


def _words(known: dict[str, str], name: str) -> str:
    return known.get(name, name.replace("_", " "))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("deepfake.record", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent,
        exactly=_exactly,
        of_hundred=_of_hundred,
        size=megabytes,
        reason=partial(_words, REASONS),
        change=partial(_words, CHANGES),
    )
    return environment


@cache
def _style() -> str:
    return (Path(__file__).parent / STYLE).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
