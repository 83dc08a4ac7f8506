"""Models and sets → scores: every file, in three tiers, and samples, edited and in the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]

from deepfake.detector import Detector
from deepfake.evaluation import robustness, scoring
from deepfake.evaluation.data import EvaluationSet, draw
from deepfake.evaluation.document import Latency
from deepfake.evaluation.robustness import Delivery
from deepfake.evaluation.scoring import FileScore
from deepfake.manifest import ModelManifest
from deepfake.verdict import uncertain_band

GRID_FACES = 100
EDITED_FACES = 1000


Delivered = tuple[tuple[Delivery, Sequence[FileScore]], ...]


@dataclass(frozen=True)
class SetScores:
    """One model's scores of one set.

    Attributes:
        data: EvaluationSet. The files.
        tiers: dict. Name of the tier → scores, in the order of the files; always with "clean".
        grid: tuple of (Delivery, scores). Of a sample of the files; empty where not asked for.
        edits: tuple of (Delivery, scores). Likewise.
    """

    data: EvaluationSet
    tiers: Mapping[str, Sequence[FileScore]]
    grid: Delivered = ()
    edits: Delivered = ()

    @property
    def clean(self) -> Sequence[FileScore]:
        """Scores of the files as they are."""
        return self.tiers[robustness.CLEAN.name]


@dataclass(frozen=True)
class ModelScores:
    """One model's scores of all sets.

    Attributes:
        name: str. Different for each model.
        manifest: ModelManifest. Of the model.
        sha256: str. Of its weights.
        threshold: float. P(fake) that verdicts were made at.
        band: (low, high). The uncertain band around it.
        sets: tuple of SetScores.
        latency: Latency or None. As of `scoring.latency`.
    """

    name: str
    manifest: ModelManifest
    sha256: str
    threshold: float
    band: tuple[float, float]
    sets: tuple[SetScores, ...]
    latency: Latency | None = None


def evaluate(
    name: str,
    detector: Detector,
    sets: Sequence[EvaluationSet],
    *,
    tiers: bool = True,
    grid_faces: int = GRID_FACES,
    edited_faces: int = EDITED_FACES,
    seed: int = 0,
) -> ModelScores:
    """Judge every file of every set.

    Args:
        name: str. What the model is called in tables and figures.
        detector: Detector. The model and its threshold.
        sets: sequence of EvaluationSet.
        tiers: bool. Whether to judge each file in the tiers "web" and "hard" as well.
        grid_faces: int. How many files of each set go through the robustness grid, half of each
            class where both are there; 0 for none.
        edited_faces: int. How many of them are judged edited, chosen likewise.
        seed: int. Of the drawing of these.

    Returns:
        The scores.
    """
    deliveries = robustness.TIERS if tiers else (robustness.CLEAN,)
    scored = []
    for data in sets:
        title = f"{name} on {data.name}"
        with tqdm(total=len(data.samples), desc=title, unit="file", disable=None) as bar:
            rows = scoring.score(detector, data.samples, deliveries, bar.update)
        names = [delivery.name for delivery in deliveries]
        scored.append(
            SetScores(
                data,
                dict(zip(names, rows, strict=True)),
                _sample(detector, data, robustness.grid(), grid_faces, seed, f"{title}, grid"),
                _sample(detector, data, robustness.edits(), edited_faces, seed, f"{title}, edits"),
            )
        )
    return ModelScores(
        name,
        detector.model.manifest,
        detector.model.sha256,
        detector.threshold,
        uncertain_band(detector.model.manifest, detector.threshold),
        tuple(scored),
        scoring.latency(detector, [sample for data in sets for sample in data.samples]),
    )


def _sample(
    detector: Detector,
    data: EvaluationSet,
    deliveries: Sequence[Delivery],
    faces: int,
    seed: int,
    title: str,
) -> Delivered:
    """Some files of a set, half of each class where both are there, in each delivery."""
    classes = [[s for s in data.samples if s.label == label] for label in (0, 1)]
    both = all(classes)
    counts = (faces // 2, faces - faces // 2) if both else (faces, faces)
    drawn = [
        sample
        for samples, count in zip(classes, counts, strict=True)
        for sample in draw(samples, count, seed)
    ]
    if not drawn:
        return ()
    with tqdm(total=len(drawn), desc=title, unit="file", disable=None) as bar:
        rows = scoring.score(detector, drawn, deliveries, bar.update)
    return tuple(zip(deliveries, rows, strict=True))
