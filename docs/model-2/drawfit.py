"""Drawing head on the served means and stds: logistic with L2, left-out folds; photographs = served + bank views."""

import os

os.chdir("/work/m2")
import numpy as np
import table
import torch
from torch.nn import functional as F

torch.set_num_threads(1)
d = table.load()
import sys

from judge3 import bank, view

TAG = sys.argv[1]
S, H, B = view(["served0", "served1"], TAG), view(["home"], TAG), bank(TAG)
X = np.load(f"vb/bankdraw_{TAG}.npy").astype(np.float32)
z = np.load("vb/bankdraw.npz")
K, DI = z["kind"], z["index"]
r = np.random.default_rng(0)
br = r.permutation(len(B.label))[:9000]
P = np.concatenate([S.x.reshape(-1, 3232), B.x[br]]).astype(np.float32)
pi = np.concatenate([np.repeat(S.index, 2), B.index[br]])
ps = d.source[pi]
pf = d.fold[pi]
hard = np.isin(K, ["edgep", "meanshift"])  # close to beauty filters: not taught


def fit(pk, dk, wd=2e-3, its=400):
    x = np.concatenate([P[pk], X[dk]])
    c, s = x.mean(0), x.std(0) + 1e-4
    x = torch.from_numpy((x - c) / s)
    y = torch.cat([torch.zeros(pk.sum()), torch.ones(dk.sum())])
    w = torch.cat(
        [torch.full((int(pk.sum()),), 1 / pk.sum()), torch.full((int(dk.sum()),), 1 / dk.sum())]
    )
    # photographs that come near weigh more: the threshold is about them
    W = torch.zeros(x.shape[1], requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    opt = torch.optim.LBFGS([W, b], max_iter=60, history_size=8, line_search_fn="strong_wolfe")

    def f():
        opt.zero_grad()
        l = (
            w * F.binary_cross_entropy_with_logits(x @ W + b, y, reduction="none")
        ).sum() + 0.5 * wd * (W * W).sum()
        l.backward()
        return l

    opt.step(f)
    W, b = W.detach().numpy(), b.item()
    return (W / s).astype(np.float32), np.float32(b - (W / s) @ c)


out = np.zeros((len(S.index),), np.float32)
dl = np.zeros(len(X), np.float32)
df = d.fold[DI]
for k in range(4):
    W, b = fit(pf != k, (df != k) & ~hard)
    m = S.fold == k
    out[m] = (S.x[m].astype(np.float32) @ W + b).mean(1)
    dl[df == k] = X[df == k] @ W + b
lab = d.label[S.index]
T = max(np.quantile(out[lab == y], 0.996) for y in (0, 1))
print("threshold", T, "refused real/fake", (out[lab == 0] > T).mean(), (out[lab == 1] > T).mean())
for y in (0, 1):
    n, c = np.unique(d.source[S.index][(lab == y) & (out > T)], return_counts=True)
    print(y, dict(zip(n.tolist(), c.tolist())))
print({k: round(float((dl[K == k] > T).mean()), 2) for k in np.unique(K)})
lk = {}
for k in np.unique(K):
    W, b = fit(pf != 0, (df != 0) & ~hard & (K != k))
    lk[k] = round(float((X[K == k] @ W + b > T).mean()), 2)
print("kind left out", lk)
W, b = fit(np.ones(len(P), bool), ~hard)
full = (S.x.astype(np.float32) @ W + b).mean(1)
hh = (H.x.astype(np.float32) @ W + b).mean(1)
print(
    "all folds: refused real/fake",
    (full[lab == 0] > T).mean(),
    (full[lab == 1] > T).mean(),
    "home",
    (hh > T).mean(),
)
np.savez("final/drawing_head.npz", weights=W, bias=b - T, threshold=T)
