"""Fine-tuning of the whole network with both experts on means and spreads.

Usage: tune.py NAME LEFT_OUT_FOLDS BATCHES HEADS.npz [RATE]; LEFT_OUT_FOLDS as 23 or none; of those
folds the second edition's sources are left out (1.3.0, which it starts from, has seen the first).
Writes runs/tune_NAME.pt: moving averages of the weights.
"""

import pickle
import sys
import time
from dataclasses import replace

import cv2
import network
import numpy as np
import serving
import table
import torch
import views
from torch import nn
from torch.nn import functional as F

from deepfake.forging import augmentation, blending, overlays
from deepfake.forging.backdrops import backdrop
from deepfake.forging.finishes import finish

RATE, PULL, EMA, DROPOUT = 2e-4, 5e-4, 0.985, 0.1
FAMILIES = {"gan": 3, "diffusion": 2, "modern": 4, "edit": 2, "swap": 2}  # 13 of a batch's fakes
SEAMS, TWINS, REALS = 3, 3, 8  # pairs, pairs, further reals: 13 + 6 fakes, 6 + 8 reals = 33
OVERLAID = 0.35  # of all views
BACKDROPS = 0.15
FINISHED = 0.2
GENERATED = 0  # of cache/generated.pkl (generate.py), beside the families


class Network(network.TwoExperts):
    """TwoExperts over pooled taps, means and standard deviations of the seven stages' outputs."""

    def __init__(self):
        super().__init__()
        self.experts = nn.Linear(3232, 2)

    def features(self, x):
        x = self.stem(x)
        taps, means, spreads = [], [], []
        for stage, blocks in enumerate(self.stages):
            for block in blocks:
                x = block(x)
            m = x.float().mean((2, 3))
            s = x.float().square().mean((2, 3))
            means.append(m)
            spreads.append((s - m * m).clamp_min(1e-6).sqrt())
            if stage in network.TAPPED:
                taps.append(self.taps[str(stage)](x).float().mean((2, 3)))
        taps.append(self.head(x).float().mean((2, 3)))
        return torch.cat(taps + means + spreads, 1)


def load(path_heads):
    net = Network()
    net.load_trunk(pickle.loads((table.CACHE / "w130.pkl").read_bytes()))
    found = np.load(path_heads)
    net.experts.weight.data = torch.tensor(found["weights"])
    net.experts.bias.data = torch.tensor(found["biases"])
    return net


def h264(pixels, random):
    """One frame through H.264 at a constant rate factor of 20 to 38."""
    import av

    try:
        crf = int(random.integers(20, 39))
        out = av.CodecContext.create("libx264", "w")
        out.width, out.height, out.pix_fmt = (
            pixels.shape[1] // 2 * 2,
            pixels.shape[0] // 2 * 2,
            "yuv420p",
        )
        from fractions import Fraction

        out.time_base = Fraction(1, 25)
        out.options = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency"}
        out.thread_count = 1
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(pixels[: out.height, : out.width]), format="rgb24"
        )
        packets = list(out.encode(frame)) + list(out.encode(None))
        back = av.CodecContext.create("h264", "r")
        back.thread_count = 1
        frames = [f for p in packets for f in back.decode(p)] + list(back.decode(None))
        got = frames[0].to_ndarray(format="rgb24")
        done = pixels.copy()
        done[: got.shape[0], : got.shape[1]] = got
        return done
    except Exception as error:
        print("h264", error, flush=True)
        return pixels


