"""Training views of all folds -> statistics of every block by LiteRT: cache/bank_PART.npz.

Usage: bank.py PART PARTS BATCHES; and bank.py served|home PART PARTS for the served views of the
second edition / a sample of the first: crop of 1.3 and its mirror, crops of 1.05 and mirror.
"""

import os
import sys
import time

import cv2
import numpy as np
import serving
import table
import tune
import views
from ai_edge_litert.interpreter import Interpreter

from deepfake.forging import blending

MODEL = os.environ.get("FEATURES", "/work/m2/cache/features2.tflite")
TAG = os.environ.get("TAG", "")


class Trunk:
    def __init__(self):
        self.run = Interpreter(MODEL, num_threads=1).get_signature_runner("serving_default")
        (self.name,) = self.run.get_input_details()

    def __call__(self, crop):
        out = self.run(**{self.name: ((crop[None].astype(np.float32) - 127) / 128)})
        mean, square = np.split(out["features"][0], 2)
        return np.concatenate([mean, np.sqrt(np.maximum(square - mean**2, 1e-6))]).astype(
            np.float16
        ), float(out["logit"][0, 0])


class Bank(tune.Batches):
    def rows(self, number):
        """(index, kind, label, crop) of one batch; donors are of the same fold."""
        random = np.random.default_rng([77, number])
        if number % 40 < 2 or not self.twins:
            self.refresh()
        d = self.data

        def view(face, k):
            return tune.seen(face, [77, number, k])

        for i in self.draw("real", random, tune.REALS):
            yield i, "real", 0, view(views.face_of(d, i), i)
        for family, count in tune.FAMILIES.items():
            for i in self.draw(family, random, count):
                yield i, "fake", 1, view(views.face_of(d, i), i)
        for k in range(tune.SEAMS):
            i = self.draw("real", random)[0]
            face = views.face_of(d, i)
            choice = random.random()
            if choice < 0.45:
                fake, kind = blending.self_blend(face, random), "self"
            elif choice < 0.92:
                pool = [j for j in self.draw("real", random, 24) if d.fold[j] == d.fold[i]][:4]
                if random.random() < 0.2:
                    pool = [j for j in self.draw("gan", random, 24) if d.fold[j] == d.fold[i]][
                        :4
                    ] or pool
                donors = [views.face_of(d, j) for j in pool] or [face]
                wanted = blending.look(face)
                donor = min(donors, key=lambda f: float(np.abs(blending.look(f) - wanted).mean()))
                fake, kind = blending.swap(face, donor, random), "swap"
            else:
                fake, kind = blending.reenact(face, random), "reenact"
            yield i, "seam_real", 0, view(face, 1000 + k)
            yield i, kind, 1, view(fake, 1000 + k)
        for k in range(tune.TWINS):
            i, scale, real, twin = self.twins[int(random.integers(len(self.twins)))]
            self.twins, keep = [(i, scale, real, twin)], self.twins
            a, b = self.twin_pair(random)
            self.twins = keep
            yield i, "twin_real", 0, view(a, 2000 + k)
            yield i, "twin", 1, view(b, 2000 + k)


def save(path, rows):
    np.savez(
        path,
        **{
            k: np.array([r[n] for r in rows])
            for n, k in enumerate(("index", "kind", "label", "features", "logit"))
        },
    )


def main(part, parts, batches):
    cv2.setNumThreads(1)
    bank, trunk, rows, start = Bank([], batches), Trunk(), [], time.time()
    for number in range(part, batches, parts):
        for i, kind, y, crop in bank.rows(number):
            rows.append((i, kind, y, *trunk(crop)))
        if number // parts % 50 == 49:
            print(
                number,
                len(rows),
                round(time.time() - start),
                round(time.process_time()),
                flush=True,
            )
    save(f"cache/bank{TAG}_{part}.npz", rows)


def served(name, part, parts):
    data, trunk = table.load(), Trunk()
    if name == "served":
        which = np.flatnonzero(data.found & data.second)
    else:
        random = np.random.default_rng(3)
        which = np.concatenate(
            [
                random.permutation(
                    np.flatnonzero(
                        data.found & ~data.second & (data.split == s) & (data.label == y)
                    )
                )[:300]
                for s in ("valid", "test")
                for y in (0, 1)
            ]
        )
    rows = []
    for i in which[part::parts]:
        face = views.face_of(data, i)
        a = views.served(face, serving.NEW)
        b = views.served(face, serving.replace(serving.NEW, crop=1.05))
        got = [trunk(x) for x in (a, a[:, ::-1], b, b[:, ::-1])]
        rows.append(
            (i, name, data.label[i], np.stack([g[0] for g in got]), np.array([g[1] for g in got]))
        )
    if name == "home":
        pass
    save(f"cache/bank{TAG}_{name}_{part}.npz", rows)
    if name == "served":
        rows = []
        from judge_tune import twins

        for n, (i, kind, crop) in enumerate(twins(data, -1)):
            if n // 2 % parts == part:
                rows.append((i, kind, int(kind == "twin"), *trunk(crop)))
        save(f"cache/bank{TAG}_twins_{part}.npz", rows)
    print("done")


if __name__ == "__main__":
    if sys.argv[1] in ("served", "home"):
        served(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:4]))
