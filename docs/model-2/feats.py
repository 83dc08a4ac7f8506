"""feats.py FEATURES.tflite TAG SETS...: features of all rows."""

import sys

import feats_lib
import numpy as np

f = feats_lib.of(sys.argv[1])
tag = sys.argv[2]
for s in sys.argv[3:]:
    x = np.load(f"vb/{s}_x.npy", mmap_mode="r")
    isbank = s.startswith("bank")
    out = np.zeros((len(x), 3232) if isbank else (len(x), 2, 3232), np.float16)
    for n in range(len(x)):
        c = x[n]
        out[n] = f(c) if isbank else np.stack([f(c), f(c[:, ::-1])])
    np.save(f"vb/{s}_{tag}.npy", out)
    print(s, len(x), flush=True)
print("done", tag)