def delivery(pixels, random, laid_over=lambda pixels: pixels):
    """As `views.view` after the cut, with retouching, frames of films and small tiles.

    `laid_over` comes after the light: the page around a dark photograph is no darker.
    """
    if random.random() < 0.2:
        gain = np.exp(random.uniform(np.log(views.DARKEST), np.log(views.BRIGHTEST)))
        pixels = np.clip(pixels * gain + 0.5, 0, 255).astype(np.uint8)
    pixels = laid_over(pixels)
    if random.random() < 0.08:
        soft = cv2.bilateralFilter(pixels, 5, float(random.uniform(10, 45)), 4)
        pixels = cv2.addWeighted(soft, 0.8, pixels, 0.2, 0)
    if random.random() < 0.3:  # as it came, at most compressed: what test pictures look like
        if random.random() < 0.5:
            pixels = augmentation.compress(pixels, random, 60, 98)
        return serving.level(pixels)
    if random.random() < 0.08:
        side = int(random.integers(48, 112))
        small = augmentation.compress(
            cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), random, 50, 96
        )
        pixels = cv2.resize(small, pixels.shape[:2][::-1], interpolation=cv2.INTER_CUBIC)
    if random.random() < 0.1:
        side = int(random.integers(56, 113)) * 2
        pixels = cv2.resize(
            h264(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), random),
            pixels.shape[:2][::-1],
            interpolation=cv2.INTER_CUBIC,
        )
    pixels = augmentation.damage(pixels, random)
    if random.random() < 0.1:
        pixels = augmentation.compress(pixels, random, 30, 90)
    return serving.level(pixels)


def seen(face, seed):
    random = np.random.default_rng(seed)
    pixels, factor = views._cut(face, random)
    # Its own randomness: the rest of the view is as it was before there was any of this.
    own = np.random.default_rng([7, *seed])
    if own.random() < BACKDROPS:
        pixels = backdrop(pixels, own, factor)
    if own.random() < FINISHED:
        pixels = finish(pixels, own)
    if own.random() >= OVERLAID:
        return delivery(pixels, random)
    return delivery(pixels, random, lambda pixels: overlays.overlay(pixels, own))


class Batches(torch.utils.data.Dataset):
    """Item i: one batch: crops uint8, labels, seam, twin flags."""

    def __init__(self, left_out, batches, seed=0):
        self.data, self.seed, self.batches = table.load(), seed, batches
        d = self.data
        keep = d.found & ((d.split == "train") | d.second) & ~(d.second & np.isin(d.fold, left_out))
        # Of the second edition valid and test too: folds judge, splits do not.
        self.pools = {}
        for family in ("real", *FAMILIES):
            rows = np.flatnonzero(keep & (d.family == family))
            _, inverse, sizes = np.unique(d.source[rows], return_inverse=True, return_counts=True)
            chance = sizes[inverse] ** -0.5
            self.pools[family] = rows, chance / chance.sum()
        self.looks = None
        self.twins, self.files = [], set()
        made = table.CACHE / "generated.pkl"
        self.generated = pickle.loads(made.read_bytes()) if GENERATED else []

    def __len__(self):
        return self.batches

    def refresh(self):
        allowed = set(self.pools["real"][0].tolist())
        for path in sorted(table.CACHE.glob("tw_*.pkl")):
            if path.name not in self.files:
                try:
                    self.twins += [p for p in pickle.loads(path.read_bytes()) if p[0] in allowed]
                    self.files.add(path.name)
                except Exception:
                    pass

    def draw(self, family, random, count=1):
        rows, chance = self.pools[family]
        return [int(i) for i in random.choice(rows, count, p=chance)]

    def seam_pair(self, random):
        face = views.face_of(self.data, self.draw("real", random)[0])
        choice = random.random()
        if choice < 0.45:
            fake = blending.self_blend(face, random)
        elif choice < 0.9:
            donors = [views.face_of(self.data, i) for i in self.draw("real", random, 4)]
            wanted = blending.look(face)
            donor = min(donors, key=lambda f: float(np.abs(blending.look(f) - wanted).mean()))
            if random.random() < 0.2:  # a generated donor
                donor = views.face_of(self.data, self.draw("gan", random)[0])
                if self.generated and random.random() < 0.5:
                    donor = self.generated[int(random.integers(len(self.generated)))]
            fake = blending.swap(face, donor, random)
        else:
            fake = blending.reenact(face, random)
        return face, fake

    def twin_pair(self, random):
        index, scale, real, twin = self.twins[int(random.integers(len(self.twins)))]
        whole = views.face_of(self.data, index)
        base = replace(whole, pixels=real, box=whole.box * scale, mesh=whole.mesh * scale)
        weight = np.float32(1 - random.uniform(0, 0.8) * (random.random() < 0.5))
        if random.random() < 0.4:
            weight = weight * blending.blend_mask(base, random)[..., None]
        mixed = (real * (1 - weight) + twin * weight + 0.5).astype(np.uint8)
        if random.random() < 0.7:
            quality = int(random.integers(75, 99))
            real, mixed = (jpeg(p, quality) for p in (real, mixed))
        return replace(base, pixels=real), replace(base, pixels=mixed)

    def __getitem__(self, number):
        cv2.setNumThreads(1)
        random = np.random.default_rng([self.seed, number])
        if number % 20 < 2 or not self.twins:
            self.refresh()
        crops, label, seam = [], [], []

        def add(face, y, s, seed):
            crops.append(seen(face, seed))
            label.append(y)
            seam.append(s)

        for i in self.draw("real", random, REALS):
            add(views.face_of(self.data, i), 0, 0, [self.seed, number, i])
        for family, count in FAMILIES.items():
            for i in self.draw(family, random, count):
                add(views.face_of(self.data, i), 1, int(family == "swap"), [self.seed, number, i])
        for k in random.choice(len(self.generated), GENERATED) if GENERATED else ():
            add(self.generated[k], 1, 0, [self.seed, number, 500_000 + int(k)])
        for k in range(SEAMS):
            real, fake = self.seam_pair(random)
            for f, y in ((real, 0), (fake, 1)):
                add(f, y, 1, [self.seed, number, 1000 + k])
        for k in range(TWINS):
            if self.twins:
                real, fake = self.twin_pair(random)
                for f, y in ((real, 0), (fake, 1)):
                    add(f, y, 0, [self.seed, number, 2000 + k])
        return np.stack(crops), np.array(label, np.float32), np.array(seam, bool)


