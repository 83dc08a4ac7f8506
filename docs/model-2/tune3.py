"""The whole network, four experts over standardised means and spreads; time-based cosine.

tune3.py NAME LEFT_OUT HEADS.npz MINUTES [RATE]; writes ck/NAME_STEP.pt (moving averages) every 100 steps.
With START=CHECKPOINT.pt in the environment it goes on from there, a network that never met LEFT_OUT either,
and is pulled back to it.
"""

import os
import sys
import time

import network
import numpy as np
import table
import torch
import tune
from lin import expert_of
from torch import nn
from torch.nn import functional as F

PULL, EMA, DROPOUT = 3e-4, 0.99, 0.2
# Pairs, faces of `generate.py` and further reals a batch, as for 2.2.0; the eleventh day had 8, 2 and 4.
TWINS, GENERATED, REALS = (
    int(os.environ.get(name, usual))
    for name, usual in (("TWINS", 4), ("GENERATED", 0), ("REALS", 8))
)
ROUND = int(os.environ.get("ROUND", 0))  # other batches than those of the rounds before
RANK = 0.25  # weight of the loss on pairs
CODE = {
    f: k
    for k, f in enumerate(("real", "gan", "diffusion", "modern", "edit", "swap", "seam", "twin"))
}
EXPERT = expert_of(np.array(list(CODE)), "4")


class Net(tune.Network):
    def __init__(self, heads):
        super().__init__()
        self.register_buffer("centre", torch.tensor(heads["centre"]))
        self.register_buffer("scale", torch.tensor(heads["scale"]))
        self.experts = nn.Linear(3232, 4)
        w = torch.tensor(heads["weights"])
        self.experts.weight.data = w * self.scale
        self.experts.bias.data = torch.tensor(heads["biases"]) + w @ self.centre

    def forward(self, x, dropout=0.0):
        f = (self.features(x) - self.centre) / self.scale
        return self.experts(F.dropout(f, dropout, self.training))


def orr(a):
    s = F.softplus(a).sum(1)
    return s + torch.log(-torch.expm1(-s) + 1e-12)


class Batches(tune.Batches):
    def __getitem__(self, number):
        x, y, seam = super().__getitem__(number)
        code = [0] * tune.REALS + [CODE[f] for f, n in tune.FAMILIES.items() for _ in range(n)]
        code += [CODE["gan"]] * tune.GENERATED
        code += [0, CODE["seam"]] * tune.SEAMS
        code += [0, CODE["twin"]] * ((len(y) - len(code)) // 2)
        return x, y, np.array(code)


def main(name, left_out, path_heads, minutes, rate=1e-4):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = Net(np.load(path_heads))
    import pickle

    net.load_trunk(pickle.loads((table.CACHE / "w130.pkl").read_bytes()))
    if "START" in os.environ:
        found = torch.load(os.environ["START"])
        with torch.no_grad():
            for n, p in net.named_parameters():
                p.copy_(found[n])
    trunk = [p for n, p in net.named_parameters() if not n.startswith("experts")]
    opt = torch.optim.AdamW(
        [
            {"params": trunk, "lr": rate},
            {"params": net.experts.parameters(), "lr": rate, "weight_decay": 0.1},
        ],
        weight_decay=0.0,
    )
    first = [p.detach().clone() for p in net.parameters()]
    average = [p.detach().clone() for p in net.parameters()]
    gan = 4 if GENERATED else 5
    if {0, 3} <= set(left_out):  # all edits are in these
        tune.FAMILIES = {"gan": gan, "diffusion": 1, "modern": 5, "swap": 3}
    else:
        tune.FAMILIES = {"gan": gan, "diffusion": 1, "modern": 4, "edit": 2, "swap": 2}
    tune.TWINS, tune.GENERATED, tune.REALS = TWINS, GENERATED, REALS
    print(tune.FAMILIES, TWINS, GENERATED, REALS, RANK, flush=True)
    loader = torch.utils.data.DataLoader(
        Batches(left_out, 100000, seed=int("".join(map(str, left_out)) or 9) + 100 * ROUND),
        batch_size=None,
        num_workers=1,
        prefetch_factor=6,
    )
    start, said, pairs = time.time(), [], []
    net.train()
    for step, (x, y, code) in enumerate(loader):
        done = (time.time() - start) / 60 / minutes
        if done >= 1:
            break
        lr = rate * min(1, (step + 1) / 60) * (0.5 + 0.5 * np.cos(np.pi * done))
        for g in opt.param_groups:
            g["lr"] = lr
        a = net(network.tensor(x.numpy(), torch.float32), DROPOUT)
        c = orr(a)
        ex = torch.tensor(EXPERT)[code]
        mask = torch.stack([(y == 0) | (ex == k) for k in range(4)], 1).float()
        w = torch.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y).mean())
        loss = (w * F.binary_cross_entropy_with_logits(c, y, reduction="none")).mean()
        loss = (
            loss
            + 0.5
            * (
                w[:, None]
                * mask
                * F.binary_cross_entropy_with_logits(a, y[:, None].expand(-1, 4), reduction="none")
            ).mean()
        )
        own = torch.nonzero(code >= CODE["seam"])[:, 0]
        diff = c[own] - c[own - 1]
        loss = loss + RANK * F.softplus(-diff).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 3.0)
        opt.step()
        with torch.no_grad():
            for p, q, mean in zip(net.parameters(), first, average):
                p.lerp_(q, PULL)
                mean.lerp_(p, max(1 - EMA, 1 / (step + 1)))
        said.append(loss.item())
        pairs.append((diff > 0).float().mean().item())
        if step % 20 == 19:
            print(
                step + 1,
                round(np.mean(said[-100:]), 4),
                "pairs",
                round(np.mean(pairs[-100:]), 3),
                round(time.time() - start),
                round(time.process_time()),
                flush=True,
            )
        if step % 100 == 99:
            save(net, average, name, step + 1)
    save(net, average, name, "end")


def save(net, average, name, step):
    torch.save(
        {n: m.clone() for (n, _), m in zip(net.named_parameters(), average)}, f"ck/{name}_{step}.pt"
    )


if __name__ == "__main__":
    main(
        sys.argv[1],
        [int(c) for c in sys.argv[2]] if sys.argv[2] != "none" else [],
        sys.argv[3],
        float(sys.argv[4]),
        *map(float, sys.argv[5:]),
    )
