"""Scores and labels → figures with their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve

from deepfake.evaluation.document import SourceFigures
from deepfake.figures import (
    Confusion,
    Figures,
    Interval,
    ThresholdConfusion,
    ThresholdCounts,
    VerdictCounts,
)

BOOTSTRAP_ROUNDS = 1000
CALIBRATION_BINS = 15
# "How many fakes are caught if at most this share of the real faces may be called fake?"
LOW_FALSE_POSITIVE_RATES = (0.01, 0.05)


def summarise(
    p_fake: np.ndarray,
    labels: np.ndarray,
    threshold: float,
    band: tuple[float, float],
    seed: int = 0,
) -> Figures:
    """All figures of one set.

    Args:
        p_fake: float array (count,). Calibrated probabilities.
        labels: int array (count,). 1 for fake.
        threshold: float. P(fake) from which on a face counts as fake.
        band: (low, high). The uncertain band.
        seed: int. Of the bootstrap.

    Returns:
        The figures; intervals hold 95 %.
    """
    reals, fakes = p_fake[labels == 0], p_fake[labels == 1]
    caught, missed = _above(fakes, threshold), int((fakes < threshold).sum())
    false_positives = _above(reals, threshold)
    return Figures(
        reals=len(reals),
        fakes=len(fakes),
        **_ranking(p_fake, labels, seed),
        **at_threshold(p_fake, labels, threshold),
        false_positive_rate_95=wilson(false_positives, len(reals)),
        true_positive_rate_95=wilson(caught, len(fakes)),
        confusion=Confusion(real=verdict_counts(reals, band), fake=verdict_counts(fakes, band)),
        confusion_at_threshold=ThresholdConfusion(
            real=ThresholdCounts(real=len(reals) - false_positives, fake=false_positives),
            fake=ThresholdCounts(real=missed, fake=caught),
        ),
        **_calibration(p_fake, labels),
    )


def at_threshold(p_fake: np.ndarray, labels: np.ndarray, threshold: float) -> dict[str, Any]:
    """Rates at a threshold; None where they are shares of nothing.

    Args:
        p_fake: float array (count,). Probabilities.
        labels: int array (count,). 1 for fake.
        threshold: float. P(fake) from which on a face counts as fake.
    """
    called = p_fake >= threshold
    rates = {
        "false_positive_rate": called[labels == 0],
        "true_positive_rate": called[labels == 1],
        "accuracy": called == labels,
    }
    figures: dict[str, Any] = {
        name: _rounded(hits.mean()) if len(hits) else None for name, hits in rates.items()
    }
    both = len(rates["false_positive_rate"]) and len(rates["true_positive_rate"])
    figures["balanced_accuracy"] = (
        _rounded((1 - rates["false_positive_rate"].mean() + rates["true_positive_rate"].mean()) / 2)
        if both
        else None
    )
    return figures


def area(p_fake: np.ndarray, labels: np.ndarray) -> float | None:
    """ROC-AUC; None where a class is missing."""
    return _rounded(roc_auc_score(labels, p_fake)) if len(np.unique(labels)) == 2 else None


def _ranking(p_fake: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, Any]:
    """Figures that do not depend on a threshold."""
    names = ["roc_auc", "roc_auc_95", "average_precision", "equal_error_rate"]
    names += ["equal_error_threshold", *map(_at_name, LOW_FALSE_POSITIVE_RATES)]
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(names)
    values = [
        _rounded(roc_auc_score(labels, p_fake)),
        bootstrap_auc(p_fake, labels, seed),
        _rounded(average_precision_score(labels, p_fake)),
        _rounded(equal_error_rate(p_fake, labels)),
        equal_error_threshold(p_fake, labels),
        *(caught_at(p_fake, labels, rate) for rate in LOW_FALSE_POSITIVE_RATES),
    ]
    return dict(zip(names, values, strict=True))


def _calibration(p_fake: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(("brier", "ece", "ece_equal_classes"))
    return {
        "brier": _rounded(brier_score_loss(labels, p_fake)),
        "ece": _rounded(expected_calibration_error(p_fake, labels)),
        "ece_equal_classes": _rounded(
            expected_calibration_error(p_fake, labels, equal_class_weights(labels))
        ),
    }


def bootstrap_auc(p_fake: np.ndarray, labels: np.ndarray, seed: int) -> Interval:
    """95 % interval of the ROC-AUC by the percentile bootstrap (Efron 1979), per class.

    Args:
        p_fake: float array (count,). Probabilities.
        labels: int array (count,). 1 for fake; both classes must be there.
        seed: int. Same seed, same interval.

    Returns:
        (low, high).
    """
    random = np.random.default_rng(seed)
    values, places = np.unique(p_fake, return_inverse=True)
    reals, fakes = places[labels == 0], places[labels == 1]
    aucs = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn_reals = np.bincount(random.choice(reals, len(reals)), minlength=len(values))
        drawn_fakes = np.bincount(random.choice(fakes, len(fakes)), minlength=len(values))
        # Mann-Whitney: a fake is beaten by every real below it, and half by one with its score.
        below = np.cumsum(drawn_reals) - drawn_reals / 2
        aucs.append(float((drawn_fakes * below).sum()) / (len(reals) * len(fakes)))
    low, high = np.percentile(aucs, [2.5, 97.5])
    return _rounded(low), _rounded(high)


def equal_error_rate(p_fake: np.ndarray, labels: np.ndarray) -> float:
    """Error rate where as large a share of reals is taken for fake as of fakes for real."""
    false_positive_rates, true_positive_rates, _ = roc_curve(labels, p_fake)
    gaps = false_positive_rates - (1 - true_positive_rates)
    # The gap grows from −1 to 1 along the curve; between two of its points it is a straight line.
    return float(np.interp(0.0, gaps, false_positive_rates))


def equal_error_threshold(p_fake: np.ndarray, labels: np.ndarray) -> float:
    """Score at which both error rates are most alike; it moves when the scores of a set drift."""
    false_positive_rates, true_positive_rates, thresholds = roc_curve(labels, p_fake)
    nearest = int(np.abs(false_positive_rates - (1 - true_positive_rates)).argmin())
    return _rounded(min(thresholds[nearest], 1.0))


def caught_at(p_fake: np.ndarray, labels: np.ndarray, rate: float) -> float | None:
    """Share of fakes caught by the threshold that calls at most `rate` of the reals fake.

    Args:
        p_fake: float array (count,). Probabilities.
        labels: int array (count,). 1 for fake.
        rate: float. The false-positive rate that is allowed.

    Returns:
        The true-positive rate; None where there are so few reals that a single one is more than
        `rate` of them.
    """
    if (labels == 0).sum() * rate < 1 - 1e-9:
        return None
    false_positive_rates, true_positive_rates, _ = roc_curve(
        labels, p_fake, drop_intermediate=False
    )
    return _rounded(true_positive_rates[false_positive_rates <= rate].max())


def expected_calibration_error(
    p_fake: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """ECE over 15 bins of equal width (Naeini et al. 2015; Guo et al. 2017).

    Args:
        p_fake: float array (count,). Probabilities.
        labels: int array (count,). 1 for fake.
        weights: float array (count,). How much each counts. Defaults to all alike.

    Returns:
        Mean distance of predicted and observed share of fakes, weighted by bin size; in [0, 1].
    """
    return float(
        sum(
            abs(predicted - observed) * weight
            for predicted, observed, weight, _ in reliability(p_fake, labels, weights)
        )
    )


def reliability(
    p_fake: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> list[tuple[float, float, float, int]]:
    """The reliability diagram: what was promised and what came.

    Args:
        p_fake: float array (count,). Probabilities.
        labels: int array (count,). 1 for fake.
        weights: float array (count,). How much each counts. Defaults to all alike.

    Returns:
        For each of the 15 bins that is not empty: mean P(fake), share of fakes, share of all
        weight, number of faces.
    """
    weights = np.ones(len(p_fake)) if weights is None else weights
    bins = np.minimum((p_fake * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows = []
    for index in range(CALIBRATION_BINS):
        inside = bins == index
        weight = float(weights[inside].sum())
        if weight:
            predicted = float((p_fake * weights)[inside].sum()) / weight
            observed = float((labels * weights)[inside].sum()) / weight
            rows.append((predicted, observed, weight / float(weights.sum()), int(inside.sum())))
    return rows


def equal_class_weights(labels: np.ndarray) -> np.ndarray:
    """Weights with which both classes count the same, and all faces one on average."""
    counts = np.bincount(labels, minlength=2)
    weights: np.ndarray = len(labels) / (2 * counts[labels])
    return weights


def by_source(
    p_fake: np.ndarray,
    labels: np.ndarray,
    sources: Sequence[str],
    threshold: float,
    band: tuple[float, float],
) -> list[SourceFigures]:
    """How each source was judged.

    Args:
        p_fake: float array (count,). Probabilities.
        labels: int array (count,). 1 for fake.
        sources: sequence of str. Generator or collection of each.
        threshold: float. P(fake) from which on a face counts as fake.
        band: (low, high). The uncertain band.

    Returns:
        Reals first, then fakes.
    """
    names = np.array(sources)
    reals = p_fake[labels == 0]
    rows = []
    words: tuple[Literal["real", "fake"], ...] = ("real", "fake")
    for label, word in enumerate(words):
        for source in sorted(set(names[labels == label])):
            scores = p_fake[(labels == label) & (names == source)]
            above = _above(scores, threshold)
            truth = np.repeat([0, 1], [len(reals), len(scores)])
            auc = area(np.concatenate([reals, scores]), truth) if label else None
            rows.append(
                SourceFigures(
                    source=str(source),
                    label=word,
                    count=len(scores),
                    **verdict_counts(scores, band).model_dump(),
                    at_or_above_threshold=_rounded(above / len(scores)),
                    at_or_above_threshold_95=wilson(above, len(scores)),
                    roc_auc=auc,
                )
            )
    return rows


def verdict_counts(p_fake: np.ndarray, band: tuple[float, float]) -> VerdictCounts:
    """How many are called real, uncertain and fake.

    Args:
        p_fake: float array (count,). Probabilities.
        band: (low, high). "real" below low, "fake" from high on, as in `verdict.decide`.
    """
    real, fake = int((p_fake < band[0]).sum()), _above(p_fake, band[1])
    return VerdictCounts(real=real, uncertain=len(p_fake) - real - fake, fake=fake)


def wilson(count: int, total: int) -> Interval | None:
    """95 % interval of a share (Wilson 1927); None of nothing."""
    if not total:
        return None
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return _rounded(interval.low), _rounded(interval.high)


def operating_points(
    p_fake: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> list[dict[str, float]]:
    """Error rates at every hundredth.

    Args:
        p_fake: float array (count,). Probabilities.
        labels: int array (count,). 1 for fake.
        weights: float array (count,). What each face counts for. Defaults to the same for all.

    Returns:
        For thresholds 0.00 to 1.00: false-positive rate and true-positive rate.
    """
    weights = np.ones(len(p_fake)) if weights is None else weights
    reals, fakes = labels == 0, labels == 1

    def rate(members: np.ndarray, threshold: float) -> float:
        return _rounded(np.average(p_fake[members] >= threshold, weights=weights[members]))

    return [
        {
            "threshold": hundredth / 100,
            "false_positive_rate": rate(reals, hundredth / 100),
            "true_positive_rate": rate(fakes, hundredth / 100),
        }
        for hundredth in range(101)
    ]


def _above(p_fake: np.ndarray, threshold: float) -> int:
    return int((p_fake >= threshold).sum())


def _at_name(rate: float) -> str:
    return f"true_positive_rate_at_{round(100 * rate)}_percent"


def _rounded(value: Any) -> float:
    return round(float(value), 4)
