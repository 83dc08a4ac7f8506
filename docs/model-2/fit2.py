"""Two experts on statistics of every block, fitted on the bank's views.

fit2.py SPEC...; SPEC = name=value between commas: pull, even, pair, dims (all, stages, taps), worst.
"""

import glob
import pickle
import sys
import time

import evaluate
import heads
import network
import numpy as np
import table
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

TAG = ""
# Order of features2's means: 4 x 96 taps, 1280 head, then the blocks' outputs.
WIDTHS = [96] * 4 + [1280] + [16] + [24] * 2 + [40] * 2 + [80] * 3 + [112] * 3 + [192] * 4 + [320]
SHARES = {
    "gan": 0.18,
    "diffusion": 0.10,
    "modern": 0.26,
    "edit": 0.12,
    "seam": 0.16,
    "swap": 0.14,
    "twin": 0.12,
}


def columns(dims):
    n = sum(WIDTHS)
    ends = np.cumsum([0] + WIDTHS)
    if dims == "all":
        return np.arange(2 * n)
    last = [5, 7, 9, 12, 15, 19, 20]  # last block of each stage
    if dims == "stages":
        blocks = np.concatenate([np.arange(ends[i], ends[i + 1]) for i in last])
        return np.concatenate([np.arange(1664), blocks, n + blocks])
    if dims == "tapspread":  # stages + spread of the taps
        blocks = np.concatenate([np.arange(ends[i], ends[i + 1]) for i in last])
        return np.concatenate([np.arange(1664), blocks, n + np.arange(1664), n + blocks])
    if dims == "nohead":
        keep = np.r_[np.arange(384), np.arange(1664, n)]
        return np.concatenate([keep, n + keep])
    raise ValueError(dims)


class Bank:
    def __init__(self, data, tag=""):
        parts = [np.load(p) for p in sorted(glob.glob(f"cache/bank{tag}_[0-9].npz"))]
        cat = lambda k: np.concatenate([p[k] for p in parts])
        self.index, self.kind, self.label, self.x = (
            cat("index"),
            cat("kind"),
            cat("label"),
            cat("features"),
        )
        seam = np.isin(self.kind, ("self", "swap", "reenact"))
        self.family = np.where(
            seam, "seam", np.where(self.kind == "twin", "twin", data.family[self.index])
        )
        self.family[self.label == 0] = "real"
        self.source = np.where(
            np.isin(self.kind, ("self", "swap", "reenact", "twin")),
            self.kind,
            data.source[self.index],
        )
        self.fold, self.second = data.fold[self.index], data.second[self.index]
        nxt = np.arange(len(self.kind) - 1)
        self.pairs = nxt[np.isin(self.kind[:-1], ("seam_real", "twin_real"))]  # row, row + 1


def odds(b, keep):
    w = np.zeros(len(b.label), np.float64)
    for y in (0, 1):
        for family, share in ({"real": 1.0} if y == 0 else SHARES).items():
            own = keep & (b.label == y) & (b.family == family)
            names, inv, counts = np.unique(b.source[own], return_inverse=True, return_counts=True)
            if not len(names):
                continue
            # drawn by √size already: all views of a family alike
            w[own] = share / own.sum()
        m = keep & (b.label == y)
        w[m] /= 2 * w[m].sum()
    return w


def fit(
    b,
    keep,
    cols,
    pull=0.1,
    even=0.3,
    pair=0.0,
    its=80,
    start_from_old=True,
    evenfake=0.0,
    fold1=True,
):
    rows = np.flatnonzero(keep)
    x = b.x[rows][:, cols].astype(np.float32)
    centre, scale = x.mean(0), x.std(0) + 1e-4
    x -= centre
    x /= scale
    d = x.shape[1]
    w = odds(b, keep)[rows].astype(np.float32)
    y = b.label[rows].astype(np.float32)
    start = np.zeros(d, np.float32)
    sb = 0.0
    if start_from_old:
        old, bias = network.old_head(pickle.loads((table.CACHE / "w130.pkl").read_bytes()))
        at = {c: i for i, c in enumerate(cols)}
        for c in range(1664):
            if c in at:
                start[at[c]] = old[c] * scale[at[c]]
        sb = (
            bias
            + float(sum(old[c] * centre[at[c]] for c in range(1664) if c in at))
            + heads.START_BIAS
        )
    seams = np.isin(b.family[rows], ("seam", "swap"))
    mask = np.stack([(y == 0) | seams, (y == 0) | ~seams]).astype(np.float32)
    real = np.flatnonzero(y == 0)
    names, inv = np.unique(b.source[rows][real], return_inverse=True)
    sizes = np.bincount(inv).astype(np.float32)
    of = np.minimum(sizes, 60)
    of /= of.sum()
    pos = -np.ones(len(b.label), int)
    pos[rows] = np.arange(len(rows))
    pr = b.pairs[keep[b.pairs] & keep[b.pairs + 1]]
    pa, pb = pos[pr], pos[pr + 1]

    def loss(flat):
        dl = flat.reshape(2, d + 1).astype(np.float32)
        W, B = start + dl[:, :d], sb + dl[:, d]
        a = x @ W.T + B
        c = heads.combined(a[:, 0], a[:, 1])
        total = float((w * (np.logaddexp(0, c) - y * c)).sum())
        slope = w * (heads.sigmoid(c) - y)
        means = np.bincount(inv, c[real]) / sizes
        off = means - of @ means
        total += 0.5 * even * float((of * off**2).sum())
        slope[real] += even * (of * off / sizes)[inv]
        if pair:
            dlt = c[pb] - c[pa]
            total += pair * float(np.logaddexp(0, -dlt).mean())
            g = -pair * heads.sigmoid(-dlt) / len(dlt)
            np.add.at(slope, pb, g)
            np.add.at(slope, pa, -g)
        s = a.sum(1)
        grad = slope * np.stack(
            [np.exp(a[:, 0] - c) + np.exp(s - c), np.exp(a[:, 1] - c) + np.exp(s - c)]
        )
        for e in (0, 1):
            own = w * mask[e]
            total += 0.5 * float((own * (np.logaddexp(0, a[:, e]) - y * a[:, e])).sum())
            grad[e] += 0.5 * own * (heads.sigmoid(a[:, e]) - y)
        total += 0.5 * pull * float((dl[:, :d] ** 2).sum())
        g = np.concatenate(
            [grad.astype(np.float32) @ x + pull * dl[:, :d], grad.sum(1)[:, None]], 1
        )
        return total, g.ravel().astype(np.float64)

    f = minimize(loss, np.zeros(2 * (d + 1)), jac=True, method="L-BFGS-B", options={"maxiter": its})
    dl = f.x.reshape(2, d + 1)
    W = (start + dl[:, :d]) / scale
    return heads.Heads(W.astype(np.float32), (sb + dl[:, d] - W @ centre).astype(np.float32))


