"""Faces followed from sample to sample, so that a person is judged, not a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from deepfake import verdict
from deepfake.figures import ClipFigures
from deepfake.manifest import ModelManifest
from deepfake.report import FaceReport
from deepfake.verdict import Verdict
from deepfake.video.aggregation import AGGREGATIONS, fake_stretches, logits
from deepfake.video.report import Person, Sample

# In sides of the face: how far its key points may have moved on average, and by which factor it
# may have grown, from one sample to the next; and how far where nobody else can be meant.
MOVED, GROWN, MOVED_ALONE = 0.9, 1.7, 3.0
# Samples in which a face may be missed before it counts as gone.
MISSED = 3
Sighting = tuple[int, FaceReport]
Band = tuple[float, float]
# Of fewer judged faces, or within fewer seconds, nobody is called fake, and neither where fewer
# parts of the time look so.
FEW, SHORTEST, NEEDED_STRETCHES = 4, 1.0, 2
# How many people at most were in the clips that error rates of videos were measured on.
MEASURED_PEOPLE = 2


@dataclass(frozen=True)
class Rule:
    """How a person's samples become a verdict.

    Attributes:
        aggregation: str. A name of `aggregation.AGGREGATIONS`.
        threshold: float. P(fake) that verdicts are made at.
        clips: ClipFigures. What was measured of the model on clips, if anything was. Its
            calibration holds for the aggregation that it was measured with.
        is_own: bool. Whether the threshold is the model's own, which that was measured at.
    """

    aggregation: str
    threshold: float
    clips: ClipFigures | None = None
    is_own: bool = True

    @property
    def measured(self) -> ClipFigures | None:
        """What is known of verdicts by this rule."""
        fits = self.clips is not None and self.clips.aggregation == self.aggregation
        return self.clips if fits and self.is_own else None

    def p_fake(self, p_fakes: Sequence[float]) -> float:
        """P(fake) of a person, or of a part of the samples, from that of the samples."""
        together = AGGREGATIONS[self.aggregation](p_fakes)
        if self.clips is None or self.clips.aggregation != self.aggregation:
            return together
        return float(verdict.calibrate(logits([together]), self.clips)[0])

    def band(
        self, manifest: ModelManifest, people: Sequence[Sequence[float]], others: int = 0
    ) -> Band:
        """The uncertain band for so many people: one is soon called fake by mistake among many.

        Of up to two, as in the clips that were measured. Of more, k of n people are called fake
        together where all k reach what the most suspicious of n / k faces of a picture must reach:
        so a mistake is no more frequent than with one person, whether the others are other people,
        or one who is counted anew after each cut (Simes 1986, Biometrika 73:3).

        Args:
            manifest: ModelManifest. Its band and what was measured elsewhere.
            people: sequence of sequence of float. P(fake) of each judged face of each person who
                may be called fake.
            others: int. How many more there are, who were seen too little. Defaults to nobody.

        Returns:
            (low, high), as of `verdict.uncertain_band`.
        """
        count = len(people) + others
        if count <= MEASURED_PEOPLE:
            return verdict.uncertain_band(manifest, self.threshold, max(1, count), elsewhere=False)
        highest = sorted(map(self.p_fake, people), reverse=True)
        for together in range(max(1, len(people)), 0, -1):
            band = verdict.uncertain_band(manifest, self.threshold, ceil(count / together))
            if highest and highest[together - 1] >= max(self.threshold, band[1]):
                break
        return band

    def judged(self, shot: int, track: Sequence[Sample], band: Band) -> Person:
        """The verdict on a person.

        Args:
            shot: int. The number of the shot.
            track: sequence of Sample. In order of time.
            band: (low, high). The uncertain band, for as many people as there are.
        """
        judged = scores(track)
        scored = [p_fake for _, p_fake in judged]
        reasons = list(_common(sample.face.reasons for sample in track))
        if not scored:
            return Person(shot, tuple(track), None, "not_applicable", tuple(reasons))
        p_fake = self.p_fake(scored)
        said: Verdict = verdict.decide(p_fake, self.threshold, band)
        if not is_seen_enough(judged):
            reasons.append("few_frames")
            said = "uncertain" if said == "fake" else said
        elif said == "fake" and (
            fake_stretches(scored, self.p_fake, self.threshold) < NEEDED_STRETCHES
        ):
            reasons.append("one_stretch")
            said = "uncertain"
        return Person(shot, tuple(track), p_fake, said, tuple(reasons))


def scores(track: Sequence[Sample]) -> list[tuple[float, float]]:
    """(time, P(fake)) of the samples whose face was judged."""
    return [(s.time, s.face.p_fake) for s in track if s.face.p_fake is not None]


def is_seen_enough(judged: Sequence[tuple[float, float]]) -> bool:
    """Whether somebody with these `scores` may be called fake."""
    return len(judged) >= FEW and judged[-1][0] - judged[0][0] >= SHORTEST


def follow(frames: Sequence[Sequence[FaceReport]]) -> list[list[Sighting]]:
    """Put the faces of one shot's samples together by person.

    Args:
        frames: sequence of sequence of FaceReport. The faces of each sample, in order of time.

    Returns:
        For each person (number of the sample, face), in order of time; the person who is seen in
        most samples first.
    """
    people: list[list[Sighting]] = []
    for number, faces in enumerate(frames):
        pairs = sorted(
            (_distance(person[-1][1], face), who, which)
            for who, person in enumerate(people)
            if number - person[-1][0] <= MISSED
            for which, face in enumerate(faces)
        )
        taken_people, taken_faces = set[int](), set[int]()
        for distance, who, which in pairs:
            if distance <= MOVED and who not in taken_people and which not in taken_faces:
                taken_people.add(who)
                taken_faces.add(which)
                people[who].append((number, faces[which]))
        # Samples lie a second apart and more: whoever walks is further away by then.
        rest = [
            (who, which)
            for distance, who, which in pairs
            if distance <= MOVED_ALONE and who not in taken_people and which not in taken_faces
        ]
        for who, which in rest:
            if sum(who == w or which == f for w, f in rest) == 1:
                taken_faces.add(which)
                people[who].append((number, faces[which]))
        people += [[(number, face)] for which, face in enumerate(faces) if which not in taken_faces]
    return sorted(people, key=len, reverse=True)


def _distance(earlier: FaceReport, later: FaceReport) -> float:
    """How far the key points have moved, in sides of the face; infinite for another size."""
    sides = [max(f.box[2] - f.box[0], f.box[3] - f.box[1], 1) for f in (earlier, later)]
    if max(sides) > GROWN * min(sides):
        return float("inf")
    moved = np.linalg.norm(earlier.keypoints - later.keypoints, axis=1).mean()
    return float(moved / (sum(sides) / 2))


def _common(reasons: Iterable[Sequence[str]]) -> list[str]:
    """Reasons of more than half."""
    found = [set(of_one) for of_one in reasons]
    counts = Counter(reason for of_one in found for reason in of_one)
    return [reason for reason, count in counts.items() if 2 * count > len(found)]
