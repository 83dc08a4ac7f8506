"""Labelled clips → how a model's verdicts on videos come out, in its manifest.

    python -m deepfake.shipping.clips models/default CLIPS.csv --judged SCORES.jsonl

CLIPS.csv has the columns path (beside it), label (real or fake) and perhaps rate and fold. Clips of
sources that the network was fitted on would flatter it: `--left-out 'work/fold{fold}'` names models
like it, each fitted without the sources of a fold, which judge the clips of that fold instead.
Every aggregation is tried on the same scores; the calibration of each is fitted on the clips of
the other folds (without folds, on the other half), so no clip is judged by what it was fitted on.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepfake import verdict
from deepfake.detector import Detector
from deepfake.errors import DeepfakeError, TrainingError
from deepfake.evaluation import metrics
from deepfake.figures import ClipFigures, ClipRates
from deepfake.files import atomic
from deepfake.manifest import MANIFEST_NAME, ModelManifest, read_manifest
from deepfake.report import FaceReport
from deepfake.shipping.calibration import fit_platt
from deepfake.video.aggregation import AGGREGATIONS, DEFAULT, logits
from deepfake.video.detector import VideoDetector
from deepfake.video.people import Rule
from deepfake.video.report import Sample

MEASURED_ON = "clips of sources that the networks which judged them were fitted without"


@dataclass(frozen=True)
class Judged:
    """A clip and the scores of the people in it.

    Attributes:
        label: int. 1 for fake.
        kind: str. What error rates are told apart by, such as how far it is compressed.
        fold: str. Whose sources it is of; "" for none.
        people: tuple of tuple of float. P(fake) of each judged face of each person, by time.
    """

    label: int
    kind: str
    fold: str
    people: tuple[tuple[float, ...], ...]

    def verdict(self, rule: Rule, manifest: ModelManifest) -> tuple[verdict.Verdict, float]:
        """What `deepfake video` would say of it, and the highest P(fake)."""
        band = rule.band(manifest, self.people)
        judged = [
            rule.judged(0, [_sample(number, p) for number, p in enumerate(scores)], band)
            for scores in self.people
        ]
        highest = max((p.p_fake for p in judged if p.p_fake is not None), default=0.0)
        return verdict.worst([person.verdict for person in judged]), highest


def judge(table: Path, model: Path, left_out: str, kept: Path) -> list[Judged]:
    """Judge the clips of a table; those that `kept` has are not judged again.

    Args:
        table: Path. The CSV.
        model: Path. The model's folder.
        left_out: str. Folder of the models that judge instead, with "{fold}"; "" for none.
        kept: Path. Lines of JSON, written on the way.

    Raises:
        DeepfakeError: a model or a clip cannot be read.
    """
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        known = {
            line["path"]: line for line in map(json.loads, kept.read_text().splitlines())
        } if kept.exists() else {}  # fmt: skip
        labels = [{"real": 0, "fake": 1}[row["label"]] for row in rows]
    except (OSError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{table} must be a CSV file with the columns path and label, real or fake ({error})."
        ) from error
    detectors: dict[str, VideoDetector] = {}
    found = []
    for row, label in zip(rows, labels, strict=True):
        fold = row.get("fold", "") if left_out else ""
        if row["path"] not in known:
            folder = Path(left_out.format(fold=fold)) if left_out else model
            if str(folder) not in detectors:
                detectors[str(folder)] = VideoDetector(Detector(folder), DEFAULT)
            report = detectors[str(folder)].detect(table.parent / row["path"])
            people = [[s.face.p_fake for s in person.judged] for person in report.people]
            known[row["path"]] = {"path": row["path"], "people": [p for p in people if p]}
            with kept.open("a") as file:
                file.write(json.dumps(known[row["path"]]) + "\n")
            print(f"{row['path']}: {report.verdict}, {len(report.sampled)} frames", flush=True)
        found.append(
            Judged(
                label, row.get("rate") or "", row.get("fold") or "",
                tuple(tuple(scores) for scores in known[row["path"]]["people"]),
            )
        )  # fmt: skip
    return found


def measure(
    clips: Sequence[Judged], manifest: ModelManifest, aggregation: str, measured_on: str
) -> ClipFigures | None:
    """What verdicts by an aggregation are worth.

    Args:
        clips: sequence of Judged.
        manifest: ModelManifest. Its threshold and uncertain band.
        aggregation: str. A name of `AGGREGATIONS`.
        measured_on: str. What the clips are, for people.

    Returns:
        The figures, each clip judged with the calibration of the others; the calibration that is
        told is that of all. None where a class is missing.
    """
    labels = np.array([clip.label for clip in clips])
    if set(labels.tolist()) != {0, 1}:
        return None
    plain = Rule(aggregation, manifest.threshold)
    raw = np.array([logits([clip.verdict(plain, manifest)[1]])[0] for clip in clips])
    parts = np.array([clip.fold for clip in clips])
    if len(set(parts)) < 2:
        parts = np.arange(len(clips)) // 2 % 2
    # Where no face was judged there is no score, which says nothing of scores.
    seen = np.array([bool(clip.people) for clip in clips])
    said: list[tuple[verdict.Verdict, float]] = [("not_applicable", 0.0)] * len(clips)
    for part in sorted(set(parts.tolist())):
        rest = (parts != part) & seen
        rule = _calibrated(aggregation, manifest, raw[rest], labels[rest])
        for index in np.flatnonzero(parts == part).tolist():
            said[index] = clips[index].verdict(rule, manifest)
    whole = _calibrated(aggregation, manifest, raw[seen], labels[seen]).clips
    assert whole is not None  # noqa: S101  # it was just made
    kinds = sorted({clip.kind for clip in clips} - {""})
    by_kind = [
        rates
        for kind in kinds
        if (rates := _rates(kind, [c.kind == kind for c in clips], labels, said)) is not None
    ]
    everything = _rates("", [True] * len(clips), labels, said)
    assert everything is not None  # noqa: S101  # both classes are there
    return whole.model_copy(
        update={"measured_on": measured_on, "all": everything, "by_kind": tuple(by_kind)}
    )


def _calibrated(
    aggregation: str, manifest: ModelManifest, raw: np.ndarray, labels: np.ndarray
) -> Rule:
    temperature, bias = fit_platt(raw, labels)
    none = ClipRates(
        reals=1, fakes=1, roc_auc=0, reals_called_fake=0, fakes_caught=0, fakes_called_real=0
    )
    clips = ClipFigures(
        measured_on="", aggregation=aggregation, temperature=round(temperature, 4),
        bias=round(bias, 4), all=none,
    )  # fmt: skip
    return Rule(aggregation, manifest.threshold, clips)


def _rates(
    kind: str, own: Sequence[bool], labels: np.ndarray, said: Sequence[tuple[str, float]]
) -> ClipRates | None:
    mine = np.array(own)
    verdicts = np.array([v for v, _ in said])
    reals, fakes = mine & (labels == 0), mine & (labels == 1)
    if not reals.any() or not fakes.any():
        return None
    scored = mine & (verdicts != "not_applicable")
    area = metrics.area(np.array([p for _, p in said])[scored], labels[scored])
    return ClipRates(
        kind=kind,
        reals=int(reals.sum()),
        fakes=int(fakes.sum()),
        roc_auc=round(float(area or 0.0), 4),
        reals_called_fake=int((verdicts[reals] == "fake").sum()),
        fakes_caught=int((verdicts[fakes] == "fake").sum()),
        fakes_called_real=int((verdicts[fakes] == "real").sum()),
    )


def _sample(number: int, p_fake: float) -> Sample:
    face = FaceReport((0, 0, 1, 1), 1.0, np.zeros((6, 2)), p_fake, "uncertain")
    return Sample(float(number), face)


def table_of(figures: Sequence[ClipFigures]) -> str:
    """The figures of several aggregations, as a table of Markdown."""
    lines = [
        "| aggregation | clips | AUC | real called fake | fakes caught | fakes called real |",
        "|---|---|---|---|---|---|",
    ]
    for of in figures:
        for rates in (of.all, *of.by_kind):
            lines.append(
                f"| {of.aggregation} | {rates.kind or 'all'} | {rates.roc_auc:.3f} | "
                f"{rates.reals_called_fake} of {rates.reals} | {rates.fakes_caught} of "
                f"{rates.fakes} | {rates.fakes_called_real} of {rates.fakes} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure a model on clips, and write that into its manifest."""
    parser = argparse.ArgumentParser(
        prog="python -m deepfake.shipping.clips", description=main.__doc__
    )
    parser.add_argument("folder", type=Path, help="the model's folder")
    parser.add_argument("clips", type=Path, help="a CSV of labelled clips")
    parser.add_argument("--judged", type=Path, required=True, help="where scores are kept")
    parser.add_argument("--left-out", default="", help="models that judge instead, with {fold}")
    parser.add_argument("--aggregation", choices=list(AGGREGATIONS), default=DEFAULT)
    parser.add_argument("--measured-on", default=MEASURED_ON, help="what they are, for people")
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    try:
        _run(options)
    except DeepfakeError as error:
        sys.exit(f"error: {error}")


def _run(options: argparse.Namespace) -> None:
    clips = judge(options.clips, options.folder, options.left_out, options.judged)
    manifest = read_manifest(options.folder)
    made: dict[str, Any] = {
        name: measure(clips, manifest, name, options.measured_on) for name in AGGREGATIONS
    }
    if None in made.values():
        raise TrainingError("Both real and fake clips are needed. Found one class or none.")
    print(table_of(list(made.values())))
    if not options.dry:
        manifest = manifest.model_copy(update={"clips": made[options.aggregation]})
        atomic.write(options.folder / MANIFEST_NAME, manifest.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
