"""Two experts on frozen pooled features: fitted on three folds, looked at on the fourth.

Usage: heads.py FEATURES JOBS PULL:EVEN …, FEATURES one of taps, stages, all,
blocks; JOBS as of `extract`, between commas; PULL is λ of
λ‖w − w₀‖², EVEN the weight of the spread of the real sources' mean logits.
"""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass

import evaluate
import network
import numpy as np
import table
from scipy.optimize import minimize

SHARES = {
    "gan": 0.20,
    "diffusion": 0.12,
    "modern": 0.24,
    "edit": 0.12,
    "seam": 0.18,
    "swap": 0.14,
    "twin": 0.12,
}
PARTS = {"taps": (0, 1664), "stages": (0, 1664 + 784), "all": (0, 1664 + 2 * 784)}
START_BIAS = -0.6  # two experts that say the same say more together than one did
SEAM, SYNTHESIS = 0, 1


@dataclass(frozen=True)
class Rows:
    """Views: features (count, 2, width) of the face and its mirror, and what they are of."""

    index: np.ndarray
    kind: np.ndarray
    logit: np.ndarray
    features: np.ndarray
    label: np.ndarray
    family: np.ndarray
    source: np.ndarray
    fold: np.ndarray


def read(data: table.Table, *names: str, version: str = "") -> Rows:
    parts: dict[str, list[np.ndarray]] = {"index": [], "kind": [], "logit": [], "features": []}
    for name in names:
        for path in sorted(table.CACHE.glob(f"feat{version}_{name}_*.npz")):
            found = np.load(path)
            for key, values in parts.items():
                values.append(found[key])
    index, kind, logit, features = (np.concatenate(values) for values in parts.values())
    seam, twin = (
        np.isin(kind, ("self", "swap", "self_view", "swap_view")),
        np.isin(kind, ("twin", "twin_view")),
    )
    made = seam | twin
    label = np.where(made, 1, data.label[index])
    family = np.where(seam, "seam", np.where(twin, "twin", data.family[index]))
    source = np.where(made, kind, data.source[index])
    return Rows(index, kind, logit, features, label, family, source, data.fold[index])


def spread(features: np.ndarray, part: str) -> np.ndarray:
    """float32 features; of the stages' squares their standard deviations."""
    x = features.astype(np.float32)
    if part == "blocks":
        return x
    mean, square = x[..., 1664 : 1664 + 784], x[..., 1664 + 784 :]
    x[..., 1664 + 784 :] = np.sqrt(np.maximum(square - mean**2, 1e-6))
    return x[..., slice(*PARTS[part])]


def odds(rows: Rows) -> np.ndarray:
    """Weights of the views: both classes alike, families by share, sources by √size."""
    weight = np.zeros(len(rows.label))
    for label in (0, 1):
        families = {"real": 1.0} if label == 0 else SHARES
        for family, share in families.items():
            own = (rows.label == label) & (rows.family == family)
            names, inverse, counts = np.unique(
                rows.source[own], return_inverse=True, return_counts=True
            )
            if not len(names):
                continue
            each = counts[inverse] ** -0.5
            weight[own] = share * each / each.sum()
    for label in (0, 1):
        weight[rows.label == label] /= 2 * weight[rows.label == label].sum()
    return weight


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


