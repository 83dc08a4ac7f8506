"""Reals -> pairs (real, twin through TAEF2 in torch), in cache/tw_PART.pkl, 100 pairs a part.

Usage: make_twins.py FIRST LAST, or make_twins.py eval for cache/eval_tw.pkl: 200 reals that are not in
"train". Where the processor has bfloat16 half of them go through it (.23 CPU s), as decoders of
diffusion models run, the rest through float32 (.64); one in four with a little noise on the latents,
so that the twin is not only a copy.
"""

import pickle
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import table
import taef
import torch

SIDE = 256
HAS_BFLOAT16 = "amx_bf16" in Path("/proc/cpuinfo").read_text()
KINDS = (torch.bfloat16 if HAS_BFLOAT16 else torch.float32, torch.float32)


def pair(data, index, networks):
    random = np.random.default_rng([22, index])
    pixels = data.pixels(index)
    scale = min(1.0, float(random.uniform(200, 254)) / max(pixels.shape[:2]))
    height, width = (max(16, round(n * scale)) for n in pixels.shape[:2])
    real = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    top, left = (int(random.integers(0, SIDE - n + 1)) for n in (height, width))
    padded = cv2.copyMakeBorder(
        real, top, SIDE - height - top, left, SIDE - width - left, cv2.BORDER_REFLECT_101
    )
    encoder, decoder = networks[KINDS[0] if random.random() < 0.5 else KINDS[1]]
    latent = encoder(torch.from_numpy(padded[None]).permute(0, 3, 1, 2).float() / 255).float()
    if random.random() < 0.25:
        noise = torch.from_numpy(random.standard_normal(latent.shape, np.float32))
        latent = latent + latent.std() * float(random.uniform(0.02, 0.12)) * noise
    decoded = decoder(latent).float().clamp(0, 1)[0].permute(1, 2, 0).numpy()
    twin = np.clip(decoded * 255 + 0.5, 0, 255).astype(np.uint8)
    twin = twin[top : top + height, left : left + width]
    return int(index), scale, real, np.ascontiguousarray(twin)


def write(name, pairs):
    with (table.CACHE / f"{name}.pkl").open("wb") as file:
        pickle.dump(pairs, file)


def main(parts):
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    data = table.load()
    judged = parts == ["eval"]
    reals = np.flatnonzero((data.label == 0) & data.found & ((data.split == "train") != judged))
    _, inverse, sizes = np.unique(data.source[reals], return_inverse=True, return_counts=True)
    chance = sizes[inverse] ** -0.5
    random, count = np.random.default_rng(31 if judged else 21), 200 if judged else 3000
    order = random.choice(reals, count, replace=False, p=chance / chance.sum())
    networks = {
        kind: [taef.Graph(taef.P.format(half), kind) for half in ("encoder", "decoder")]
        for kind in set(KINDS)
    }
    if judged:
        write("eval_tw", [pair(data, index, networks) for index in order])
        return
    for part in range(*map(int, parts)):
        start = time.process_time()
        pairs = [pair(data, i, networks) for i in order[part * 100 : part * 100 + 100]]
        write(f"tw_{part}", pairs)
        differs = np.mean([np.abs(a.astype(float) - b).mean() for _, _, a, b in pairs])
        print(part, round(time.process_time() - start), round(float(differs), 2), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
