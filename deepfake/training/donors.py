"""Whose features fit a face: alike in pose and colour, as a forger would choose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepfake.training.face_reader import TrainingFace

# A donor is the best of this many random faces.
CANDIDATES = 10


def look(face: TrainingFace) -> np.ndarray:
    """Pose (the mesh, centred and scaled) and colour of a face.

    Args:
        face: TrainingFace.

    Returns:
        float array (294,); the mean absolute difference of two tells how alike the faces are.
    """
    mesh = face.mesh[::4]
    pose = (mesh - mesh.mean(axis=0)) / max(float(mesh.std()), 1e-6)
    left, top, right, bottom = np.clip(face.box, 0, None).astype(int)
    colour = face.pixels[top : bottom + 1, left : right + 1].mean(axis=(0, 1)) / 128.0
    return np.concatenate([pose.ravel(), np.repeat(colour, 20)])


def choose(
    wanted: np.ndarray,
    looks: Sequence[np.ndarray],
    allowed: Sequence[int] | np.ndarray,
    random: np.random.Generator,
) -> int | None:
    """Choose a donor.

    Args:
        wanted: float array. Look of the face that is to be changed.
        looks: sequence of arrays. Looks of all faces.
        allowed: sequence or array of int. Indices of those that may be taken.
        random: Generator. Draws the candidates.

    Returns:
        An index; None where nobody is allowed.
    """
    if not len(allowed):
        return None
    candidates = [int(allowed[int(i)]) for i in random.integers(0, len(allowed), CANDIDATES)]
    distances = [float(np.abs(looks[index] - wanted).mean()) for index in candidates]
    return candidates[int(np.argmin(distances))]
