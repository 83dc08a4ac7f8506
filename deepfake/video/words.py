"""What a report says as HTML, in English; the page has the same in other languages by the ids."""

from __future__ import annotations

from html import escape
from typing import Any, Protocol

from deepfake.verdict import percent

ENGLISH = {
    "video.verdict.fake": "Signs of manipulation found in a person of this video",
    "video.verdict.uncertain": "Uncertain: the model cannot tell",
    "video.verdict.real": "No signs of manipulation found",
    "video.verdict.not_applicable": "No face that could be judged: this model judges faces only",
    "video.caveat.fake": "This is a sign, not a proof: real videos are called fake, too. Do not "
    "accuse anyone because of it.",
    "video.caveat.uncertain": "Take this as no answer. It says nothing for or against the video.",
    "video.caveat.real": "This does not prove that the video is real: many fakes show no signs "
    "that this model knows.",
    "video.caveat.not_applicable": "This says nothing about whether the video is real.",
    "video.rates": "Of {reals} real clips, such verdicts called {reals_called_fake} fake. Of "
    "{fakes} fake ones they caught {fakes_caught} and called {fakes_called_real} real. Measured "
    "on:",
    "video.judged": "Frames looked at: {sampled} of {frames}. Of these, with a face that was "
    "judged: {judged}. Shots: {shots}.",
    "video.hints": "How the face moves",
    "video.hints_caption": "Facts about the person who is seen most. They are no part of the "
    "verdict.",
    "film.scored": "Person {number}: {verdict}, {share} likely fake",
    "word.fake": "fake",
    "word.uncertain": "uncertain",
    "word.real": "real",
    "word.not_applicable": "not judged",
    "film.seen": "Seen from {start} to {end}. Faces judged: {count}.",
    "film.more": "Further people, in the table (CSV) and the JSON file: {count}",
    "film.timeline": "Person {number}, over time. The arrow keys go from frame to frame.",
    "film.moment": "{time}: {share} likely fake",
    "film.frame": "The frame at {time}, with a box around the face",
    "film.legend": "Each dot is a judged frame; the higher it is, the more likely fake. The "
    "dashed line is the threshold ({threshold}); the band around it is too close to call.",
    "film.how": "Click a dot, or use the arrow keys, to see its frame.",
    "film.together": "The figure of a person is of all frames together, corrected by what was "
    "measured on whole clips: it can lie outside those of single frames.",
    "film.gallery": "The frames that decided",
    "film.most": "Person {number}: most suspicious",
    "film.least": "Person {number}: least suspicious",
    "film.face_alt": "The face at {time} as the model saw it",
    "film.map_alt": "The same face with its evidence",
    "film.map": "Each face as the model saw it. Beside it: orange places raised its score for "
    "“fake”, blue ones lowered it; grey ones did not matter.",
    "reason.small": "The face is small: there is little to see, and the model errs more often.",
    "reason.dark": "The face is dark: the model errs more often in poor light.",
    "reason.burnt_out": "Parts of the face are too bright to show anything.",
    "reason.blurred": "The face is blurred: the traces that the model looks for may be gone.",
    "reason.turned": "The face is turned or tilted: the model knows such faces less well.",
    "reason.drawing": "This may be a drawing or a painting: the model judges photographs only.",
    "reason.few_frames": "Fewer than four faces of this person were judged, or within less than a "
    "second: too little to call anybody fake.",
    "reason.one_stretch": "Only one part of the time looks fake; two are needed to call anybody "
    "fake.",
}


class Words(Protocol):
    """How a report is told, in one language."""

    def say(self, message: str, **values: Any) -> str:
        """A message by its id, with what stands in its places."""

    def share(self, value: float) -> str:
        """A score as percent."""

    def tell(self, sentence: str) -> str:
        """An English sentence of another room, as HTML."""


class English:
    """The words of reports that are written to files."""

    def say(self, message: str, **values: Any) -> str:
        """A message by its id."""
        return ENGLISH[message].format(**values)

    def share(self, value: float) -> str:
        """A score as percent."""
        return percent(value)

    def tell(self, sentence: str) -> str:
        """The sentence, as HTML."""
        return escape(sentence)