def jpeg(pixels, quality):
    _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def loss_of(logits, label, seam):
    # Both classes weigh the same, whatever the batch holds.
    w = torch.where(label > 0, 0.5 / label.mean(), 0.5 / (1 - label).mean())
    whole = (
        w * F.binary_cross_entropy_with_logits(network.combined(logits), label, reduction="none")
    ).mean()
    each = F.binary_cross_entropy_with_logits(
        logits, label[:, None].expand(-1, 2), reduction="none"
    )
    mask = torch.stack([(label == 0) | seam, (label == 0) | ~seam], 1).float()
    return whole + 0.5 * (w[:, None] * each * mask).mean()


def main(name, left_out, batches, path_heads, rate=RATE):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = load(path_heads)
    groups = [
        {
            "params": [p for n, p in net.named_parameters() if not n.startswith("experts")],
            "lr": rate,
        },
        {"params": net.experts.parameters(), "lr": rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [rate, rate], batches, pct_start=0.1)
    first = [p.detach().clone() for p in net.parameters()]
    average = [p.detach().clone() for p in net.parameters()]
    loader = torch.utils.data.DataLoader(
        Batches(left_out, batches), batch_size=None, num_workers=1, prefetch_factor=4
    )
    start, said = time.time(), []
    net.train()

    def save():
        state = {n: a.clone() for (n, _), a in zip(net.named_parameters(), average, strict=True)}
        torch.save(state, f"runs/tune_{name}.pt")

    for step, (crops, label, seam) in enumerate(loader):
        logits = net(network.tensor(crops.numpy(), torch.float32), DROPOUT)
        loss = loss_of(logits, label, seam)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for p, q, mean in zip(net.parameters(), first, average, strict=True):
                p.lerp_(q, PULL)
                mean.lerp_(p, max(1 - EMA, 1 / (step + 1)))
        said.append(loss.item())
        if step % 10 == 9:
            print(
                step + 1,
                round(np.mean(said[-50:]), 4),
                round(time.time() - start),
                round(time.process_time()),
                flush=True,
            )
        if step % 100 == 99:
            save()
    save()


if __name__ == "__main__":
    folds = [int(c) for c in sys.argv[2]] if sys.argv[2] != "none" else []
    main(sys.argv[1], folds, int(sys.argv[3]), sys.argv[4], *(float(x) for x in sys.argv[5:]))
