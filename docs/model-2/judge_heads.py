"""Heads of `fit_heads` on left-out folds, stress tests and twins.

Usage: judge_heads.py PART NAME
"""

import sys

import evaluate
import heads
import numpy as np
import table
from sklearn.metrics import roc_auc_score


def main(part: str, name: str) -> None:
    data = table.load()
    version = "2" if part == "blocks" else ""
    fitted = {}
    for fold in (0, 1, 2, 3, -1):
        found = np.load(f"runs/heads_{name}_{fold}.npz")
        fitted[fold] = heads.Heads(found["weights"], found["biases"])

    def judge(rows: heads.Rows) -> tuple[np.ndarray, np.ndarray]:
        """(logits, logits of both experts), by heads that have not seen the row's fold."""
        logit, both = np.zeros(len(rows.label)), np.zeros((len(rows.label), 2))
        for fold in range(4):
            own = rows.fold == fold
            experts = fitted[fold].experts(heads.spread(rows.features[own], part))
            logit[own] = heads.combined(experts[..., 0], experts[..., 1]).mean(axis=1)
            both[own] = experts.mean(axis=1)
        return logit, both

    test = heads.served(heads.read(data, "served", version=version))
    logit, both = judge(test)
    result = evaluate.elsewhere(data, test.index, logit)
    print(name, result.line())
    print("all folds' heads, first edition: valid, test AUC", [
        round(evaluate.at_home(data, test.index, fitted[-1].logit(test.features, part), split), 4)
        for split in ("valid", "test")
    ], "left-out heads", round(evaluate.at_home(data, test.index, logit), 4))  # fmt: skip
    np.savez(f"runs/left_out_{name}.npz", index=test.index, logit=logit, seam=both[:, 0], synthesis=both[:, 1],
             all_folds=fitted[-1].logit(test.features, part), old=test.logit.mean(1))  # fmt: skip
    for kind in ("old 1.3.0", name):
        score = test.logit.mean(1) if kind == "old 1.3.0" else logit
        limit = evaluate.elsewhere(data, test.index, score).threshold
        if not version:
            tests = heads.read(data, "stressed")
            scores = tests.logit.mean(1) if kind == "old 1.3.0" else judge(tests)[0]
            rates = {
                str(k): round(float((scores[tests.kind == k] >= limit).mean()), 3)
                for k in sorted(set(tests.kind))
            }
            print(kind, "stress, called fake at 5 % alarms:", rates)
        twins = heads.read(data, "twins", version=version)
        scores = twins.logit.mean(1) if kind == "old 1.3.0" else judge(twins)[0]
        plain = np.isin(twins.kind, ("twin", "twin_real"))
        fake, real = scores[twins.kind == "twin"], scores[twins.kind == "twin_real"]
        print(kind, "twins AUC", round(roc_auc_score(twins.label[plain], scores[plain]), 3),
              "twin above its original", round(float((fake > real).mean()), 3))  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
