"""ship3.py TAG:FOLDS … TAGF: left-out logits of networks that never met FOLDS, final experts on TAGF.

As in ship3.py N0:0 N1:1 N2:2 N3:3 F. Writes final/left_out.npz, final/left_out_sources.csv, final/heads4_-1.npz and
final/folds.npz.
"""

import csv
import sys

import lin
import numpy as np
from fit2 import report
from judge3 import data, fit, view

spec = "gdro=.02,bags=3"
*networks, f = sys.argv[1:]
out = []
keep = {}
for tag, folds in (pair.split(":") for pair in networks):
    folds = [int(fold) for fold in folds]
    h, b = fit(tag, folds, spec)
    for k in folds:
        keep[f"w{k}"], keep[f"b{k}"] = h.weights, h.biases
    s = view(["served0", "served1"], tag)
    m = np.isin(s.fold, folds)
    both = lin.orn(h.experts(s.x[m].astype(np.float32)))
    out.append((s.index[m], both.mean(1)))
    tw = view(["twins"], tag)
    t = lin.orn(h.experts(tw.x.astype(np.float32))).mean(1)
    k = tw.kind == "twin"
    from sklearn.metrics import roc_auc_score

    print(tag, "twins", round(roc_auc_score(k, t), 3), round((t[k] > t[~k]).mean(), 3))
index = np.concatenate([o[0] for o in out])
logit = np.concatenate([o[1] for o in out])


class S:
    pass


S.index = index
judged = report(data, S, logit)
h, b = fit(f, [9], spec)
np.savez("final/heads4_-1.npz", weights=h.weights, biases=h.biases)
np.savez("final/folds.npz", **keep)
s, home = view(["served0", "served1"], f), view(["home"], f)
full = lin.orn(h.experts(s.x.astype(np.float32))).mean(1)
order = {i: n for n, i in enumerate(s.index)}
full = full[[order[i] for i in index]]
hl = lin.orn(h.experts(home.x.astype(np.float32))).mean(1)
print(
    "home test",
    round(roc_auc_score(home.label, hl), 4),
    "all folds, seen: AUC",
    round(roc_auc_score(data.label[index], full), 4),
)
# To be kept with the lab book: what lies in /work goes with its machine.
with open("final/left_out_sources.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(("source", "label", "faces", "auc", "at_5_percent_alarms"))
    for kind, rates in (("real", judged.alarms), ("fake", judged.caught)):
        for name, rate in rates.items():
            faces = judged.sizes[f"{kind} {name}"]
            rows.writerow((name, kind, faces, judged.auc[name] if kind == "fake" else "", rate))
np.savez(
    "final/left_out.npz",
    path=data.path[index],
    label=data.label[index],
    source=data.source[index],
    fold=data.fold[index],
    logit=logit,
    all_folds=full,
)
