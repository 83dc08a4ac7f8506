"""What the page says, as HTML."""

from __future__ import annotations

import re
from html import escape

from deepfake import verdict
from deepfake.manifest import ModelManifest
from deepfake.report import Report

# Shape and words carry the meaning; colour only repeats it.
ICONS = {"fake": "▲", "uncertain": "◆", "real": "●", "not_applicable": "○"}

WELCOME = (
    '<section class="verdict verdict-none"><h2>Is this face real?</h2>'
    "<p>Drop a photo, paste one, or take one of the examples. The verdict appears here.</p>"
    "</section>"
)
NO_PHOTO = "No photo yet"
UNREADABLE_FILE = "This file could not be checked"
REFUSED = "Not analysed"
AGAIN = "Try again"
# What the script says of a photo that has no answer yet, or gets none.
PHOTO_WORDS: dict[str, str] = {
    "again": AGAIN,
    "failed": REFUSED,
    "sending": "Sending the photo …",
    "judging": "Looking at the photo …",
    "lost": "The connection to this page was lost, so the photo has no result. Try again when you "
    "are online.",
    "no_answer": "There was no answer for this photo.",
    "too_large": "The file is larger than {size}. Send a smaller copy of it.",
    "folder": "This is a folder. Drop one photo out of it.",
    "several": "These are several files. Give one photo at a time.",
    "no_file": "This is a link or a text, not a photo. Save the picture as a file, and drop that.",
    "no_picture": "There is no picture in the clipboard. Copy one, or choose a file.",
    "no_clipboard": "The browser does not let this page read the clipboard. Press Ctrl+V instead.",
}
UNUSABLE_MODEL = "This model cannot be used"
EVIDENCE_CAPTION = (
    '<p class="caption">Left of the handle: the face as the model saw it. Right: orange places '
    "raised its score for “fake”, blue ones lowered it; grey ones did not matter.</p>"
)
LIMITS = (
    "A verdict is evidence, not proof: new kinds of fakes, heavy editing and small or blurred "
    "faces are judged worse than the figures above say. Do not accuse anyone because of it."
)


def verdict_panel(report: Report) -> str:
    """The verdict in one sentence, and what it rests on."""
    details = [_basis(report), *report.notes]
    text = "".join(f"<p>{escape(line)}</p>" for line in details if line)
    return (
        f'<section class="verdict verdict-{report.verdict}" role="status">'
        f'<h2><span aria-hidden="true">{ICONS[report.verdict]}</span> '
        f"{escape(report.sentence)}</h2>{text}"
        f'<p class="caption">{escape(_ran(report))}</p></section>'
    )


def error_panel(message: str, heading: str = UNREADABLE_FILE, again: bool = False) -> str:
    """An error as a sentence of ours; `again`: with a button that asks once more."""
    button = f'<button type="button" class="again">{AGAIN}</button>' if again else ""
    return (
        '<section class="verdict verdict-error" role="alert">'
        f'<h2><span aria-hidden="true">✕</span> {escape(heading)}</h2>'
        f"<p>{escape(message)}</p>{button}</section>"
    )


def plain(text: str) -> str:
    """Text from outside for a place that shows Markdown: on one line, with its marks escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", " ".join(text.split()))


def meaning(manifest: ModelManifest, threshold: float) -> str:
    """How often a verdict at this threshold was wrong when that was measured."""
    low, high = verdict.uncertain_band(manifest, threshold)
    point = verdict.operating_point(manifest, threshold)
    if point is None or manifest.operating_points is None:
        figures = "How often this model is wrong was not measured at this threshold."
    else:
        measured = manifest.operating_points
        figures = (
            f"At the threshold {point.threshold:.2f}, <b>{_share(point.false_positive_rate)}</b> "
            f"of {measured.reals:,} real faces scored as fake, and "
            f"<b>{_share(point.true_positive_rate)}</b> of {measured.fakes:,} fakes did "
            f"({escape(measured.measured_on)}). "
        )
        if high > low:
            figures += (
                f"Scores from {100 * low:.0f} % to {100 * high:.0f} % are called “too close to "
                "call”, because the model errs too often there."
            )
    return (
        '<section class="meaning"><h3>What does this mean?</h3>'
        f"<p>{figures}</p><p>{LIMITS}</p></section>"
    )


def _ran(report: Report) -> str:
    model = report.model
    time = report.timings_ms["model"]
    return f"Model {model['name']} {model['version']}, run by {model['backend']} in {time:.0f} ms"


def _basis(report: Report) -> str:
    judged = [face for face in report.faces if face.p_fake is not None]
    score = "" if report.p_fake is None else f"Likely fake: {verdict.percent(report.p_fake)}. "
    left_out = len(report.faces) - len(judged)
    if not report.faces:
        text = "No face was found in the picture."
    elif not judged:
        text = report.faces[0].note
    elif len(judged) == 1:
        text = f"{score}One face was judged."
    else:
        text = f"{score}{len(judged)} faces were judged; the highest score decides."
    if judged and left_out:
        text += f" {left_out} more were not (too small, too dark or bright, or too many)."
    if report.whole_picture_p_fake is not None:
        text += (
            f" Taken as a whole the picture scores {verdict.percent(report.whole_picture_p_fake)}, "
            "but the model was not trained for that: do not rely on it."
        )
    return text


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
