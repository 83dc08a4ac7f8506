"""Validation logits → temperature, bias, threshold and uncertain band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from deepfake.errors import TrainingError
from deepfake.evaluation.document import ThresholdReached
from deepfake.shipping.description import THRESHOLD_RULES

# The default threshold: at most this share of all real validation faces counts as fake, …
MAX_FALSE_POSITIVES = 0.05
# … and at most this share of any single real source, lest one kind of photo pays for the others.
MAX_SOURCE_FALSE_POSITIVES = 0.06
SMALLEST_SOURCE = 20
# The uncertain band ends where a verdict is right often enough to be said, with as many fakes as
# reals: at most this share of what is called fake is real, and of what is called real is fake.
MAX_WRONG_FAKES, MAX_WRONG_REALS = 0.03, 0.12


@dataclass(frozen=True)
class Decision:
    """How probabilities become verdicts.

    Attributes:
        threshold: float. P(fake) from which on a face counts as fake.
        band: (low, high). The uncertain band.
        false_positive_rate: float. Share of the reals it was chosen on that it calls fake.
        worst_source: str. The source of reals with the largest such share, of those with at least
            20 faces; "" where there is none.
        worst_source_false_positive_rate: float. That share; 0 where there is no such source.
        within_limits: bool. Whether the limits of the rule "fpr" are kept; always of other rules,
            which have none.
    """

    threshold: float
    band: tuple[float, float]
    false_positive_rate: float
    worst_source: str
    worst_source_false_positive_rate: float
    within_limits: bool

    def reached(self) -> ThresholdReached:
        """What goes into the report: what the threshold does to the faces it was chosen on."""
        return ThresholdReached(
            false_positive_rate=round(self.false_positive_rate, 4),
            worst_source=self.worst_source,
            worst_source_false_positive_rate=round(self.worst_source_false_positive_rate, 4),
            within_limits=self.within_limits,
        )


def fit_platt(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Fit P(fake) = sigmoid(logit / temperature + bias), both classes weighing the same.

    Args:
        logits: float array (count,). Growing with "fake".
        labels: int array (count,). 1 for fake.

    Returns:
        (temperature, bias) of the maximum likelihood (Platt 1999).
    """
    regression = LogisticRegression(C=1e6, class_weight="balanced").fit(logits[:, None], labels)
    slope = max(float(regression.coef_[0, 0]), 1e-3)
    return 1.0 / slope, float(regression.intercept_[0])


def choose(
    p_fake: np.ndarray, labels: np.ndarray, sources: Sequence[str], rule: str = "fpr"
) -> Decision:
    """Choose threshold and band on validation faces.

    Args:
        p_fake: float array (count,). Calibrated probabilities.
        labels: int array (count,). 1 for fake.
        sources: sequence of str. Source of each face.
        rule: str. One of `THRESHOLD_RULES`. Defaults to the limits on false positives.

    Returns:
        The decision; the threshold is a multiple of 0.01.

    Raises:
        TrainingError: the rule is not known.
    """
    check_rule(rule)
    grid = np.arange(1, 100) / 100
    reals, fakes = p_fake[labels == 0], p_fake[labels == 1]
    real_sources = np.array(sources)[labels == 0]
    if rule == "half":
        threshold = 0.5
    elif rule == "youden":
        distances = [(fakes >= t).mean() - (reals >= t).mean() for t in grid]
        best = np.flatnonzero(np.isclose(distances, max(distances)))
        # Between two classes far apart all are as good: the middle leaves the most room.
        threshold = float(grid[best[len(best) // 2]])
    else:
        threshold = _few_false_positives(reals, real_sources, grid)
    sure_real = [
        t for t in grid if t <= threshold and wrong_reals(reals, fakes, t) <= MAX_WRONG_REALS
    ]
    sure_fake = [
        t for t in grid if t >= threshold and wrong_fakes(reals, fakes, t) <= MAX_WRONG_FAKES
    ]
    band = float(max(sure_real, default=grid[0])), float(min(sure_fake, default=grid[-1]))
    rates = {
        source: float((members >= threshold).mean())
        for source, members in _large_sources(reals, real_sources).items()
    }
    worst = max(rates, key=lambda source: rates[source], default="")
    rate = float((reals >= threshold).mean())
    kept = rate <= MAX_FALSE_POSITIVES and rates.get(worst, 0.0) <= MAX_SOURCE_FALSE_POSITIVES
    return Decision(
        float(threshold), band, rate, worst, rates.get(worst, 0.0), kept or rule != "fpr"
    )


def check_rule(rule: str) -> None:
    """Refuse a rule that is not known, before anything takes hours.

    Raises:
        TrainingError: it is not one of `THRESHOLD_RULES`.
    """
    if rule not in THRESHOLD_RULES:
        raise TrainingError(
            f"The rule for the threshold is one of {', '.join(THRESHOLD_RULES)}. "
            f"Received: {rule!r}."
        )


def _few_false_positives(reals: np.ndarray, sources: np.ndarray, grid: np.ndarray) -> float:
    """The lowest threshold within the limits, of all reals and of each source; 0.99 for none."""
    limits = [(reals, MAX_FALSE_POSITIVES)]
    for members in _large_sources(reals, sources).values():
        limits.append((members, MAX_SOURCE_FALSE_POSITIVES))
    return next(
        (float(t) for t in grid if all((scores >= t).mean() <= limit for scores, limit in limits)),
        float(grid[-1]),
    )


def _large_sources(reals: np.ndarray, sources: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of each source with enough faces for a share of them to mean something."""
    members = {str(source): reals[sources == source] for source in sorted(set(sources))}
    return {name: scores for name, scores in members.items() if len(scores) >= SMALLEST_SOURCE}


def wrong_fakes(reals: np.ndarray, fakes: np.ndarray, threshold: float) -> float:
    """Share of reals among what lies at or above a threshold, both classes weighing the same."""
    false, true = float((reals >= threshold).mean()), float((fakes >= threshold).mean())
    return false / (false + true) if false + true else 0.0


def wrong_reals(reals: np.ndarray, fakes: np.ndarray, threshold: float) -> float:
    """Share of fakes among what lies below a threshold, both classes weighing the same."""
    false, true = float((fakes < threshold).mean()), float((reals < threshold).mean())
    return false / (false + true) if false + true else 0.0
