"""Sources left out of a training → how the network judges what it never saw.

Figures on the test split tell how a network does on the cameras and generators that it was trained
with. What counts is the next one; leaving one out and testing on it is the honest estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepfake.datasets.samples import Sample
from deepfake.detector import Detector
from deepfake.errors import TrainingError
from deepfake.evaluation import data, metrics, scoring
from deepfake.evaluation.document import LeftOut
from deepfake.evaluation.robustness import CLEAN
from deepfake.evaluation.scoring import Judged

# At most this many files of a family, and as many reals beside them.
MEASURED = 500
KINDS = ("real_source", "generator")
FOLD = "fold="
MAYBE_KNOWN = "the models that it learned from may have been trained with it"


@dataclass(frozen=True)
class Division:
    """A data set without some of its sources.

    Attributes:
        kept: tuple of Sample. What is left to train, validate and test with.
        families: dict. Name as it was asked for → the samples left out.
    """

    kept: tuple[Sample, ...]
    families: Mapping[str, tuple[Sample, ...]]


def divide(samples: Sequence[Sample], names: str) -> Division:
    """Leave sources out.

    Args:
        samples: sequence of Sample. The whole data set.
        names: str. Sources with commas between; "+" joins sources that are one family, such as
            two versions of a generator; "fold=2" is each source of that fold. "" for none.

    Returns:
        The division.

    Raises:
        TrainingError: a source or fold is not there, is named twice, or joined sources have both
            classes. A single source with both is judged as two families.
    """
    known = {sample.source for sample in samples}
    families = {}
    taken: set[str] = set()
    for family in _named(samples, names):
        members = {name.strip() for name in family.split("+")}
        if not members <= known or members & taken:
            raise TrainingError(
                f"Sources to leave out are named once each. Received: {family!r}. "
                f"This data set has: {', '.join(sorted(known))}."
            )
        taken |= members
        found = [tuple(s for s in samples if s.source in members and s.label == y) for y in (1, 0)]
        if len(members) > 1 and all(found):
            raise TrainingError(
                f"The sources of {family!r} are partly real and partly fake. Leave them out one by "
                "one, with a comma between."
            )
        fakes, reals = found
        if fakes:
            families[family] = fakes
        if reals:
            families[f"{family} (real)" if fakes else family] = reals
    kept = tuple(sample for sample in samples if sample.source not in taken)
    return Division(kept, families)


def _named(samples: Sequence[Sample], names: str) -> list[str]:
    """The families of `divide`, with the sources of a fold in its place."""
    families = []
    for part in filter(None, (part.strip() for part in names.split(","))):
        if not part.startswith(FOLD):
            families.append(part)
            continue
        fold = part.removeprefix(FOLD)
        sources = sorted({s.source for s in samples if fold and s.fold == fold})
        if not sources:
            raise TrainingError(
                f"No source is of {part}. Folds come from a column “fold” of a table. This one "
                f"has: {', '.join(sorted({s.fold for s in samples} - {''})) or 'none'}."
            )
        families += sources
    return families


def judge(detector: Detector, division: Division, seed: int = 0) -> dict[str, Judged]:
    """Judge what was left out.

    Args:
        detector: Detector. Trained, calibrated and given its threshold without the families.
        division: Division. What was left out.
        seed: int. Of the drawing, where a family has more than 500 files.

    Returns:
        Name of the family → its scores.
    """
    return {name: _judge(detector, drawn, seed) for name, drawn in division.families.items()}


def measure(
    detector: Detector,
    division: Division,
    seed: int = 0,
    taught: bool = False,
    judged: Mapping[str, Judged] | None = None,
) -> list[LeftOut]:
    """Measure what was left out, family by family.

    Args:
        detector: Detector. Trained, calibrated and given its threshold without the families.
        division: Division. What was left out, and the test reals that generators are told from.
        seed: int. Of the drawing, where there are more than 500 files.
        judged: dict. As of `judge`, where that was done already. Defaults to doing it.
        taught: bool. Whether other models had a part in the training, which may know the families.

    Returns:
        Of each family of fakes the area and what is caught, of each family of reals how many are
        called fake. "network" is "this": the network that the report is of was itself trained
        without them.
    """
    test = [s for s in division.kept if s.split == "test"]
    test = test or [s for s in division.kept if s.split == "valid"]
    known = _judge(detector, [s for s in test if s.label == 0], seed) if division.families else None
    judged = judge(detector, division, seed) if judged is None else judged
    rows = []
    for name, samples in division.families.items():
        left_out = judged[name]
        label = samples[0].label
        row: dict[str, Any] = {
            "network": "this",
            "held_out": name,
            "kind": KINDS[label],
            "count": len(left_out.labels),
        }
        others = [other for other in division.families if other != name]
        row["note"] = f"trained without {', '.join(others)} too" if others else ""
        if taught:
            row["note"] = "; ".join(filter(None, [row["note"], MAYBE_KNOWN]))
        if not len(left_out.labels):
            row["note"] = "no face was found"
        elif label == 1 and known is not None:
            scores = np.concatenate([known.p_fake, left_out.p_fake])
            truth = np.concatenate([known.labels, left_out.labels])
            row["auc"] = metrics.area(scores, truth)
            row["auc_95"] = metrics.bootstrap_auc(scores, truth, seed)
            caught = int((left_out.p_fake >= detector.threshold).sum())
            row["caught"] = round(caught / row["count"], 4)
        else:
            wrong = int((left_out.p_fake >= detector.threshold).sum())
            row["false_positive_rate"] = round(wrong / row["count"], 4)
            row["false_positive_rate_95"] = metrics.wilson(wrong, row["count"])
        rows.append(LeftOut(**row))
    return rows


def _judge(detector: Detector, samples: Sequence[Sample], seed: int) -> Judged:
    drawn = data.draw(samples, MEASURED, seed)
    return Judged.of(scoring.score(detector, drawn, (CLEAN,))[0])
