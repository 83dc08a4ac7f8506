"""judge3.py TAG:FOLDS ...: heads fitted on the bank without FOLDS on features of TAG, judged on the served faces of FOLDS. TAG may be a+b (both features). With save=NAME heads are kept."""

import sys

import lin
import numpy as np
import table
from fit2 import report
from sklearn.metrics import roc_auc_score

data = table.load()
import os

BANKS = os.environ.get("BANKS", "bank0,bank1").split(",")
SERVED = os.environ.get("SERVED", "served0,served1").split(",")


def load(sets, tag):
    m = [np.load(f"vb/{s}.npz") for s in sets]
    x = np.concatenate(
        [np.concatenate([np.load(f"vb/{s}_{t}.npy") for t in tag.split("+")], -1) for s in sets]
    )
    return x, *(np.concatenate([k[n] for k in m]) for n in ("index", "kind", "label"))


class B:
    pass


def bank(tag):
    b = B()
    b.x, b.index, b.kind, b.label = load(BANKS, tag)
    seam = np.isin(b.kind, ("self", "swap", "reenact"))
    b.family = np.where(seam, "seam", np.where(b.kind == "twin", "twin", data.family[b.index]))
    b.family[b.label == 0] = "real"
    b.source = np.where(seam | (b.kind == "twin"), b.kind, data.source[b.index]).astype("U40")
    b.fold = data.fold[b.index]
    b.second = data.second[b.index]
    made = b.kind == "generated"  # of no source of the data, and of no fold
    b.family[made], b.source[made], b.fold[made], b.second[made] = "gan", "generated", -1, True
    return b


class V:
    pass


def view(sets, tag):
    v = V()
    v.x, v.index, v.kind, v.label = load(sets, tag)
    v.fold = data.fold[v.index]
    return v


def fit(tag, folds, spec="gdro=.02,bags=1"):
    o = lin.options(spec)
    b = bank(tag)
    return lin.bagged(b, ~np.isin(b.fold, folds), np.arange(b.x.shape[1]), o), b


def judge(h, tag, folds):
    s, tw, home = view(SERVED, tag), view(["twins"], tag), view(["home"], tag)
    k = np.isin(s.fold, folds) if folds else np.ones(len(s.fold), bool)
    s.index, s.x = s.index[k], s.x[k]
    f = lambda v: lin.orn(h.experts(v.x.astype(np.float32))).mean(1)
    c = f(s)
    report(data, s, c)
    t = f(tw)
    k = tw.kind == "twin"
    print(
        "   twins",
        round(roc_auc_score(k, t), 3),
        round((t[k] > t[~k]).mean(), 3),
        "home",
        round(roc_auc_score(home.label, f(home)), 4),
        flush=True,
    )
    return s.index, c


if __name__ == "__main__":
    last = None
    for spec in sys.argv[1:]:
        if spec.startswith("save="):
            b = last[1]
            x = b.x[~np.isin(b.fold, last[2])].astype(np.float32)
            np.savez(
                spec[5:],
                weights=last[0].weights,
                biases=last[0].biases,
                centre=x.mean(0),
                scale=x.std(0) + 1e-4,
            )
            continue
        tag, folds, *o = spec.split(":")
        folds = [int(c) for c in folds]
        h, b = fit(tag, folds, *o)
        print("==", spec)
        last = (h, b, folds)
        i, c = judge(h, tag, folds)
        np.savez(f"runs/j_{tag}_{''.join(map(str, folds))}.npz", index=i, logit=c)
