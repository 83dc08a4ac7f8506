"""Logits -> the yardstick: sources never trained on first, then the rest.

Usage: evaluate.py LOGITS.npz [THRESHOLD], with arrays `index` (into labels.csv) and `logit`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import table
from sklearn.metrics import roc_auc_score

FEW = 10  # sources with fewer faces are listed, but not among the worst


@dataclass(frozen=True)
class Elsewhere:
    """How well logits tell the second edition's sources.

    Attributes:
        auc: {fake source: AUC against all reals}.
        alarms: {real source: share at or above the threshold}.
        caught: {fake source: share at or above the threshold}.
        threshold: float. A logit.
        alarm_rate: float. Of all reals.
        sizes: {source with its label before it: faces}.
    """

    auc: dict[str, float]
    alarms: dict[str, float]
    caught: dict[str, float]
    threshold: float
    alarm_rate: float
    sizes: dict[str, int]

    def family_auc(self) -> dict[str, float]:
        groups: dict[str, list[float]] = {}
        for source, value in self.auc.items():
            groups.setdefault(table.FAMILY_OF[source], []).append(value)
        return {family: float(np.mean(values)) for family, values in sorted(groups.items())}

    def family_caught(self) -> dict[str, float]:
        groups: dict[str, list[float]] = {}
        for source, value in self.caught.items():
            groups.setdefault(table.FAMILY_OF[source], []).append(value)
        return {family: float(np.mean(values)) for family, values in sorted(groups.items())}

    def line(self) -> str:
        large = [v for s, v in self.auc.items() if self.sizes[f"fake {s}"] >= FEW]
        worst = max((v, s) for s, v in self.alarms.items() if self.sizes[f"real {s}"] >= 20)
        families = " ".join(f"{k} {v:.3f}" for k, v in self.family_auc().items())
        caught = " ".join(f"{k} {v:.2f}" for k, v in self.family_caught().items())
        return (
            f"AUC mean over sources {np.mean(list(self.auc.values())):.3f} "
            f"(with {FEW}+ faces {np.mean(large):.3f}) | {families}\n"
            f"  at logit {self.threshold:.2f}: reals called fake {self.alarm_rate:.3f}, mean over "
            f"sources {np.mean(list(self.alarms.values())):.3f}, worst {worst[1]} {worst[0]:.3f} | "
            f"caught {np.mean(list(self.caught.values())):.3f}: {caught}"
        )


def elsewhere(
    data: table.Table, index: np.ndarray, logit: np.ndarray, threshold: float | None = None
) -> Elsewhere:
    """Judge logits of second-edition faces.

    Args:
        data: Table.
        index: int array (count,). Rows of the table; others than the second edition's are left out.
        logit: float array (count,).
        threshold: float. Defaults to the logit that 5 % of the reals reach.
    """
    keep = data.second[index]
    index, logit = index[keep], logit[keep]
    label, source = data.label[index], data.source[index]
    reals = logit[label == 0]
    if threshold is None:
        threshold = float(np.quantile(reals, 0.95))
    auc, alarms, caught, sizes = {}, {}, {}, {}
    for name in sorted(set(source)):
        for kind in (0, 1):
            own = logit[(source == name) & (label == kind)]
            if not len(own):
                continue
            sizes[f"{'fake' if kind else 'real'} {name}"] = len(own)
            reached = float((own >= threshold).mean())
            if kind:
                both = np.concatenate([reals, own])
                auc[name] = float(roc_auc_score(np.repeat([0, 1], [len(reals), len(own)]), both))
                caught[name] = reached
            else:
                alarms[name] = reached
    return Elsewhere(auc, alarms, caught, threshold, float((reals >= threshold).mean()), sizes)


def at_home(data: table.Table, index: np.ndarray, logit: np.ndarray, split: str = "test") -> float:
    """AUC on a split of the first edition, which is what 1.3.0 was trained on."""
    keep = ~data.second[index] & (data.split[index] == split)
    return float(roc_auc_score(data.label[index][keep], logit[keep]))


def main() -> None:
    data = table.load()
    found = np.load(sys.argv[1])
    index, logit = found["index"], found["logit"]
    threshold = float(sys.argv[2]) if len(sys.argv) > 2 else None
    result = elsewhere(data, index, logit, threshold)
    print(result.line())
    print("first edition, test split: AUC", round(at_home(data, index, logit), 4))
    for source, value in sorted(result.auc.items(), key=lambda pair: pair[1]):
        size = result.sizes[f"fake {source}"]
        print(
            f"  fake {table.FAMILY_OF[source]:9} {source:20} {size:4} AUC {value:.3f} caught {result.caught[source]:.2f}"
        )
    for source, value in sorted(result.alarms.items(), key=lambda pair: -pair[1]):
        print(f"  real {source:20} {result.sizes[f'real {source}']:4} called fake {value:.3f}")


if __name__ == "__main__":
    main()
