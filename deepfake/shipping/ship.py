"""A trained network → a model folder: exported, calibrated, tested, with manifest and card."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepfake import preprocessing, verdict
from deepfake.datasets.samples import Sample
from deepfake.detector import Detector
from deepfake.errors import TrainingError
from deepfake.evaluation import data, evaluator, metrics, report
from deepfake.evaluation.data import EvaluationSet
from deepfake.evaluation.evaluator import ModelScores
from deepfake.evaluation.scoring import Judged
from deepfake.forging import augmentation, blend_faces, resynthesis
from deepfake.forging.face_reader import FaceReader
from deepfake.formatting import printable
from deepfake.manifest import (
    MANIFEST_NAME,
    Calibration,
    Labels,
    ModelManifest,
    OperatingPoint,
    OperatingPoints,
    Output,
)
from deepfake.modelstore.backends.litert import LiteRTBackend
from deepfake.modelstore.resolve import LoadedModel
from deepfake.networks import flip_averaging
from deepfake.settings import Settings
from deepfake.shipping import calibration, card, cross_source, export
from deepfake.shipping.description import Description
from deepfake.training.config import TrainingConfig
from deepfake.training.run_folder import HISTORY, RunFolder

EVALUATION = "evaluation"
# Faces whose logits are compared between the Keras and the LiteRT file.
PARITY_FACES = 32
# Reals of a split that fakes are made from; a swap takes longer than everything else.
FORGED_REALS = 500
# How many times each is forged, and from which seed on. With another seed, AUCs of the same network
# differed by up to 0.025 (other reals were drawn): it must not be that of the training.
FORGINGS = 3
FORGING_SEED = 0
STARTS = {"imagenet": "ImageNet weights", "none": "random weights"}
UNCALIBRATED = Calibration(temperature=1.0, bias=0.0, fitted_on="nothing")
FITTED_ON = (
    "the validation split, as it is and damaged at random, both classes weighing the same, without "
    "face swaps, for which it does not hold"
)
ONE_CLASS = (
    "Faces were found in only one class of the validation or the test pictures, so nothing can be "
    "measured. Look at the lines “skipped” above."
)
# Figures of the report that the manifest repeats.
REPEATED = (
    "reals", "fakes", "roc_auc", "roc_auc_95", "average_precision", "equal_error_rate",
    "balanced_accuracy", "false_positive_rate", "true_positive_rate", "ece", "ece_equal_classes",
    "brier",
)  # fmt: skip


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


def ship(
    network: keras.Model,
    division: cross_source.Division,
    config: TrainingConfig,
    folder: Path,
    description: Description,
    *,
    grid_faces: int = evaluator.GRID_FACES,
    edited_faces: int = evaluator.EDITED_FACES,
) -> ModelManifest:
    """Export, calibrate on "valid", measure on "test", and write a model folder.

    Args:
        network: keras.Model. As of `trainer.fit`.
        division: Division. The samples of all splits, and those that were left out of the
            training, to be measured as well.
        config: TrainingConfig. Of the run.
        folder: Path. Where the model goes; files of an earlier export are replaced. A
            `history.csv` in it is drawn, and with an autoencoder in it, resynthesised fakes are
            measured as well.
        description: Description. What is to be said of the model, and how it is to judge.
        grid_faces: int. Test faces for the robustness grid; 0 for none.
        edited_faces: int. Test faces for the table of edited pictures; 0 for none.

    Returns:
        The manifest, as written.

    Raises:
        TrainingError: the exported file differs from the network, a split lacks faces, or the rule
            is not known.
    """
    calibration.check_rule(description.threshold_rule)
    samples = division.kept
    folder.mkdir(parents=True, exist_ok=True)
    resynthesizer = None
    if (folder / resynthesis.FILE).is_file():
        resynthesizer = resynthesis.load_or_fit([], config.seed, folder)
    reader = FaceReader(config.input)
    valid = [s for s in samples if s.split == "valid"]
    test = [s for s in samples if s.split == "test"] or valid
    crops = [] if len({sample.label for sample in test}) < 2 else reader.crops(valid)
    if {sample.label for sample, _ in crops} != {0, 1}:
        raise TrainingError(ONE_CLASS)
    if description.flip_average:
        network = flip_averaging.flip_averaged(network)
    parity = np.stack([crop for _, crop in crops[:PARITY_FACES]])
    # With an older manifest beside newer files, a run that is cut off would look finished.
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    difference = export.export(network, folder, preprocessing.scale(parity, config.input))
    # A network that ends in more than one dense layer has no exact map.
    evidence = "evidence" if "evidence" in network.output else None
    manifest = _draft(config, folder, samples, description, evidence)
    backend = LiteRTBackend((folder / export.LITERT_FILE).read_bytes(), manifest, Settings())

    def forged(split: Sequence[Sample]) -> list[ScoredSet]:
        reals = data.draw([s for s in split if s.label == 0], FORGED_REALS, FORGING_SEED)
        faces = reader.training_faces(reals)
        forgings = []
        for number in range(FORGINGS):
            made = blend_faces.forge(faces, config.input, FORGING_SEED + number, resynthesizer)
            forgings.append(_score(backend, manifest, made.crops, made.labels, made.sources))
        return forgings

    manifest, decision = _calibrated(
        manifest, backend, crops, forged(valid), config.seed, description.threshold_rule
    )
    model = LoadedModel(manifest, backend, manifest.files[export.LITERT_FILE])
    # A table may name some files by their whole path, and these have no folder in common with
    # relative ones.
    placed = tuple(replace(sample, path=sample.path.absolute()) for sample in test)
    root = Path(os.path.commonpath([sample.path.parent for sample in placed]))
    tested = EvaluationSet(test[0].split, root, placed, f"the split “{test[0].split}”")
    detector = Detector(model)
    scores = evaluator.evaluate(
        description.name, detector, [tested],
        grid_faces=grid_faces, edited_faces=edited_faces, seed=config.seed,
    )  # fmt: skip
    if len(np.unique(Judged.of(scores.sets[0].clean).labels)) < 2:
        raise TrainingError(ONE_CLASS)
    measured_on = (
        "the held-out test split of the training data"
        if test is not valid
        else "the validation split, which the threshold was chosen on: expect more errors"
    )
    document = report.build(
        [scores],
        {
            "measured_on": measured_on,
            "threshold_rule": description.threshold_rule,
            "threshold_reached": decision.reached(),
            "blends": _blends(manifest, forged(test)),
            "protocols": cross_source.measure(
                detector, division, config.seed, taught=bool(config.teachers)
            ),
            "card": {"command": description.command, "data": description.data},
        },
    )
    manifest = _measured(manifest, scores, document, difference)
    history = folder / HISTORY
    document = report.write(
        document, [scores], folder / EVALUATION,
        {description.name: history} if history.is_file() else None,
    )  # fmt: skip
    (folder / card.FILE).write_text(card.write(manifest, document), encoding="utf-8")
    # Last, since a run with a manifest counts as finished.
    part = folder / f"part-{MANIFEST_NAME}"
    part.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    shutil.move(part, folder / MANIFEST_NAME)
    return manifest


def _draft(
    config: TrainingConfig,
    folder: Path,
    samples: Sequence[Sample],
    description: Description,
    evidence: str | None,
) -> ModelManifest:
    trained = [sample for sample in samples if sample.split == "train"]
    counts = Counter((("real", "fake")[sample.label], sample.source) for sample in trained)
    sources = {
        word: ", ".join(
            f"{source} {n}" for (label, source), n in sorted(counts.items()) if label == word
        )
        for word in ("real", "fake")
    }
    training_data = (
        f"{len(trained)} pictures. Real: {sources['real']}. Fake: {sources['fake'] or 'none'}. "
        f"{100 * config.blend_share:.0f} % of the fakes in training were blended from the real "
        "faces on the fly (self-blended images and mesh-driven swaps)"
        + (
            f", {100 * config.resynthesis_share:.0f} % were real faces sent through a small "
            "autoencoder or an up-sampling chain"
            if config.resynthesis_share
            else ""
        )
        + f". Started from {STARTS.get(config.weights, 'a network that was trained before')}."
        + _taught(config, folder)
    )
    return ModelManifest(
        format=1,
        name=description.name,
        version=description.version_name,
        architecture=config.architecture
        + (f", {flip_averaging.SAID}" if description.flip_average else ""),
        labels=Labels(order=("real", "fake"), fake="fake"),
        input=config.input,
        output=Output(score="logit", kind="logit", evidence=evidence),
        calibration=UNCALIBRATED,
        threshold=0.5,
        uncertain_band=(0.5, 0.5),
        files={
            name: export.sha256(folder / name) for name in (export.LITERT_FILE, export.KERAS_FILE)
        },
        licence=description.licence,
        training_data=printable(training_data),
    )


def _taught(config: TrainingConfig, folder: Path) -> str:
    if not config.teachers:
        return ""
    names = [
        f"{teacher['name']} {teacher['version']} (SHA-256 {teacher['sha256'][:8]}…)"
        for teacher in RunFolder(folder).teachers()
    ]
    share = f"{100 * config.teacher_share:.0f} %"
    return f" Learned also from other models, with a weight of {share}: {', '.join(names)}."


def _calibrated(
    manifest: ModelManifest,
    backend: LiteRTBackend,
    crops: Sequence[tuple[Sample, np.ndarray]],
    forgings: Sequence[ScoredSet],
    seed: int,
    rule: str,
) -> tuple[ModelManifest, calibration.Decision]:
    """With calibration, threshold and band, all of validation faces."""
    labels = np.array([sample.label for sample, _ in crops])
    sources = tuple(sample.source for sample, _ in crops)
    random = np.random.default_rng([seed, 3])
    clean = np.stack([crop for _, crop in crops])
    damaged = np.stack([augmentation.damage(crop, random) for crop in clean])
    delivered = _score(backend, manifest, clean, labels, sources)
    delivered += _score(backend, manifest, damaged, labels, sources)
    # Blended faces can look all but real to the network. With them among the fakes, every middling
    # score is called too fake for the real and generated faces: their ECE was three times as large.
    temperature, bias = calibration.fit_platt(delivered.logits, delivered.labels)
    fitted = Calibration(temperature=temperature, bias=bias, fitted_on=FITTED_ON)
    # Whether a face may be called "real", though, depends on the blended ones as well.
    everything = delivered + forgings[0].fakes("blended")
    for forged in forgings[1:]:
        # Both kinds of fakes once more, so that their shares stay.
        everything += delivered.fakes() + forged.fakes("blended")
    decision = calibration.choose(
        verdict.calibrate(everything.logits, fitted), everything.labels, everything.sources, rule
    )
    update = {
        "calibration": fitted,
        "threshold": decision.threshold,
        "uncertain_band": decision.band,
    }
    return manifest.model_copy(update=update), decision


def _blends(manifest: ModelManifest, forgings: Sequence[ScoredSet]) -> list[dict[str, Any]]:
    """By kind of forgery: how it was judged, and its AUC against the reals it was made from."""
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
        if row["label"] == "fake":
            fakes = p_fake[(names == row["source"]) & (forged.labels == 1)]
            truth = np.repeat([0, 1], [len(reals), len(fakes)])
            edges = metrics.bootstrap_auc(np.concatenate([reals, fakes]), truth, seed=0)
            described.append(
                {**row, "reals": len(reals), "roc_auc_95": [round(edge, 4) for edge in edges]}
            )
    return described


def _measured(
    manifest: ModelManifest, scores: ModelScores, document: Mapping[str, Any], difference: float
) -> ModelManifest:
    """With operating points, and the main figures of the report."""
    clean = Judged.of(scores.sets[0].clean)
    tiers = {tier["name"]: tier["figures"] for tier in document["models"][0]["sets"][0]["tiers"]}
    repeated = {
        f"test_{name}" if name != "clean" else "test": {key: figures[key] for key in REPEATED}
        for name, figures in tiers.items()
    }
    points = metrics.operating_points(clean.p_fake, clean.labels)
    return manifest.model_copy(
        update={
            "operating_points": OperatingPoints(
                measured_on=document["measured_on"],
                reals=int((clean.labels == 0).sum()),
                fakes=int((clean.labels == 1).sum()),
                points=tuple(OperatingPoint(**point) for point in points),
            ),
            "metrics": {
                "measured_on": document["measured_on"],
                "litert_keras_largest_logit_difference": round(difference, 5),
                **repeated,
                "test_blended": {row["source"]: row["roc_auc"] for row in document["blends"]},
            },
        }
    )


def _score(
    backend: LiteRTBackend,
    manifest: ModelManifest,
    crops: np.ndarray,
    labels: np.ndarray,
    sources: tuple[str, ...],
) -> ScoredSet:
    raw = [backend.scores(preprocessing.scale(crop[None], manifest.input)).raw for crop in crops]
    return ScoredSet(verdict.fake_logits(np.concatenate(raw), manifest), labels, sources)
