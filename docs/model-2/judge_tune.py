"""Logits of the second edition by fold networks, face and mirror: runs/tuned_NAME_FOLD_ALPHA.npz.

Usage: judge_tune.py NAME FOLD ALPHA [home]; weights ALPHA of the way from 1.3.0 with its heads of
`model2` to the tuned ones. FOLD -1 judges a sample of the first edition's valid and test, and twins.
"""

import pickle
import sys
from dataclasses import replace

import network
import numpy as np
import serving
import table
import torch
import tune
import views


def between(name, fold, alpha):
    net = tune.load(f"runs/heads_model2_{fold}.npz")
    tuned = torch.load(f"runs/tune_{name}{fold if fold >= 0 else ''}.pt")
    with torch.no_grad():
        for n, p in net.named_parameters():
            p.lerp_(tuned[n], alpha)
    return net.eval()


@torch.inference_mode()
def judge(net, crops):
    out = []
    for i in range(0, len(crops), 16):
        x = network.tensor(np.stack(crops[i : i + 16]), torch.float32)
        f = net.features(torch.cat([x, x.flip(3)]))
        out.append(net.experts(f).reshape(2, -1, 2).permute(1, 0, 2))
    return torch.cat(out).numpy()


def twins(data, fold):
    """As extract.twins' plain kind: 212 pairs of twins_0.pkl, those of the fold."""
    for path in sorted(table.CACHE.glob("twins_0.pkl")):
        for index, scale, real, twin in pickle.loads(path.read_bytes()):
            if fold >= 0 and data.fold[index] != fold:
                continue
            whole = views.face_of(data, index)
            base = replace(whole, pixels=real, box=whole.box * scale, mesh=whole.mesh * scale)
            random = np.random.default_rng([6, index])
            quality = int(random.integers(82, 97))
            for kind, pixels in (("twin_real", real), ("twin", twin)):
                yield (
                    index,
                    kind,
                    views.served(replace(base, pixels=tune.jpeg(pixels, quality)), serving.NEW),
                )


def main(name, fold, alpha):
    torch.set_num_threads(1)
    data = table.load()
    net = between(name, fold, alpha)
    if fold >= 0:
        rows = np.flatnonzero(data.found & data.second & (data.fold == fold))
    else:
        random = np.random.default_rng(3)
        rows = np.concatenate(
            [
                random.permutation(
                    np.flatnonzero(
                        data.found & ~data.second & (data.split == s) & (data.label == y)
                    )
                )[:200]
                for s in ("valid", "test")
                for y in (0, 1)
            ]
        )
    crops = [views.served(views.face_of(data, i), serving.NEW) for i in rows]
    both = judge(net, crops)
    pairs = list(twins(data, fold))
    tb = judge(net, [p[2] for p in pairs])
    np.savez(
        f"runs/tuned_{name}_{fold}_{alpha}.npz",
        index=rows,
        both=both,
        twin_index=np.array([p[0] for p in pairs]),
        twin_kind=np.array([p[1] for p in pairs]),
        twin_both=tb,
    )
    print("done", len(rows))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
