"""A trained network → a model folder: exported, calibrated, tested, with manifest and card."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepfake import preprocessing, verdict
from deepfake.errors import TrainingError
from deepfake.evaluation import metrics
from deepfake.modelstore.litert import LiteRTBackend
from deepfake.modelstore.manifest import (
    MANIFEST_NAME,
    Calibration,
    Labels,
    ModelManifest,
    OperatingPoint,
    OperatingPoints,
    Output,
)
from deepfake.settings import Settings
from deepfake.training import augmentation, blending, calibration, card, export
from deepfake.training.dataset import FaceReader, Sample, served_crop
from deepfake.training.trainer import TrainingConfig

# Faces whose logits are compared between the Keras and the LiteRT file.
PARITY_FACES = 32
STARTS = {"imagenet": "ImageNet weights", "none": "random weights"}
UNCALIBRATED = Calibration(temperature=1.0, bias=0.0, fitted_on="nothing")


@dataclass(frozen=True)
class Description:
    """What cannot be measured and has to be said.

    Attributes:
        name: str. Of the model.
        version: str. Of the model.
        licence: str. Of the weights.
    """

    name: str
    version: str
    licence: str


@dataclass(frozen=True)
class ScoredSet:
    """Crops of one split with their logits.

    Attributes:
        logits: float array (count,). Growing with "fake", not calibrated.
        labels: int array (count,). 1 for fake.
        sources: list of str. Source of each.
    """

    logits: np.ndarray
    labels: np.ndarray
    sources: list[str]

    def __add__(self, other: ScoredSet) -> ScoredSet:
        return ScoredSet(
            np.concatenate([self.logits, other.logits]),
            np.concatenate([self.labels, other.labels]),
            self.sources + other.sources,
        )


def ship(
    network: keras.Model,
    samples: Sequence[Sample],
    config: TrainingConfig,
    folder: Path,
    description: Description,
) -> ModelManifest:
    """Export, calibrate on "valid", measure on "test", and write a model folder.

    Args:
        network: keras.Model. As of `trainer.fit`.
        samples: sequence of Sample. All splits.
        config: TrainingConfig. Of the run.
        folder: Path. Where the model goes; files of an earlier export are replaced.
        description: Description. Name, version and licence.

    Returns:
        The manifest, as written.

    Raises:
        TrainingError: the exported file differs from the network, or a split lacks faces.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reader = FaceReader(config.input)
    valid = [s for s in samples if s.split == "valid"]
    test = [s for s in samples if s.split == "test"] or valid
    valid_crops = reader.crops(valid)
    test_crops = valid_crops if test is valid else reader.crops(test)
    for pairs in (valid_crops, test_crops):
        if {sample.label for sample, _ in pairs} != {0, 1}:
            raise TrainingError(
                "Faces were found in only one class of the validation or the test pictures, so "
                "nothing can be measured. Look at the lines “skipped” above."
            )
    crops = np.stack([crop for _, crop in valid_crops[:PARITY_FACES]])
    difference = export.export(network, folder, preprocessing.scale(crops, config.input))
    manifest = _draft(config, folder, samples, description)
    backend = LiteRTBackend((folder / export.LITERT_FILE).read_bytes(), manifest, Settings())

    def score(pairs: Sequence[tuple[Sample, np.ndarray]]) -> ScoredSet:
        return _score(backend, manifest, pairs)

    chosen_on = score(valid_crops) + score(_damaged(valid_crops, config.seed))
    chosen_on += score(_blended(reader, valid, config))
    temperature, bias = calibration.fit_platt(chosen_on.logits, chosen_on.labels)
    fitted = Calibration(
        temperature=temperature,
        bias=bias,
        fitted_on="the validation split, as it is and damaged at random, with blended fakes",
    )
    decision = calibration.choose(
        verdict.calibrate(chosen_on.logits, fitted), chosen_on.labels, chosen_on.sources
    )
    tested = {
        "clean": score(test_crops),
        "damaged": score(_damaged(test_crops, config.seed + 1)),
        "blended": score(_blended(reader, test, config)),
    }
    measured_on = (
        "the held-out test split of the training data"
        if test is not valid
        else "the validation split, which the threshold was chosen on: expect more errors"
    )
    manifest = _finish(manifest, fitted, decision, tested, difference, measured_on)
    part = folder / f"part-{MANIFEST_NAME}"
    part.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    shutil.move(part, folder / MANIFEST_NAME)
    (folder / "README.md").write_text(card.write(manifest), encoding="utf-8")
    return manifest


