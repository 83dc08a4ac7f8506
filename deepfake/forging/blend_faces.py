"""Fakes of a split's own reals, cut out as in serving: how the model does on forged faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from deepfake.forging import blending
from deepfake.forging.face_reader import TrainingFace, served_crop
from deepfake.manifest import Input

# Of each kind beside blends and swaps, one fake for so many reals.
REALS_A_FAKE = 3


class Forger(Protocol):
    """What `resynthesis.Resynthesizer` is."""

    def fake(self, face: TrainingFace, random: np.random.Generator) -> TrainingFace:
        """A fake of a face."""


@dataclass(frozen=True)
class ForgedSplit:
    """Reals, and fakes made from them by this project.

    Attributes:
        crops: uint8 array (count, size, size, 3). As the served network sees them.
        labels: int array (count,). 1 for fake.
        sources: tuple of str. Of the reals their own, of the fakes the kind of forgery.
    """

    crops: np.ndarray
    labels: np.ndarray
    sources: tuple[str, ...]


def forge(
    reals: Sequence[TrainingFace], spec: Input, seed: int, resynthesizer: Forger | None = None
) -> ForgedSplit:
    """Make fakes of every kind.

    Args:
        reals: sequence of TrainingFace. The real faces of a split.
        spec: Input. The manifest's `input`.
        seed: int. Same seed, same fakes.
        resynthesizer: Forger. Makes resynthesised fakes as well. Defaults to none.

    Returns:
        The reals and the fakes, which went the same way.
    """
    random = np.random.default_rng([seed, 4])
    faces = [*reals, *blending.fakes_of(reals, random)]
    faces += [blending.reenact(face, random) for face in reals[::REALS_A_FAKE]]
    if resynthesizer is not None:
        faces += [resynthesizer.fake(face, random) for face in reals[1::REALS_A_FAKE]]
    return ForgedSplit(
        np.stack([served_crop(face, spec) for face in faces]),
        np.array([face.label for face in faces]),
        tuple(face.source for face in faces),
    )
