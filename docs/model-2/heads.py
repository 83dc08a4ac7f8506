"""Linear heads on pooled features, and how their logits are put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

START_BIAS = -0.6  # two experts that say the same say more together than one did


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


def combined(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Noisy-or of two logits, as a logit."""
    return np.logaddexp(np.logaddexp(a, b), a + b)


@dataclass(frozen=True)
class Heads:
    """weights (experts, width) and biases (experts,) on plain features."""

    weights: np.ndarray
    biases: np.ndarray

    def experts(self, x: np.ndarray) -> np.ndarray:
        return x @ self.weights.T + self.biases
