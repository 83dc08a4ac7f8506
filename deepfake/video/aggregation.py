"""Many frames' P(fake) → one: by name, each with where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# Beyond these a frame says no more: float32 probabilities end there.
LIMIT = 16.0
TOP = 5


def logits(p_fakes: Sequence[float]) -> np.ndarray:
    """Probabilities in [0, 1] as logits within ± 16."""
    p = np.clip(np.asarray(p_fakes, np.float64), 1e-7, 1 - 1e-7)
    return np.clip(np.log(p / (1 - p)), -LIMIT, LIMIT)


def mean_logit(p_fakes: Sequence[float]) -> float:
    """The frames as witnesses of one odds: a geometric mean of the odds.

    The logarithmic opinion pool (Genest & Zidek 1986, Statistical Science 1:1).
    """
    return _probability(float(logits(p_fakes).mean()))


def median(p_fakes: Sequence[float]) -> float:
    """What half of the frames pass: single outliers do not matter.

    As an order-statistics combiner (Tumer & Ghosh 1999, arXiv cs/9905013).
    """
    return float(np.median(p_fakes))


def top_k(p_fakes: Sequence[float]) -> float:
    """Mean logit of the five most suspicious frames: a fake may show in a few only.

    k-max pooling of multiple-instance learning, as for video in W-TALC (Paul, Roy &
    Roy-Chowdhury 2018, arXiv 1807.10418).
    """
    return _probability(float(np.sort(logits(p_fakes))[-TOP:].mean()))


def confident(p_fakes: Sequence[float]) -> float:
    """Of the confident frames where these are many, else of all.

    Seferbekov's `confident_strategy`, first in the Deepfake Detection Challenge (2020), with its
    constants: https://github.com/selimsef/dfdc_deepfake_challenge, kernel_utils.py.
    """
    p = np.asarray(p_fakes, np.float64)
    fakes = p[p > 0.8]
    if len(fakes) > len(p) // 2.5 and len(fakes) > 11:
        return float(fakes.mean())
    if np.count_nonzero(p < 0.2) > 0.9 * len(p):
        return float(p[p < 0.2].mean())
    return float(p.mean())


AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "mean_logit": mean_logit,
    "median": median,
    "top_k": top_k,
    "confident": confident,
}
DEFAULT = "mean_logit"


def fake_stretches(
    p_fakes: Sequence[float], together: Callable[[Sequence[float]], float], threshold: float
) -> int:
    """How many of four equal parts of a person's samples are fake by themselves.

    Args:
        p_fakes: sequence of float. Of the samples, in order of time.
        together: callable. The P(fake) of a part from that of its samples.
        threshold: float in [0, 1].

    Returns:
        0 to 4.
    """
    parts = [part for part in np.array_split(np.asarray(p_fakes, np.float64), 4) if len(part)]
    return sum(together(part.tolist()) >= threshold for part in parts)


def _probability(logit: float) -> float:
    """A logit as a probability in [0, 1]."""
    return float(1 / (1 + np.exp(-np.clip(logit, -LIMIT, LIMIT))))
