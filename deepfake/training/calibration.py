"""Validation logits → temperature, bias, threshold and uncertain band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

# The default threshold: at most this share of all real validation faces counts as fake, …
MAX_FALSE_POSITIVES = 0.05
# … and at most this share of any single real source, lest one kind of photo pays for the others.
MAX_SOURCE_FALSE_POSITIVES = 0.06
SMALLEST_SOURCE = 20
# The uncertain band ends where "fake" would be wrong for 2 % of reals and "real" for 5 % of fakes.
BAND_FALSE_POSITIVES, BAND_MISSES = 0.02, 0.05


@dataclass(frozen=True)
class Decision:
    """How probabilities become verdicts.

    Attributes:
        threshold: float. P(fake) from which on a face counts as fake.
        band: (low, high). The uncertain band.
    """

    threshold: float
    band: tuple[float, float]


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


def choose(p_fake: np.ndarray, labels: np.ndarray, sources: Sequence[str]) -> Decision:
    """Choose threshold and band on validation faces.

    Args:
        p_fake: float array (count,). Calibrated probabilities.
        labels: int array (count,). 1 for fake.
        sources: sequence of str. Source of each face.

    Returns:
        The decision; the threshold is a multiple of 0.01.
    """
    grid = np.arange(1, 100) / 100
    names = np.array(sources)
    reals, fakes = p_fake[labels == 0], p_fake[labels == 1]
    limits = [(reals, MAX_FALSE_POSITIVES)]
    for source in set(names[labels == 0]):
        members = p_fake[(labels == 0) & (names == source)]
        if len(members) >= SMALLEST_SOURCE:
            limits.append((members, MAX_SOURCE_FALSE_POSITIVES))
    threshold = next(
        (t for t in grid if all((scores >= t).mean() <= limit for scores, limit in limits)),
        grid[-1],
    )
    low = max((t for t in grid if (fakes < t).mean() <= BAND_MISSES), default=grid[0])
    high = min((t for t in grid if (reals >= t).mean() <= BAND_FALSE_POSITIVES), default=grid[-1])
    band = float(min(low, threshold)), float(max(high, threshold))
    return Decision(float(threshold), band)
