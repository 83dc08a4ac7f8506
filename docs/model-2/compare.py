"""Fold networks together: compare.py NAME ALPHA [FOLDS]"""

import sys

import evaluate
import heads
import numpy as np
import table
from sklearn.metrics import roc_auc_score

data = table.load()


def comb(b):
    return heads.combined(b[..., 0], b[..., 1]).mean(1)


name, alpha = sys.argv[1:3]
folds = [int(c) for c in (sys.argv[3] if len(sys.argv) > 3 else "0123")]
found = [np.load(f"runs/tuned_{name}_{f}_{alpha}.npz") for f in folds]
index = np.concatenate([f["index"] for f in found])
both = np.concatenate([f["both"] for f in found])
old = np.load("runs/left_out_model2.npz")
own = np.isin(old["index"], index)
print("1.3.0      ", evaluate.elsewhere(data, old["index"][own], old["old"][own]).line())
print("heads only ", evaluate.elsewhere(data, old["index"][own], old["logit"][own]).line())
for s in (0.0, -1.0):
    b = both + np.array([s, 0.0])
    r = evaluate.elsewhere(data, index, comb(b))
    print(f"{name} {alpha} seam bias {s}", r.line())
pos = {i: k for k, i in enumerate(old["index"])}
oo = np.array([old["logit"][pos[i]] for i in index])
for w in (0.3, 0.5):
    print(
        "mean with heads only",
        w,
        evaluate.elsewhere(data, index, (1 - w) * comb(both) + w * oo).line(),
    )
r = evaluate.elsewhere(data, index, comb(both))
print(
    "worst reals",
    sorted(
        (
            (round(v, 2), r.sizes["real " + s], s)
            for s, v in r.alarms.items()
            if r.sizes["real " + s] >= 15
        ),
        reverse=True,
    )[:8],
)


# threshold with no real source of 20+ faces above .15
def worst(score):
    reals = {
        s: score[(data.source[index] == s) & (data.label[index] == 0)]
        for s in set(data.source[index][data.label[index] == 0])
    }
    t = max(np.quantile(v, 0.85) for v in reals.values() if len(v) >= 20) + 1e-6
    q = evaluate.elsewhere(data, index, score, t)
    return f"worst<=.15: caught {np.mean(list(q.caught.values())):.3f} alarms {q.alarm_rate:.3f}"


print(
    name,
    worst(comb(both)),
    "| heads",
    worst(oo),
    "| 1.3.0",
    worst(np.array([old["old"][pos[i]] for i in index])),
)
tw = np.concatenate([f["twin_both"] for f in found])
k = np.concatenate([f["twin_kind"] for f in found])
s = comb(tw)
print(
    "twins AUC",
    roc_auc_score(k == "twin", s),
    "above",
    (s[k == "twin"] > s[k == "twin_real"]).mean(),
)
print(
    "kinds",
    {
        f: round(float(np.mean([r.auc[s] for s in r.auc if table.FAMILY_OF[s] == f])), 3)
        for f in ("gan", "modern", "edit", "swap")
    },
)
