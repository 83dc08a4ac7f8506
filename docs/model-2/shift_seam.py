"""Heads with the seam expert speaking later by DELTA. Usage: shift_seam.py FROM TO DELTA."""

import sys

import numpy as np

old, new, delta = sys.argv[1], sys.argv[2], float(sys.argv[3])
for fold in (0, 1, 2, 3, -1):
    found = np.load(f"runs/heads_{old}_{fold}.npz")
    shift = np.array([delta, 0.0], np.float32)
    np.savez(
        f"runs/heads_{new}_{fold}.npz", weights=found["weights"], biases=found["biases"] - shift
    )
