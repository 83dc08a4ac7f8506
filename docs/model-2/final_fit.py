"""Heads on all folds, as M: final/heads4_-1.npz; left-out logits final/left_out4.npz."""

import numpy as np
import table
from fit2 import Bank, Served, columns, logits, roc_auc_score
from lin import bagged, options, orn

data = table.load()
b = Bank(data)
o = options("name=M,gdro=.02,bags=3")
cols = columns("stages")
h = bagged(b, np.ones(len(b.label), bool), cols, o)
np.savez("final/heads4_-1.npz", weights=h.weights, biases=h.biases)
s, home = Served(data, "served"), Served(data, "home")
f = np.load("runs/lin_M.npz")
lo = f["both"][:, :2]
np.savez(
    "final/left_out4.npz",
    path=data.path[s.index],
    label=data.label[s.index],
    source=data.source[s.index],
    fold=data.fold[s.index],
    logit=orn(lo).mean(1),
    experts=lo.mean(1),
    all_folds=orn(logits({-1: h}, s, cols))[:, :2].mean(1),
)
hc = orn(logits({-1: h}, home, cols))[:, :2].mean(1)
for sp in ("valid", "test"):
    k = data.split[home.index] == sp
    print(sp, roc_auc_score(data.label[home.index][k], hc[k]))
print("done")
