import os
import sys
import time

os.chdir("/work/m2")
sys.path.insert(0, "/work/m3")
from dataclasses import replace

import bank
import cv2
import draw
import numpy as np
import serving
import table
import tune
import views

cv2.setNumThreads(1)
d = table.load()
trunk = bank.Trunk()
r0 = np.random.default_rng(5)
ok = np.flatnonzero(d.found)
_, inv, c = np.unique(d.source[ok], return_inverse=True, return_counts=True)
p = c[inv] ** -0.5
p /= p.sum()
N = int(sys.argv[1])
rows = []
t = time.time()
sheet = []
for n, i in enumerate(r0.choice(ok, N, p=p)):
    r = np.random.default_rng([9, n])
    f = views.face_of(d, i)
    k = draw.KINDS[n % len(draw.KINDS)]
    x = f.pixels
    if max(x.shape[:2]) < 260 and r.random() < 0.5:  # some are drawn at a larger size
        s = r.uniform(1.2, 2)
        x = cv2.resize(x, None, fx=s, fy=s, interpolation=cv2.INTER_CUBIC)
        f = replace(f, pixels=x, box=f.box * s, mesh=f.mesh * s)
    y = k(x, r)
    if k is draw.drawn:
        f = replace(f, box=np.array([58.0, 45, 198, 225]), turn=0.0)
    f = replace(f, pixels=y)
    if r.random() < 0.5:
        f = replace(f, pixels=tune.jpeg(f.pixels, int(r.integers(50, 96))))
    crop = views.served(f, serving.NEW) if r.random() < 0.6 else tune.seen(f, [9, n])
    rows.append((i, k.__name__, 2, *trunk(crop)))
    if n < len(draw.KINDS) * 6:
        sheet.append(cv2.resize(crop, (112, 112)))
    if n == len(draw.KINDS) * 6 - 1:
        m = len(draw.KINDS)
        cv2.imwrite(
            "/work/m3/draw/sheet.png",
            np.vstack([np.hstack(sheet[a * m : a * m + m]) for a in range(6)])[..., ::-1],
        )
    if n % 200 == 0:
        print(n, round(time.time() - t), round(time.process_time()), flush=True)
os.chdir("/work/m3")
np.savez(
    "drawbank.npz",
    **{
        k: np.array([q[j] for q in rows])
        for j, k in enumerate(("index", "kind", "label", "features", "logit"))
    },
)
