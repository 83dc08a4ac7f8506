"""A trained network → a model folder: exported, calibrated, tested, with manifest and card."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from deepfake import preprocessing, verdict
from deepfake.datasets.samples import Sample
from deepfake.detector import Detector
from deepfake.errors import TrainingError
from deepfake.evaluation import evaluator, metrics, report
from deepfake.evaluation.data import EvaluationSet
from deepfake.evaluation.document import CardText, EvaluationReport
from deepfake.evaluation.evaluator import ModelScores
from deepfake.evaluation.scoring import Judged
from deepfake.figures import MainFigures
from deepfake.files.digest import sha256_of
from deepfake.forging import augmentation, resynthesis
from deepfake.forging.face_reader import FaceReader
from deepfake.formatting import printable
from deepfake.manifest import (
    MANIFEST_NAME,
    Calibration,
    Experts,
    Labels,
    Metrics,
    ModelManifest,
    OperatingPoint,
    OperatingPoints,
    OperatingPointsElsewhere,
    Output,
)
from deepfake.modelstore import made_here
from deepfake.modelstore.backends.litert import LiteRTBackend
from deepfake.modelstore.backends.protocol import LOGIT, usual_outputs
from deepfake.modelstore.resolve import LoadedModel
from deepfake.networks import flip_averaging
from deepfake.settings import Settings
from deepfake.shipping import calibration, card, cross_source, elsewhere, export, forgeries
from deepfake.shipping.description import Description
from deepfake.shipping.forgeries import ScoredSet
from deepfake.training.config import TrainingConfig
from deepfake.training.recipe import read_recipe
from deepfake.training.run_folder import HISTORY, RunFolder

# Faces whose logits are compared between the Keras and the LiteRT file.
PARITY_FACES = 32
STARTS = {"imagenet": "ImageNet weights", "none": "random weights"}
UNCALIBRATED = Calibration(temperature=1.0, bias=0.0, fitted_on="nothing")
FITTED_ON = (
    "the validation split, as it is and damaged at random, both classes weighing the same, without "
    "face swaps, for which it does not hold"
)
LEFT_OUT_OF = "faces of sources that were left out of the training"
ONE_CLASS = (
    "Faces were found in only one class of the validation or the test pictures, so nothing can be "
    "measured. Look at the lines “skipped” above."
)


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
    evidence, experts = usual_outputs(network.output) or (None, None)
    output = Output(
        score=LOGIT,
        kind="logit",
        evidence=evidence,
        experts=Experts(seams=experts[0], synthesis=experts[1]) if experts else None,
    )
    manifest = _draft(config, folder, samples, description, output)
    backend = LiteRTBackend((folder / export.LITERT_FILE).read_bytes(), manifest, Settings())

    def forged(split: Sequence[Sample]) -> list[ScoredSet]:
        return forgeries.of_split(split, reader, backend, manifest, resynthesizer)

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
    left_out = cross_source.judge(detector, division, config.seed)
    document = report.build([scores]).with_entries(
        measured_on=measured_on,
        threshold_rule=description.threshold_rule,
        threshold_reached=decision.reached(),
        blends=forgeries.by_kind(manifest, forged(test)),
        protocols=cross_source.measure(
            detector, division, config.seed, bool(config.teachers), left_out
        ),
        card=CardText(command=description.command, data=description.data),
    )
    manifest = _measured(manifest, scores, document, difference).model_copy(
        update={"operating_points_elsewhere": _elsewhere(left_out, manifest, bool(config.teachers))}
    )
    history = folder / HISTORY
    document = report.write(
        document, [scores], folder / card.EVALUATION,
        {description.name: history} if history.is_file() else None,
    )  # fmt: skip
    (folder / card.FILE).write_text(card.write(manifest, document), encoding="utf-8")
    # Last, since a run with a manifest counts as finished.
    part = folder / f"part-{MANIFEST_NAME}"
    part.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    shutil.move(part, folder / MANIFEST_NAME)
    made_here.remember(manifest.files[export.LITERT_FILE], Settings.from_environment())
    return manifest


def _draft(
    config: TrainingConfig,
    folder: Path,
    samples: Sequence[Sample],
    description: Description,
    output: Output,
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
        + _by_recipe(config)
        + f". Started from {STARTS.get(config.weights, 'a network that was trained before')}."
        + _taught(config, folder)
    )
    return ModelManifest(
        format=1,
        name=description.name,
        version=description.version_name,
        architecture=config.architecture
        + (f", {flip_averaging.SAID}" if description.flip_average else ""),
        labels=Labels(order=("real", "fake"), fake=("fake",)),
        input=config.input,
        output=output,
        calibration=UNCALIBRATED,
        threshold=0.5,
        uncertain_band=(0.5, 0.5),
        files={name: sha256_of(folder / name) for name in (export.LITERT_FILE, export.KERAS_FILE)},
        licence=description.licence,
        training_data=printable(training_data),
    )


def _by_recipe(config: TrainingConfig) -> str:
    families = read_recipe(config.recipe).families
    if not families:
        return ""
    shares = ", ".join(f"{name} {family.share:g}" for name, family in families.items())
    return f". The others were drawn by family ({shares})"


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
    damaged = np.stack(
        [preprocessing.expose(augmentation.damage(crop, random), manifest.input) for crop in clean]
    )
    delivered = ScoredSet.of(backend, manifest, clean, labels, sources)
    delivered += ScoredSet.of(backend, manifest, damaged, labels, sources)
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


def _elsewhere(
    left_out: Mapping[str, Judged], manifest: ModelManifest, taught: bool
) -> OperatingPointsElsewhere | None:
    """Of all families together, where reals and fakes are among them."""
    if taught or not left_out:
        # Teachers may have met the sources.
        return None
    return elsewhere.measure(Judged.joined(left_out.values()), manifest.threshold, LEFT_OUT_OF)


def _measured(
    manifest: ModelManifest, scores: ModelScores, document: EvaluationReport, difference: float
) -> ModelManifest:
    """With operating points, and the main figures of the report."""
    clean = Judged.of(scores.sets[0].clean)
    repeated = {
        f"test_{tier.name}" if tier.name != "clean" else "test": MainFigures.of(tier.figures)
        for tier in document.models[0].sets[0].tiers
    }
    points = metrics.operating_points(clean.p_fake, clean.labels)
    return manifest.model_copy(
        update={
            "operating_points": OperatingPoints(
                measured_on=document.measured_on,
                reals=int((clean.labels == 0).sum()),
                fakes=int((clean.labels == 1).sum()),
                points=tuple(OperatingPoint(**point) for point in points),
            ),
            "metrics": Metrics(
                measured_on=document.measured_on,
                litert_keras_largest_logit_difference=round(difference, 5),
                **repeated,
                test_blended={row.source: row.roc_auc for row in document.blends},
            ),
        }
    )
