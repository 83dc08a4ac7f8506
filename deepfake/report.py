"""What is said of a picture and of each of its faces."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from deepfake import evidence as maps
from deepfake import verdict
from deepfake.errors import NoFaceError
from deepfake.manifest import ErrorRates, ModelManifest
from deepfake.provenance.facts import Provenance
from deepfake.verdict import Change, Reason, Signs, Verdict

if TYPE_CHECKING:
    from deepfake.documents import (
        FaceDocument,
        Judgement,
        ModelDocument,
        ReportDocument,
        TimingsDocument,
    )


@dataclass(frozen=True)
class Variation:
    """What is said of a face after a change that makes no real face a fake.

    Attributes:
        name: str. The change, such as "jpeg_60".
        p_fake: float in [0, 1]. Of the face after it.
    """

    name: Change
    p_fake: float


@dataclass(frozen=True)
class Experts:
    """What the network's experts say of a face: logits that grow with "fake", not calibrated.

    Attributes:
        seams: float. Of traces of blending, as in a swapped face.
        synthesis: float. Of traces of generation.
    """

    seams: float
    synthesis: float


@dataclass(frozen=True)
class FaceReport:
    """What is said of one face.

    Attributes:
        box: tuple (left, top, right, bottom). Whole pixels, within the picture.
        confidence: float. How sure the face detector is that this is a face, in [0, 1].
        keypoints: float array (6, 2). Eyes, nose, mouth and ears in pixels.
        p_fake: float in [0, 1]; None where the face was not judged.
        verdict: Verdict. On this face.
        note: str. Why it was not judged; "" where it was.
        turn: float. By how many degrees clockwise the face is turned in the picture, if it was
            turned back for `crop` and `evidence`; 0 where they stand as the picture does.
        reasons: tuple of str. What weakens the verdict or, without one, why there is none: "small",
            "large", "dark", "burnt_out", "turned", "blurred", "compressed", "drawing",
            "many_faces", "unstable".
        variations: tuple of Variation. The face re-encoded, halved, blurred, mirrored and darkened,
            where that was asked for and this face decided the verdict on the picture. If it is
            called fake as it is or after a change, and real otherwise, the verdict is "uncertain".
        experts: Experts. Where the network has them and the face was judged; else None.
        crop: uint8 array (size, size, 3). What the network saw; None where it was not judged.
        proportion: float. Width by height of what `crop` shows, where a network takes pictures out
            of proportion; 1 for squares.
        evidence: float32 array (rows, columns). Contributions to the logit by place in the crop;
            None where there are none.
    """

    box: tuple[int, int, int, int]
    confidence: float
    keypoints: np.ndarray
    p_fake: float | None
    verdict: Verdict
    note: str = ""
    turn: float = 0.0
    reasons: tuple[Reason, ...] = ()
    variations: tuple[Variation, ...] = ()
    experts: Experts | None = None
    crop: np.ndarray | None = None
    proportion: float = 1.0
    evidence: np.ndarray | None = None

    @cached_property
    def overlay(self) -> np.ndarray | None:
        """The crop with its evidence painted over it; None where there is none."""
        if self.crop is None or self.evidence is None:
            return None
        return maps.overlay(self.crop, self.evidence)

    @property
    def signs(self) -> Signs | None:
        """What it shows signs of, where it is not called real and one expert clearly leads."""
        if self.experts is None:
            return None
        return verdict.signs_of(self.verdict, self.experts.seams, self.experts.synthesis)

    def decided(self, threshold: float, band: tuple[float, float]) -> FaceReport:
        """The same with the verdict at a threshold.

        Args:
            threshold: float in [0, 1].
            band: (low, high). The uncertain band around it.
        """
        changed = [variation.p_fake for variation in self.variations]
        unstable = verdict.is_unstable(self.p_fake, changed, threshold, band)
        others = tuple(reason for reason in self.reasons if reason != "unstable")
        return replace(
            self,
            verdict="uncertain" if unstable else verdict.decide(self.p_fake, threshold, band),
            reasons=(*others, "unstable") if unstable else others,
        )

    def to_dict(self) -> FaceDocument:
        """What goes into JSON: everything but the pixels."""
        return {
            "box": list(self.box),
            "p_fake": self.p_fake,
            "verdict": self.verdict,
            "confidence": round(self.confidence, 4),
            "keypoints": [[round(float(v), 1) for v in point] for point in self.keypoints],
            "note": self.note,
            "turn": round(self.turn, 1),
            "reasons": list(self.reasons),
            "variations": [{"name": v.name, "p_fake": v.p_fake} for v in self.variations],
            "signs": self.signs,
            "experts": (
                None
                if self.experts is None
                else {"seams": self.experts.seams, "synthesis": self.experts.synthesis}
            ),
        }


@dataclass(frozen=True)
class Report:
    """Everything said of one picture.

    Attributes:
        file: str. The path as it was given; "" for bytes and arrays.
        width: int. Of the upright picture in pixels.
        height: int. Of the upright picture in pixels.
        format: str. As in `Picture.format`.
        byte_count: int. Of the file.
        sha256: str. Of the file.
        verdict: Verdict. "fake" if any face is, else "uncertain" if any face is, else "real".
        p_fake: float in [0, 1]. The highest of the faces; None where no face was judged.
        threshold: float. P(fake) that the verdict was made at.
        uncertain_band: tuple (low, high). Around the threshold.
        faces: tuple of FaceReport. The largest first.
        whole_picture_p_fake: float. What the network says of a picture without a face. It was
            never trained for that and is not to be relied on. None where a face was judged.
        manifest: ModelManifest. Of the model in use.
        model: dict. name, version, sha256 and backend.
        timings_ms: dict. Milliseconds by stage.
        notes: tuple of str. Sentences on what was left out in reading the file.
        provenance: Provenance. What the file says of where it comes from; None where that was not
            asked for, and for pixels.
    """

    file: str
    width: int
    height: int
    format: str
    byte_count: int
    sha256: str
    verdict: Verdict
    p_fake: float | None
    threshold: float
    uncertain_band: tuple[float, float]
    faces: tuple[FaceReport, ...]
    whole_picture_p_fake: float | None
    manifest: ModelManifest = field(repr=False)
    model: ModelDocument
    timings_ms: TimingsDocument
    notes: tuple[str, ...] = ()
    provenance: Provenance | None = None

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        return self.plain_sentence if self.agrees else verdict.CHOSEN[self.verdict]

    @property
    def plain_sentence(self) -> str:
        """The same as if the threshold were the model's own."""
        hindrance = self.faces[0].reasons[0] if self.faces and self.p_fake is None else ""
        return verdict.sentence(self.verdict, self.p_fake, len(self.faces), hindrance)

    @property
    def is_moved(self) -> bool:
        """Whether the threshold is another one than the model's own."""
        return self.threshold != self.manifest.threshold

    @property
    def own(self) -> Report:
        """The same at the model's own threshold."""
        return self.at(self.manifest.threshold) if self.is_moved else self

    @property
    def agrees(self) -> bool:
        """Whether the verdict is the same at the model's own threshold."""
        return self.p_fake is None or self.own.verdict == self.verdict

    @property
    def judged(self) -> int:
        """How many faces were judged."""
        return sum(face.p_fake is not None for face in self.faces)

    @property
    def called_fake_from(self) -> float:
        """P(fake) from which on this picture is called fake: the upper end of the band."""
        return max(self.threshold, self.uncertain_band[1])

    @property
    def deciding(self) -> int | None:
        """Index of the most suspicious face, which the verdict is of; None if none is judged."""
        scores = {i: face.p_fake for i, face in enumerate(self.faces) if face.p_fake is not None}
        return max(scores, key=scores.__getitem__, default=None)

    @property
    def decisive(self) -> FaceReport | None:
        """That face."""
        return None if self.deciding is None else self.faces[self.deciding]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What weakens the verdict: of the face that decided, and "many_faces" if that does."""
        decisive = self.decisive
        if decisive is None:
            return self.faces[0].reasons if self.faces else ()
        group = verdict.group_threshold(self.manifest, self.threshold, self.judged)
        return (*decisive.reasons, *(("many_faces",) if group > self.threshold else ()))

    @property
    def reason_error_rates(self) -> dict[Reason, ErrorRates]:
        """How often the model errs on faces that the same reason weakens, where that is known.

        It was measured at the model's own threshold, so at another one there is nothing.
        """
        if self.p_fake is None or self.threshold != self.manifest.threshold:
            return {}
        measured = self.manifest.reason_error_rates
        return {reason: measured[reason] for reason in self.reasons if reason in measured}

    @property
    def signs(self) -> Signs | None:
        """What the face that decided shows signs of; see `FaceReport.signs`."""
        return None if self.decisive is None else self.decisive.signs

    def at(self, threshold: float) -> Report:
        """Decide again at another threshold, without running the network.

        Args:
            threshold: float in [0, 1].

        Raises:
            SettingError: the threshold is out of range.
        """
        verdict.check_threshold(threshold)
        band = verdict.uncertain_band(self.manifest, threshold, self.judged)
        faces = tuple(face.decided(threshold, band) for face in self.faces)
        return replace(
            self,
            threshold=threshold,
            uncertain_band=band,
            faces=faces,
            verdict=verdict.worst([face.verdict for face in faces]),
        )

    def labels(self) -> dict[str, float]:
        """{"Fake": P(fake), "Real": 1 − P(fake)}.

        Raises:
            NoFaceError: no face was judged.
        """
        if self.p_fake is None:
            raise NoFaceError(_no_face(self.faces))
        return {"Fake": self.p_fake, "Real": 1.0 - self.p_fake}

    def to_dict(self) -> ReportDocument:
        """The Report as JSON has it."""
        return {
            "file": self.file,
            "picture": {
                "format": self.format,
                "width": self.width,
                "height": self.height,
                "bytes": self.byte_count,
                "sha256": self.sha256,
            },
            **self.judgement(),
            "provenance": (
                None if self.provenance is None else self.provenance.to_dict(self.own.verdict)
            ),
        }

    def judgement(self) -> Judgement:
        """The part of the Report that is the model's."""
        return {
            "verdict": self.verdict,
            "p_fake": self.p_fake,
            "threshold": self.threshold,
            "uncertain_band": list(self.uncertain_band),
            "sentence": self.sentence,
            "reasons": list(self.reasons),
            "reason_error_rates": {
                reason: {
                    "false_positive_rate": rates.false_positive_rate,
                    "true_positive_rate": rates.true_positive_rate,
                    "reals": rates.reals,
                    "fakes": rates.fakes,
                }
                for reason, rates in self.reason_error_rates.items()
            },
            "signs": self.signs,
            "faces": [face.to_dict() for face in self.faces],
            "whole_picture": (
                None
                if self.whole_picture_p_fake is None
                else {"p_fake": self.whole_picture_p_fake, "reliable": False}
            ),
            "model": self.model,
            "timings_ms": self.timings_ms,
            "notes": list(self.notes),
        }


def _no_face(faces: tuple[FaceReport, ...]) -> str:
    if faces:
        hindrance = faces[0].reasons[0]
        return f"{verdict.sentence('not_applicable', None, len(faces), hindrance)}. {faces[0].note}"
    return "No face was found. This model judges faces only: send a photo that shows one."
