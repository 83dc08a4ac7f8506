"""What is said of a video, of each person in it, and of each face that was judged."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any, Literal

from deepfake import verdict
from deepfake.figures import ClipFigures
from deepfake.report import FaceReport
from deepfake.verdict import Verdict

COLUMNS = (
    "person", "shot", "time", "p_fake", "verdict", "left", "top", "right", "bottom", "reasons",
)  # fmt: skip
SENTENCES: dict[Verdict, str] = {
    "fake": "Signs of manipulation found in a person of this video",
    "uncertain": "Uncertain: the model cannot tell",
    "real": "No signs of manipulation found",
    "not_applicable": "No face that could be judged: this model judges faces only",
}


@dataclass(frozen=True)
class Sample:
    """A face of one person in one frame.

    Attributes:
        time: float. Seconds from the first frame.
        face: FaceReport. Its box is in pixels of the upright frame.
    """

    time: float
    face: FaceReport


@dataclass(frozen=True)
class Person:
    """A face that was followed through one shot. After a cut it is counted anew.

    Attributes:
        shot: int. Number of the shot, from 0.
        samples: tuple of Sample. In order of time.
        p_fake: float in [0, 1]. Of all samples together; None where none was judged.
        verdict: Verdict.
        reasons: tuple of str. Why the verdict is weaker than the score: "few_frames" (fewer than
            four faces were judged, or within less than a second), "one_stretch" (only one part of
            the time looks fake), and those of more than half of the faces.
    """

    shot: int
    samples: tuple[Sample, ...]
    p_fake: float | None
    verdict: Verdict
    reasons: tuple[str, ...] = ()

    @property
    def judged(self) -> tuple[Sample, ...]:
        """The samples that have a score."""
        return tuple(sample for sample in self.samples if sample.face.p_fake is not None)

    @property
    def suspicious(self) -> tuple[Sample, ...]:
        """The judged samples, the most suspicious first."""
        return tuple(sorted(self.judged, key=lambda s: -(s.face.p_fake or 0.0)))

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON."""
        return {
            "shot": self.shot,
            "verdict": self.verdict,
            "p_fake": self.p_fake,
            "reasons": list(self.reasons),
            "first_seen": self.samples[0].time,
            "last_seen": self.samples[-1].time,
            "judged": len(self.judged),
            "samples": [
                {
                    "time": sample.time,
                    "p_fake": sample.face.p_fake,
                    "verdict": sample.face.verdict,
                    "box": list(sample.face.box),
                    "reasons": list(sample.face.reasons),
                    "note": sample.face.note,
                }
                for sample in self.samples
            ],
        }


@dataclass(frozen=True)
class Hint:
    """A fact about how a person moves.

    Attributes:
        name: str. "frozen", "flicker" or "blinks".
        noticeable: bool. Whether it is unusual.
        value: float. Seconds that stood still; levels of 255 that brightness jumps by; blinks a
            minute.
        seconds: float. How long was looked at.
        sentence: str. For people.
    """

    name: Literal["frozen", "flicker", "blinks"]
    noticeable: bool
    value: float
    seconds: float
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON."""
        return {
            "name": self.name,
            "noticeable": self.noticeable,
            "value": round(self.value, 3),
            "seconds": round(self.seconds, 2),
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class VideoReport:
    """Everything said of one video.

    Attributes:
        file: str. The path as it was given.
        sha256: str. Of the file.
        byte_count: int. Of the file.
        format: str. FFmpeg's name of the container.
        codec: str. FFmpeg's name of how the pictures are compressed.
        width: int. Of the upright frames in pixels.
        height: int. Likewise.
        seconds: float. From the first frame to the last.
        frames: int. How many there are.
        sampled: tuple of float. When those that were looked at are shown.
        shots: tuple of (start, end). In seconds.
        people: tuple of Person. The most suspicious first.
        verdict: Verdict. "fake" if any person is, else "uncertain" if any is, else "real".
        p_fake: float in [0, 1]. The highest of the people; None where no face was judged.
        threshold: float. P(fake) that verdicts were made at.
        uncertain_band: (low, high). Around the threshold, for so many people.
        aggregation: str. How the frames were put together.
        model: dict. name, version, sha256 and backend.
        clips: ClipFigures. How often such verdicts were right on clips; None where that was not
            measured for this model, aggregation and threshold.
        hints: tuple of Hint. How the person who is seen most moves, where that was asked for; no
            part of the verdict.
        notes: tuple of str. Sentences on what could not be read or was not looked at.
        seconds_spent: float. How long the analysis took.
    """

    file: str
    sha256: str
    byte_count: int
    format: str
    codec: str
    width: int
    height: int
    seconds: float
    frames: int
    sampled: tuple[float, ...]
    shots: tuple[tuple[float, float], ...]
    people: tuple[Person, ...]
    verdict: Verdict
    p_fake: float | None
    threshold: float
    uncertain_band: tuple[float, float]
    aggregation: str
    model: Any = field(repr=False)
    clips: ClipFigures | None = None
    hints: tuple[Hint, ...] = ()
    notes: tuple[str, ...] = ()
    seconds_spent: float = 0.0

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        said = SENTENCES[self.verdict]
        shown = self.verdict == "fake" and self.p_fake is not None
        return f"{said} ({verdict.percent(self.p_fake or 0.0)})" if shown else said

    @property
    def share_judged(self) -> float:
        """Of the frames that were looked at, in how many a face was judged."""
        judged = {sample.time for person in self.people for sample in person.judged}
        return len(judged) / max(1, len(self.sampled))

    @property
    def rates_sentence(self) -> str:
        """How often such verdicts were right, in counts of clips; "" where there is none."""
        if self.clips is None or self.verdict == "not_applicable":
            return ""
        all_of = self.clips.all
        return (
            f"Measured on clips: {all_of.reals_called_fake} of {all_of.reals} real ones were "
            f"called fake, {all_of.fakes_caught} of {all_of.fakes} fake ones were caught and "
            f"{all_of.fakes_called_real} called real ({self.clips.measured_on})."
        )

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON: everything but the pixels."""
        return {
            "file": self.file,
            "video": {
                "format": self.format,
                "codec": self.codec,
                "width": self.width,
                "height": self.height,
                "seconds": round(self.seconds, 3),
                "frames": self.frames,
                "bytes": self.byte_count,
                "sha256": self.sha256,
            },
            "verdict": self.verdict,
            "p_fake": self.p_fake,
            "threshold": self.threshold,
            "uncertain_band": list(self.uncertain_band),
            "sentence": self.sentence,
            "aggregation": self.aggregation,
            "error_rates": None if self.clips is None else self.clips.model_dump(mode="json"),
            "sampled": list(self.sampled),
            "share_judged": round(self.share_judged, 4),
            "shots": [list(shot) for shot in self.shots],
            "people": [person.to_dict() for person in self.people],
            "hints": [hint.to_dict() for hint in self.hints],
            "model": self.model,
            "notes": list(self.notes),
            "seconds_spent": round(self.seconds_spent, 2),
        }

    def to_csv(self) -> str:
        """A line for each face of each judged frame, with a head."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for number, person in enumerate(self.people, 1):
            for sample in person.samples:
                face = sample.face
                writer.writerow(
                    [
                        number, person.shot + 1, f"{sample.time:.3f}",
                        "" if face.p_fake is None else f"{face.p_fake:.6f}", face.verdict,
                        *face.box, " ".join(face.reasons),
                    ]
                )  # fmt: skip
        return out.getvalue()
