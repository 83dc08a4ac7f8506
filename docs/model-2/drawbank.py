"""drawbank.py COUNT: drawings made from photographs and fakes of all sources, as crops in vb/bankdraw."""

import sys
from dataclasses import replace

import cv2
import draw
import numpy as np
import serving
import table
import tune
import viewbank
import views

cv2.setNumThreads(1)
count = int(sys.argv[1])
data = table.load()
found = np.flatnonzero(data.found)
_, inverse, sizes = np.unique(data.source[found], return_inverse=True, return_counts=True)
chance = sizes[inverse] ** -0.5
rows = []
for n, i in enumerate(np.random.default_rng(5).choice(found, count, p=chance / chance.sum())):
    random = np.random.default_rng([9, n])
    face = views.face_of(data, i)
    kind = draw.KINDS[n % len(draw.KINDS)]
    pixels = face.pixels
    if max(pixels.shape[:2]) < 260 and random.random() < 0.5:  # some are drawn at a larger size
        by = random.uniform(1.2, 2)
        pixels = cv2.resize(pixels, None, fx=by, fy=by, interpolation=cv2.INTER_CUBIC)
        face = replace(face, pixels=pixels, box=face.box * by, mesh=face.mesh * by)
    drawn = kind(pixels, random)
    if kind is draw.drawn:
        face = replace(face, box=np.array([58.0, 45, 198, 225]), turn=0.0)
    face = replace(face, pixels=drawn)
    if random.random() < 0.5:
        face = replace(face, pixels=tune.jpeg(face.pixels, int(random.integers(50, 96))))
    if random.random() < 0.6:
        crop = views.served(face, serving.NEW)
    else:
        crop = tune.seen(face, [9, n])
    rows.append((i, kind.__name__, 2, crop))
viewbank.save("bankdraw", rows)