def _draft(
    config: TrainingConfig, folder: Path, samples: Sequence[Sample], description: Description
) -> ModelManifest:
    trained = [sample for sample in samples if sample.split == "train"]
    counts = Counter((("real", "fake")[sample.label], sample.source) for sample in trained)
    sources = {
        word: ", ".join(
            f"{source} {n}" for (label, source), n in sorted(counts.items()) if label == word
        )
        for word in ("real", "fake")
    }
    data = (
        f"{len(trained)} pictures. Real: {sources['real']}. Fake: {sources['fake'] or 'none'}. "
        f"{100 * config.blend_share:.0f} % of the fakes in training were blended from the real "
        "faces on the fly (self-blended images and mesh-driven swaps). Started from "
        f"{STARTS.get(config.weights, 'another network trained on this data')}."
    )
    return ModelManifest(
        format=1,
        name=description.name,
        version=description.version,
        architecture=config.architecture,
        labels=Labels(order=("real", "fake"), fake="fake"),
        input=config.input,
        output=Output(score="logit", kind="logit", evidence="evidence"),
        calibration=UNCALIBRATED,
        threshold=0.5,
        uncertain_band=(0.5, 0.5),
        files={
            name: export.sha256(folder / name) for name in (export.LITERT_FILE, export.KERAS_FILE)
        },
        licence=description.licence,
        training_data=data,
    )


def _finish(
    manifest: ModelManifest,
    fitted: Calibration,
    decision: calibration.Decision,
    tested: dict[str, ScoredSet],
    difference: float,
    measured_on: str,
) -> ModelManifest:
    p_fakes = {kind: verdict.calibrate(part.logits, fitted) for kind, part in tested.items()}
    clean = tested["clean"]
    reals = clean.labels == 0
    figures: dict[str, Any] = {
        "measured_on": measured_on,
        "litert_keras_largest_logit_difference": round(difference, 5),
        "test": metrics.summarise(p_fakes["clean"], clean.labels),
        "test_damaged": metrics.summarise(p_fakes["damaged"], tested["damaged"].labels),
        "test_blended": metrics.summarise(
            np.concatenate([p_fakes["clean"][reals], p_fakes["blended"]]),
            np.concatenate([clean.labels[reals], tested["blended"].labels]),
        ),
        "sources": metrics.verdict_shares(
            np.concatenate([p_fakes["clean"], p_fakes["blended"]]),
            clean.sources + tested["blended"].sources,
            decision.threshold,
            decision.band,
        ),
        "sources_damaged": metrics.verdict_shares(
            p_fakes["damaged"], tested["damaged"].sources, decision.threshold, decision.band
        ),
    }
    points = metrics.operating_points(p_fakes["clean"], clean.labels)
    return manifest.model_copy(
        update={
            "calibration": fitted,
            "threshold": decision.threshold,
            "uncertain_band": decision.band,
            "operating_points": OperatingPoints(
                measured_on=measured_on,
                reals=int(reals.sum()),
                fakes=int((~reals).sum()),
                points=tuple(OperatingPoint(**point) for point in points),
            ),
            "metrics": figures,
        }
    )


def _score(
    backend: LiteRTBackend, manifest: ModelManifest, pairs: Sequence[tuple[Sample, np.ndarray]]
) -> ScoredSet:
    raw = [backend.scores(preprocessing.scale(crop[None], manifest.input)).raw for _, crop in pairs]
    logits = verdict.fake_logits(np.concatenate(raw), manifest)
    labels = np.array([sample.label for sample, _ in pairs])
    return ScoredSet(logits, labels, [sample.source for sample, _ in pairs])


def _damaged(
    pairs: Sequence[tuple[Sample, np.ndarray]], seed: int
) -> list[tuple[Sample, np.ndarray]]:
    """The same crops after delivery damage, repeatable."""
    random = np.random.default_rng([seed, 3])
    return [(sample, augmentation.damage(crop, random)) for sample, crop in pairs]


def _blended(
    reader: FaceReader, samples: Sequence[Sample], config: TrainingConfig
) -> list[tuple[Sample, np.ndarray]]:
    """A blended fake of each real face of a split, cut out as in serving."""
    reals = reader.training_faces([s for s in samples if s.label == 0])
    fakes = blending.fakes_of(reals, np.random.default_rng([config.seed, 4]))
    return [(Sample(Path(), 1, "", fake.source), served_crop(fake, config.input)) for fake in fakes]
