"""start.py TAG FOLDS OUT.npz: experts for tune3.py to start from, fitted on the bank without FOLDS."""

import sys

import numpy as np
from judge3 import fit

tag, folds, out = sys.argv[1], [int(c) for c in sys.argv[2]], sys.argv[3]
heads, bank = fit(tag, folds)
x = bank.x[~np.isin(bank.fold, folds)].astype(np.float32)
np.savez(out, weights=heads.weights, biases=heads.biases, centre=x.mean(0), scale=x.std(0) + 1e-4)