def combined(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Noisy-or of two logits, as a logit."""
    return np.logaddexp(np.logaddexp(a, b), a + b)


@dataclass(frozen=True)
class Heads:
    """weights (2, width) and biases (2,) on plain features."""

    weights: np.ndarray
    biases: np.ndarray

    def experts(self, x: np.ndarray) -> np.ndarray:
        return x @ self.weights.T + self.biases

    def logit(self, features: np.ndarray, part: str) -> np.ndarray:
        """Mean over the face and its mirror."""
        both = self.experts(spread(features, part))
        return combined(both[..., 0], both[..., 1]).mean(axis=1)


def fit(rows: Rows, part: str, pull: float, even: float = 0.0, iterations: int = 120) -> Heads:
    x = spread(rows.features[:, 0], part)
    centre, scale = x.mean(axis=0), x.std(axis=0) + 1e-4
    x = (x - centre) / scale
    width = x.shape[1]
    layers = pickle.loads((table.CACHE / "w130.pkl").read_bytes())
    old, bias = network.old_head(layers)
    start = np.zeros(width, np.float32)
    start[:1664] = old
    start_bias = bias + float(start @ centre) + START_BIAS
    start = start * scale
    y, weight = rows.label.astype(np.float32), odds(rows)
    # (sources, views): means over each real source, for the penalty on their spread.
    real = np.flatnonzero(y == 0)
    names, inverse = np.unique(rows.source[real], return_inverse=True)
    member = np.zeros((len(names), len(y)), np.float32)
    member[inverse, real] = 1.0
    sizes = member.sum(axis=1)
    member /= sizes[:, None]
    of_source = np.minimum(sizes, 50) / np.minimum(sizes, 50).sum()
    seams = np.isin(rows.family, ("seam", "swap"))
    mask = np.stack([(y == 0) | seams, (y == 0) | ~seams])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        delta = flat.reshape(2, width + 1).astype(np.float32)
        w, b = start + delta[:, :width], start_bias + delta[:, width]
        a = x @ w.T + b
        c = combined(a[:, 0], a[:, 1])
        total = float((weight * (np.logaddexp(0, c) - y * c)).sum())
        slope = weight * (sigmoid(c) - y)
        means = member @ c
        off = means - of_source @ means
        total += 0.5 * even * float((of_source * off**2).sum())
        slope = slope + even * (of_source * off) @ member
        # The noisy-or's slopes by its parts.
        share = np.stack(
            [np.exp(a[:, 0] - c) + np.exp(a.sum(1) - c), np.exp(a[:, 1] - c) + np.exp(a.sum(1) - c)]
        )
        gradient = slope * share
        for expert in (SEAM, SYNTHESIS):
            own = weight * mask[expert]
            total += 0.5 * float((own * (np.logaddexp(0, a[:, expert]) - y * a[:, expert])).sum())
            gradient[expert] += 0.5 * own * (sigmoid(a[:, expert]) - y)
        total += 0.5 * pull * float((delta[:, :width] ** 2).sum())
        out = np.concatenate(
            [gradient.astype(np.float32) @ x + pull * delta[:, :width], gradient.sum(1)[:, None]],
            axis=1,
        )
        return total, out.ravel().astype(np.float64)

    found = minimize(
        loss,
        np.zeros(2 * (width + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations},
    )
    delta = found.x.reshape(2, width + 1)
    w = (start + delta[:, :width]) / scale
    return Heads(
        w.astype(np.float32), (start_bias + delta[:, width] - w @ centre).astype(np.float32)
    )


def take(rows: Rows, keep: np.ndarray) -> Rows:
    return Rows(*(getattr(rows, name)[keep] for name in Rows.__dataclass_fields__))


def served(rows: Rows) -> Rows:
    """One view a face: the new crop where it is another than the old."""
    order = np.argsort(rows.kind == "new", kind="stable")[::-1]
    _, first = np.unique(rows.index[order], return_index=True)
    return take(rows, order[first])


def left_out(
    data: table.Table, train: Rows, test: Rows, part: str, pull: float, **options: float
) -> np.ndarray:
    """Logits of `test`, each by heads that were fitted without its fold."""
    logit = np.zeros(len(test.label))
    for fold in range(4):
        heads = fit(take(train, train.fold != fold), part, pull, **options)
        own = test.fold == fold
        logit[own] = heads.logit(test.features[own], part)
    return logit


def main() -> None:
    data = table.load()
    part = sys.argv[1] if len(sys.argv) > 1 else "taps"
    version = "2" if part == "blocks" else ""
    shown = read(data, "served", version=version)
    test = served(shown)
    plain = take(shown, shown.kind == "old")
    print("1.3.0 as shipped:", evaluate.elsewhere(data, plain.index, plain.logit.mean(1)).line())
    print(
        "  at its threshold:",
        evaluate.elsewhere(data, plain.index, plain.logit.mean(1), 0.41).line(),
    )
    print(
        "1.3.0, upright and levelled:",
        evaluate.elsewhere(data, test.index, test.logit.mean(1)).line(),
    )
    print(
        "first edition test", evaluate.at_home(data, plain.index, plain.logit.mean(1)), flush=True
    )
    train = read(data, *(sys.argv[2].split(",")), version=version)
    # Held-out splits are kept for calibration and for the in-distribution figure.
    train = take(train, data.split[train.index] == "train")
    for word in sys.argv[3:]:
        pull, even = (float(number) for number in word.split(":"))
        logit = left_out(data, train, test, part, pull, even=even)
        print(
            part,
            "pull",
            pull,
            "even",
            even,
            evaluate.elsewhere(data, test.index, logit).line(),
            flush=True,
        )
        print("  first edition test", evaluate.at_home(data, test.index, logit), flush=True)
        np.savez(table.CACHE / f"heads_{part}_{pull}_{even}.npz", index=test.index, logit=logit)


if __name__ == "__main__":
    main()
