"""Scores and labels → figures with their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

BOOTSTRAP_ROUNDS = 1000
CALIBRATION_BINS = 15


def summarise(p_fake: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Threshold-free figures of one set.

    Args:
        p_fake: float array (count,). Calibrated probabilities.
        labels: int array (count,). 1 for fake.
        seed: int. Of the bootstrap.

    Returns:
        counts, ROC-AUC with its 95 % interval, average precision, Brier score and ECE.
    """
    return {
        "reals": int((labels == 0).sum()),
        "fakes": int((labels == 1).sum()),
        "roc_auc": _rounded(roc_auc_score(labels, p_fake)),
        "roc_auc_95": [_rounded(edge) for edge in bootstrap_auc(p_fake, labels, seed)],
        "average_precision": _rounded(average_precision_score(labels, p_fake)),
        "brier": _rounded(brier_score_loss(labels, p_fake)),
        "ece": _rounded(expected_calibration_error(p_fake, labels)),
    }


def bootstrap_auc(p_fake: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """95 % interval of the ROC-AUC by the percentile bootstrap (Efron 1979), per class."""
    random = np.random.default_rng(seed)
    reals, fakes = p_fake[labels == 0], p_fake[labels == 1]
    values = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = random.choice(reals, len(reals)), random.choice(fakes, len(fakes))
        truth = np.repeat([0, 1], [len(reals), len(fakes)])
        values.append(roc_auc_score(truth, np.concatenate(drawn)))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def expected_calibration_error(p_fake: np.ndarray, labels: np.ndarray) -> float:
    """ECE over 15 bins of equal width (Naeini et al. 2015; Guo et al. 2017).

    Args:
        p_fake: float array (count,). Probabilities.
        labels: int array (count,). 1 for fake.

    Returns:
        Mean distance of predicted and observed share of fakes, weighted by bin size; in [0, 1].
    """
    bins = np.minimum((p_fake * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    error = 0.0
    for index in range(CALIBRATION_BINS):
        inside = bins == index
        if inside.any():
            gap = abs(float(p_fake[inside].mean()) - float(labels[inside].mean()))
            error += gap * float(inside.mean())
    return error


def verdict_shares(
    p_fake: np.ndarray, sources: Sequence[str], threshold: float, band: tuple[float, float]
) -> dict[str, dict[str, float | int]]:
    """How each source was judged.

    Args:
        p_fake: float array (count,). Probabilities.
        sources: sequence of str. Source of each.
        threshold: float. P(fake) from which on a face counts as fake.
        band: (low, high). The uncertain band.

    Returns:
        By source: the count, the share at or above the threshold, and the share of each verdict.
    """
    low, high = band
    names = np.array(sources)
    shares: dict[str, dict[str, float | int]] = {}
    for source in sorted(set(sources)):
        scores = p_fake[names == source]
        shares[source] = {
            "count": len(scores),
            "at_or_above_threshold": _rounded((scores >= threshold).mean()),
            "fake": _rounded((scores >= high).mean()),
            "uncertain": _rounded(((scores >= low) & (scores < high)).mean()),
            "real": _rounded((scores < low).mean()),
        }
    return shares


def operating_points(p_fake: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """Error rates at every hundredth.

    Args:
        p_fake: float array (count,). Probabilities.
        labels: int array (count,). 1 for fake.

    Returns:
        For thresholds 0.00 to 1.00: false-positive rate and true-positive rate.
    """
    return [
        {
            "threshold": hundredth / 100,
            "false_positive_rate": _rounded((p_fake[labels == 0] >= hundredth / 100).mean()),
            "true_positive_rate": _rounded((p_fake[labels == 1] >= hundredth / 100).mean()),
        }
        for hundredth in range(101)
    ]


def _rounded(value: Any) -> float:
    return round(float(value), 4)
