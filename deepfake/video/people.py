"""Faces followed from sample to sample, so that a person is judged, not a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepfake.report import FaceReport

# In sides of the face: how far its key points may have moved on average, and by which factor it
# may have grown, from one sample to the next.
MOVED, GROWN = 0.9, 1.7
# Samples in which a face may be missed before it counts as gone.
MISSED = 3
Sighting = tuple[int, FaceReport]


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
        people += [[(number, face)] for which, face in enumerate(faces) if which not in taken_faces]
    return sorted(people, key=len, reverse=True)


def _distance(earlier: FaceReport, later: FaceReport) -> float:
    """How far the key points have moved, in sides of the face; infinite for another size."""
    sides = [max(f.box[2] - f.box[0], f.box[3] - f.box[1], 1) for f in (earlier, later)]
    if max(sides) > GROWN * min(sides):
        return float("inf")
    moved = np.linalg.norm(earlier.keypoints - later.keypoints, axis=1).mean()
    return float(moved / (sum(sides) / 2))