class Served:
    def __init__(self, data, name, tag=""):
        parts = [np.load(p) for p in sorted(glob.glob(f"cache/bank{tag}_{name}_[0-9].npz"))]
        cat = lambda k: np.concatenate([p[k] for p in parts])
        self.index, self.kind, self.x, self.old = (
            cat("index"),
            cat("kind"),
            cat("features"),
            cat("logit"),
        )
        self.fold = data.fold[self.index]


def logits(fitted, served, cols):
    """(count, views, 2) by the heads without the row's fold; fitted[-1] where there is one only."""
    out = None
    for f, h in fitted.items():
        own = served.fold == f if f >= 0 else np.ones(len(served.index), bool)
        got = h.experts(served.x[own][..., cols].astype(np.float32))
        if out is None:
            out = np.zeros((len(served.index), *got.shape[1:]), np.float32)
        out[own] = got
    return out


def sub(v, folds):
    import copy

    o = copy.copy(v)
    k = np.isin(v.fold, folds)
    o.index, o.kind, o.x, o.old, o.fold = v.index[k], v.kind[k], v.x[k], v.old[k], v.fold[k]
    return o


def comb(b):
    return heads.combined(b[..., 0], b[..., 1])


def report(data, s, score, full=False):
    r = evaluate.elsewhere(data, s.index, score)
    reals = {n: score[(data.source[s.index] == n) & (data.label[s.index] == 0)] for n in r.alarms}
    t = max(np.quantile(v, 0.85) for v in reals.values() if len(v) >= 20) + 1e-6
    q = evaluate.elsewhere(data, s.index, score, t)
    top = sorted(
        ((round(v, 2), str(n)) for n, v in r.alarms.items() if r.sizes["real " + n] >= 15),
        reverse=True,
    )[:6]
    print(r.line())
    print(
        "   worst",
        top,
        f"| worst<=.15: caught {np.mean(list(q.caught.values())):.3f} alarms {q.alarm_rate:.3f}",
        flush=True,
    )
    return r


def main(specs):
    data = table.load()
    b, s0, h, tw0 = Bank(data), Served(data, "served"), Served(data, "home"), Served(data, "twins")
    first = [int(c) for c in dict(p.split("=") for p in specs[0].split(",")).get("folds", "0123")]
    s = sub(s0, first)
    print("1.3.0")
    report(data, s, s.old[:, :2].mean(1))
    m = np.load("runs/left_out_model2.npz")
    keep = np.isin(m["index"], s.index)

    class V:
        index = m["index"][keep]

    print("model2 (head of the last session)")
    report(data, V, m["logit"][keep])
    for spec in specs:
        o = dict(p.split("=") for p in spec.split(","))
        cols = columns(o.pop("dims", "all"))
        name = o.pop("name", "x")
        folds = [int(c) for c in o.pop("folds", "0123")]
        seam = float(o.pop("seam", -0.5))
        o = {k: float(v) for k, v in o.items()}
        t = time.time()
        fitted = {f: fit(b, b.fold != f, cols, **o) for f in folds}
        s, tw = (sub(v, folds) for v in (s0, tw0))
        lo = logits(fitted, s, cols) + np.array([seam, 0], np.float32)
        c = comb(lo)
        print("==", spec, round(time.time() - t), "s")
        r = report(data, s, c[:, :2].mean(1))
        lt = comb(logits(fitted, tw, cols) + np.array([seam, 0], np.float32))
        print(
            "   twins",
            round(roc_auc_score(tw.kind == "twin", lt), 3),
            round(float((lt[tw.kind == "twin"] > lt[tw.kind == "twin_real"]).mean()), 3),
        )
        print(
            "   one view",
            round(np.mean(list(evaluate.elsewhere(data, s.index, c[:, 0]).auc.values())), 4),
            end=" ",
        )
        for n, v in (
            ("1.3+1.05", c[:, [0, 2]].mean(1)),
            ("1.05+mirror", c[:, 2:].mean(1)),
            ("all four", c.mean(1)),
            ("1.3+1.05m", c[:, [0, 3]].mean(1)),
        ):
            r2 = evaluate.elsewhere(data, s.index, v)
            print(
                n,
                round(np.mean(list(r2.auc.values())), 4),
                round(np.mean(list(r2.caught.values())), 3),
                end="; ",
            )
        print(flush=True)
        if len(folds) == 4:
            np.savez(
                f"runs/fit2_{name}.npz",
                index=s.index,
                both=lo,
                **{f"w{f}": v.weights for f, v in fitted.items()},
                **{f"b{f}": v.biases for f, v in fitted.items()},
            )


if __name__ == "__main__":
    main(sys.argv[1:])
