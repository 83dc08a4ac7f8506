"""Linear experts on the bank by AdamW: lin.py key=value,… per spec; four left-out folds.

keys: way (2, 3, 4, 5 experts), epochs, wd, drop, dims, gdro, mix, even, lr, real (share of the reals' weight), name
"""

import sys
import time

import heads
import numpy as np
import table
import torch
from fit2 import Bank, Served, columns, logits, odds, report, roc_auc_score
from torch.nn import functional as F

torch.set_num_threads(1)
G = {
    "2": {"seam": 0, "swap": 0, "*": 1},
    "3": {"seam": 0, "swap": 0, "gan": 1, "*": 2},
    "4": {"seam": 0, "swap": 0, "gan": 1, "diffusion": 2, "modern": 2, "edit": 3, "twin": 3},
    "4b": {"seam": 0, "swap": 0, "gan": 1, "diffusion": 2, "modern": 2, "twin": 2, "edit": 3},
    "5": {"seam": 0, "swap": 1, "gan": 2, "diffusion": 3, "modern": 3, "edit": 4, "twin": 4},
}


def expert_of(family, way):
    return np.array([G[way].get(f, G[way].get("*", -1)) if f != "real" else -1 for f in family])


def orr(a):
    s = F.softplus(a).sum(1)
    return s + torch.log(-torch.expm1(-s) + 1e-12)


def train(b, keep, cols, o, seed=0):
    torch.manual_seed(seed)
    way = o["way"]
    rows = np.flatnonzero(keep)
    x = b.x[rows][:, cols].astype(np.float32)
    c, s = x.mean(0), x.std(0) + 1e-4
    x -= c
    x /= s
    x = torch.from_numpy(x)
    y = torch.from_numpy(b.label[rows].astype(np.float32))
    w = torch.from_numpy((odds(b, keep)[rows] * len(rows)).astype(np.float32))
    names, src = np.unique(b.source[rows], return_inverse=True)
    src = torch.from_numpy(src)
    q = torch.ones(len(names))
    realsrc = np.zeros(len(names), bool)
    realsrc[src.numpy()[y.numpy() == 0]] = True
    realsrc = torch.from_numpy(realsrc)
    ex = torch.from_numpy(expert_of(b.family[rows], way))
    e = len(set(G[way].values()))
    mask = torch.stack([(y == 0) | (ex == k) for k in range(e)], 1).float()
    net = torch.nn.Linear(x.shape[1], e)
    torch.nn.init.zeros_(net.weight)
    torch.nn.init.constant_(net.bias, -1.0)
    opt = torch.optim.AdamW(net.parameters(), o["lr"], weight_decay=o["wd"])
    B = 256
    n = (len(rows) // B) * int(o["epochs"])
    sch = torch.optim.lr_scheduler.OneCycleLR(opt, o["lr"], n, pct_start=0.1)
    for ep in range(int(o["epochs"])):
        for i in torch.randperm(len(rows)).split(B)[: len(rows) // B]:
            xi, yi, wi, mi = x[i], y[i], w[i], mask[i]
            if o["mix"]:
                j = torch.randperm(len(i))
                t = 1 - o["mix"] * torch.rand(len(i), 1) * 0.5
                same = (ex[i] == ex[i][j])[:, None]
                t = torch.where(same, t, torch.ones_like(t))
                xi = t * xi + (1 - t) * xi[j]
            a = net(F.dropout(xi, o["drop"]))
            cc = orr(a)
            l1 = F.binary_cross_entropy_with_logits(cc, yi, reduction="none")
            if o["gdro"]:
                with torch.no_grad():
                    sums = torch.zeros(len(names)).index_add_(0, src[i], l1 * (yi == 0))
                    cnt = torch.zeros(len(names)).index_add_(0, src[i], torch.ones(len(i)))
                    has = (cnt > 0) & realsrc
                    q[has] *= torch.exp(o["gdro"] * sums[has] / cnt[has])
                    q[realsrc] = (q[realsrc] / q[realsrc].mean()).clamp(0.2, 8)
                    f = torch.where(yi == 0, q[src[i]], torch.ones_like(yi))
                    f = torch.where(yi == 0, f / ((f * wi)[yi == 0].sum() / wi[yi == 0].sum()), f)
                wi = wi * f
            l = (wi * l1).mean() + 0.5 * (
                wi[:, None]
                * mi
                * F.binary_cross_entropy_with_logits(a, yi[:, None].expand(-1, e), reduction="none")
            ).mean()
            opt.zero_grad()
            l.backward()
            opt.step()
            sch.step()
    W = net.weight.detach().numpy() / s
    return heads.Heads(W.astype(np.float32), (net.bias.detach().numpy() - W @ c).astype(np.float32))


def bagged(b, keep, cols, o):
    got = [train(b, keep, cols, o, seed) for seed in range(int(o["bags"]))]
    return heads.Heads(np.mean([g.weights for g in got], 0), np.mean([g.biases for g in got], 0))


def orn(a):
    s = np.logaddexp(0, a).sum(-1)
    return s + np.log(-np.expm1(-s) + 1e-12)


DEFAULT = dict(
    way="4", epochs=4, wd=0.3, drop=0.3, dims="stages", gdro=0, mix=0, lr=5e-4, name="x", bags=1
)


def options(spec):
    o = dict(DEFAULT)
    o.update(p.split("=") for p in spec.split(",") if p)
    return {k: v if k in ("way", "dims", "name") else float(v) for k, v in o.items()}


if __name__ == "__main__":
    data = table.load()
    b, s, h, tw = Bank(data), Served(data, "served"), Served(data, "home"), Served(data, "twins")
    print("1.3.0")
    report(data, s, s.old[:, :2].mean(1))
    m = np.load("runs/left_out_model2.npz")

    class V:
        index = m["index"]

    print("model2")
    report(data, V, m["logit"])
    for spec in sys.argv[1:]:
        o = options(spec)
        cols = columns(o["dims"])
        t = time.process_time()
        fitted = {f: bagged(b, b.fold != f, cols, o) for f in range(4)}
        print("==", spec, round(time.process_time() - t), "s")
        lo = logits(fitted, s, cols)
        sc = orn(lo)[:, :2].mean(1)
        report(data, s, sc)
        lt = orn(logits(fitted, tw, cols))
        hc = orn(logits({-1: fitted[0]}, h, cols))[:, :2].mean(1)
        tst = data.split[h.index] == "test"
        print(
            "   twins",
            round(roc_auc_score(tw.kind == "twin", lt), 3),
            round(float((lt[tw.kind == "twin"] > lt[tw.kind == "twin_real"]).mean()), 3),
            "home test AUC",
            round(roc_auc_score(data.label[h.index][tst], hc[tst]), 4),
            flush=True,
        )
        np.savez(
            f"runs/lin_{o['name']}.npz",
            index=s.index,
            both=lo,
            **{f"w{f}": v.weights for f, v in fitted.items()},
            **{f"b{f}": v.biases for f, v in fitted.items()},
        )
