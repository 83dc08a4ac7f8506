"""Crops of the bank and of the faces to judge, once to disk.
viewbank.py bank PART PARTS BATCHES | served PART PARTS | generated"""

import pickle
import sys
from dataclasses import replace

import bank
import cv2
import numpy as np
import serving
import table
import tune
import views

cv2.setNumThreads(1)


def save(name, rows):
    np.save(f"vb/{name}_x.npy", np.stack([r[3] for r in rows]))
    np.savez(
        f"vb/{name}.npz",
        index=np.array([r[0] for r in rows]),
        kind=np.array([r[1] for r in rows]),
        label=np.array([r[2] for r in rows]),
    )


def make_bank(part, parts, batches):
    b, rows = bank.Bank([], batches), []
    for n in range(part, batches, parts):
        rows += list(b.rows(n))
        if n // parts % 50 == 0:
            print(n, len(rows), flush=True)
    save(f"bank{part}", rows)


def served(part, parts):
    data = table.load()
    which = np.flatnonzero(data.found & data.second)[part::parts]
    save(
        f"served{part}",
        [
            (i, "served", data.label[i], views.served(views.face_of(data, i), serving.NEW))
            for i in which
        ],
    )
    if part == 0:
        random = np.random.default_rng(3)
        which = np.concatenate(
            [
                random.permutation(
                    np.flatnonzero(
                        data.found & ~data.second & (data.split == "test") & (data.label == y)
                    )
                )[:300]
                for y in (0, 1)
            ]
        )
        save(
            "home",
            [
                (i, "home", data.label[i], views.served(views.face_of(data, i), serving.NEW))
                for i in which
            ],
        )
    else:
        rows = []
        for index, scale, real, twin in pickle.load(open("cache/eval_tw.pkl", "rb")):
            whole = views.face_of(data, index)
            base = replace(whole, pixels=real, box=whole.box * scale, mesh=whole.mesh * scale)
            q = int(np.random.default_rng([6, index]).integers(82, 97))
            for kind, p in (("twin_real", real), ("twin", twin)):
                rows.append(
                    (
                        index,
                        kind,
                        int(kind == "twin"),
                        views.served(replace(base, pixels=tune.jpeg(p, q)), serving.NEW),
                    )
                )
        save("twins", rows)


def generated():
    """Two views of each face of `generate.py`; their index says nothing."""
    faces = pickle.load(open("cache/generated.pkl", "rb"))
    save(
        "bankgen",
        [
            (0, "generated", 1, tune.seen(face, [78, n, k]))
            for n, face in enumerate(faces)
            for k in range(2)
        ],
    )


if __name__ == "__main__":
    if sys.argv[1] == "bank":
        make_bank(*map(int, sys.argv[2:5]))
    elif sys.argv[1] == "generated":
        generated()
    else:
        served(*map(int, sys.argv[2:4]))
