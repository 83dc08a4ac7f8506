"""Heads of one setting, without one fold: runs/heads_PART_FOLD.npz; fold -1 leaves none out.

Usage: fit_heads.py PART JOBS PULL EVEN FOLD NAME
"""

import sys

import heads
import numpy as np
import table


def main(part: str, jobs: str, pull: float, even: float, fold: int, name: str) -> None:
    data = table.load()
    train = heads.read(data, *jobs.split(","), version="2" if part == "blocks" else "")
    train = heads.take(train, (data.split[train.index] == "train") & (train.fold != fold))
    fitted = heads.fit(train, part, pull, even, 100)
    np.savez(f"/work/m2/runs/heads_{name}_{fold}.npz", weights=fitted.weights, biases=fitted.biases)


if __name__ == "__main__":
    part, jobs, pull, even, fold, name = sys.argv[1:]
    main(part, jobs, float(pull), float(even), int(fold), name)
