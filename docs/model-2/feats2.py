"""feats2.py FEATURES.tflite TAG FOLDS: features of bank rows without FOLDS, of served rows of FOLDS, twins, home."""

import sys

import feats_lib
import numpy as np
import table

model, tag, folds = sys.argv[1], sys.argv[2], [int(c) for c in sys.argv[3]]
fold = table.load().fold
f = feats_lib.of(model)
for s in ("bank0", "bank1", "served0", "served1", "twins", "home"):
    x = np.load(f"vb/{s}_x.npy", mmap_mode="r")
    i = np.load(f"vb/{s}.npz")["index"]
    isbank = s.startswith("bank")
    want = (
        ~np.isin(fold[i], folds)
        if isbank
        else np.isin(fold[i], folds)
        if s.startswith("served")
        else np.ones(len(i), bool)
    )
    out = np.zeros((len(i), 3232) if isbank else (len(i), 2, 3232), np.float16)
    for n in np.flatnonzero(want):
        c = x[n]
        out[n] = f(c) if isbank else np.stack([f(c), f(c[:, ::-1])])
    np.save(f"vb/{s}_{tag}.npy", out)
print("done", tag)
