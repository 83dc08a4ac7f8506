"""Reals -> pairs (real, twin through TAEF2) of one size, in cache/twins_PART.pkl.

Usage: make_twins.py PART PARTS COUNT MINUTES. The real is scaled to a random side and shifted
against the decoder's grid before; real and twin are kept as uint8, uncompressed, so that mixing,
masks and compression are drawn in training, for both alike.
"""

from __future__ import annotations

import pickle
import sys
import time

import cv2
import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

import keras  # noqa: E402
import table  # noqa: E402

SIDE = 256
WEIGHTS = "/work/shared/weights/taef2/taef2_{}.keras"


def main(part: int, parts: int, count: int, minutes: float) -> None:
    data, start = table.load(), time.time()
    random = np.random.default_rng([11, part])
    reals = np.flatnonzero((data.label == 0) & data.found)
    names, inverse, sizes = np.unique(data.source[reals], return_inverse=True, return_counts=True)
    chance = sizes[inverse] ** -0.5
    order = np.random.default_rng(11).choice(reals, count, replace=False, p=chance / chance.sum())
    encoder, decoder = (
        keras.saving.load_model(WEIGHTS.format(half), compile=False)
        for half in ("encoder", "decoder")
    )
    both = tf.function(lambda x: decoder(encoder(x, training=False), training=False))
    pairs = []
    for number, index in enumerate(order[part::parts]):
        pixels = data.pixels(index)
        longer = max(pixels.shape[:2])
        scale = min(1.0, float(random.uniform(200, 250)) / longer)
        height, width = (max(16, round(n * scale)) for n in pixels.shape[:2])
        real = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        top, left = (int(random.integers(0, SIDE - n + 1)) for n in (height, width))
        padded = cv2.copyMakeBorder(
            real, top, SIDE - height - top, left, SIDE - width - left, cv2.BORDER_REFLECT_101
        )
        decoded = both(tf.constant(padded[None], tf.float32) / 255)[0].numpy()
        twin = np.clip(decoded * 255 + 0.5, 0, 255).astype(np.uint8)[
            top : top + height, left : left + width
        ]
        pairs.append((int(index), scale, real, np.ascontiguousarray(twin)))
        if number % 25 == 24:
            print(number + 1, round(time.time() - start), round(time.process_time()), flush=True)
        if time.time() - start > 60 * minutes:
            break
    with open(table.CACHE / f"twins_{part}.pkl", "wb") as file:
        pickle.dump(pairs, file)
    print("done", len(pairs))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:4]), float(sys.argv[4]))
