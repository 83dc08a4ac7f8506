"""Fakes made from the real faces of a split, and what a network says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepfake import preprocessing, verdict
from deepfake.datasets.samples import Sample
from deepfake.evaluation import data, metrics
from deepfake.evaluation.document import BlendFigures
from deepfake.forging import blend_faces
from deepfake.forging.face_reader import FaceReader
from deepfake.manifest import ModelManifest
from deepfake.modelstore.backends.litert import LiteRTBackend

# Reals of a split that fakes are made from; a swap takes longer than everything else.
FORGED_REALS = 500
# How many times each is forged, and from which seed on. With another seed, AUCs of the same network
# differed by up to 0.025 (other reals were drawn): it must not be that of the training.
FORGINGS = 3
FORGING_SEED = 0


@dataclass(frozen=True)
class ScoredSet:
    """Crops of one split with their logits.

    Attributes:
        logits: float array (count,). Growing with "fake", not calibrated.
        labels: int array (count,). 1 for fake.
        sources: tuple of str. Source of each.
    """

    logits: np.ndarray
    labels: np.ndarray
    sources: tuple[str, ...]

    @classmethod
    def of(
        cls,
        backend: LiteRTBackend,
        manifest: ModelManifest,
        crops: np.ndarray,
        labels: np.ndarray,
        sources: tuple[str, ...],
    ) -> ScoredSet:
        """Score crops, one by one as when serving.

        Args:
            backend: LiteRTBackend. The network.
            manifest: ModelManifest. Says what it looks at and returns.
            crops: uint8 array (count, size, size, 3). As the served network sees them.
            labels: int array (count,). 1 for fake.
            sources: tuple of str. Source of each.
        """
        raw = [
            backend.scores(preprocessing.scale(crop[None], manifest.input)).raw for crop in crops
        ]
        return cls(verdict.fake_logits(np.concatenate(raw), manifest), labels, sources)

    def __add__(self, other: ScoredSet) -> ScoredSet:
        return ScoredSet(
            np.concatenate([self.logits, other.logits]),
            np.concatenate([self.labels, other.labels]),
            self.sources + other.sources,
        )

    def fakes(self, source: str = "") -> ScoredSet:
        """The fakes alone, perhaps under another name of their source."""
        kept = np.flatnonzero(self.labels == 1)
        sources = tuple(source or self.sources[place] for place in kept)
        return ScoredSet(self.logits[kept], self.labels[kept], sources)


def of_split(
    split: Sequence[Sample],
    reader: FaceReader,
    backend: LiteRTBackend,
    manifest: ModelManifest,
    resynthesizer: blend_faces.Forger | None,
) -> list[ScoredSet]:
    """Forge the reals of a split, several times.

    Args:
        split: sequence of Sample. Fakes among them are left alone.
        reader: FaceReader. Finds their faces.
        backend: LiteRTBackend. The network.
        manifest: ModelManifest. Of the network.
        resynthesizer: Forger. Adds resynthesised fakes; None for none.

    Returns:
        Each time the reals, the same ones, and the fakes that were made of them.
    """
    reals = data.draw([s for s in split if s.label == 0], FORGED_REALS, FORGING_SEED)
    faces = reader.training_faces(reals)
    forgings = []
    for number in range(FORGINGS):
        made = blend_faces.forge(faces, manifest.input, FORGING_SEED + number, resynthesizer)
        forgings.append(ScoredSet.of(backend, manifest, made.crops, made.labels, made.sources))
    return forgings


def by_kind(manifest: ModelManifest, forgings: Sequence[ScoredSet]) -> list[BlendFigures]:
    """How each kind was judged, and its AUC against the reals it was made from.

    Args:
        manifest: ModelManifest. Calibrated, with threshold and band.
        forgings: sequence of ScoredSet. As of `of_split`.
    """
    # The reals are the same in each.
    forged = sum((other.fakes() for other in forgings[1:]), start=forgings[0])
    p_fake = verdict.calibrate(forged.logits, manifest.calibration)
    rows = metrics.by_source(
        p_fake, forged.labels, forged.sources, manifest.threshold, manifest.uncertain_band
    )
    reals = p_fake[forged.labels == 0]
    names = np.array(forged.sources)
    described = []
    for row in rows:
        if row.label == "fake":
            fakes = p_fake[(names == row.source) & (forged.labels == 1)]
            truth = np.repeat([0, 1], [len(reals), len(fakes)])
            edges = metrics.bootstrap_auc(np.concatenate([reals, fakes]), truth, seed=0)
            described.append(BlendFigures(**dict(row), reals=len(reals), roc_auc_95=edges))
    return described
