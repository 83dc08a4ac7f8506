"""Reals -> pairs (real, twin through TAEF2 in torch), in cache/tw_PART.pkl, 100 pairs a part.

Usage: make_twins2.py FIRST LAST. As make_twins.py, half of them in bfloat16 (.23 CPU s), as decoders
of diffusion models run, half in float32 (.64); one in four with a little noise on the latents, so
that the twin is not only a copy.
"""

import pickle
import sys
import time

import cv2
import numpy as np
import table
import taef
import torch

SIDE = 256


def main(first, last):
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    data = table.load()
    reals = np.flatnonzero((data.label == 0) & data.found & (data.split == "train"))
    _, inverse, sizes = np.unique(data.source[reals], return_inverse=True, return_counts=True)
    chance = sizes[inverse] ** -0.5
    order = np.random.default_rng(21).choice(reals, 3000, replace=False, p=chance / chance.sum())
    halves = {
        dt: (taef.Graph(taef.P.format("encoder"), dt), taef.Graph(taef.P.format("decoder"), dt))
        for dt in (torch.bfloat16, torch.float32)
    }
    for part in range(first, last):
        start, pairs = time.process_time(), []
        for index in order[part * 100 : part * 100 + 100]:
            random = np.random.default_rng([22, index])
            pixels = data.pixels(index)
            longer = max(pixels.shape[:2])
            scale = min(1.0, float(random.uniform(200, 254)) / longer)
            height, width = (max(16, round(n * scale)) for n in pixels.shape[:2])
            real = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
            top, left = (int(random.integers(0, SIDE - n + 1)) for n in (height, width))
            padded = cv2.copyMakeBorder(
                real, top, SIDE - height - top, left, SIDE - width - left, cv2.BORDER_REFLECT_101
            )
            enc, dec = halves[torch.bfloat16 if random.random() < 0.5 else torch.float32]
            latent = enc(torch.from_numpy(padded[None]).permute(0, 3, 1, 2).float() / 255).float()
            if random.random() < 0.25:
                latent = latent + latent.std() * float(
                    random.uniform(0.02, 0.12)
                ) * torch.from_numpy(random.standard_normal(latent.shape, np.float32))
            decoded = dec(latent).float().clamp(0, 1)[0].permute(1, 2, 0).numpy()
            twin = np.clip(decoded * 255 + 0.5, 0, 255).astype(np.uint8)[
                top : top + height, left : left + width
            ]
            pairs.append((int(index), scale, real, np.ascontiguousarray(twin)))
        with open(table.CACHE / f"tw_{part}.pkl", "wb") as file:
            pickle.dump(pairs, file)
        print(
            part,
            round(time.process_time() - start),
            np.mean([np.abs(a.astype(float) - b).mean() for _, _, a, b in pairs]),
            flush=True,
        )


main(*map(int, sys.argv[1:3]))
