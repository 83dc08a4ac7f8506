"""final/network.keras against the fit's own numbers, and as LiteRT with float16 weights.

Usage: verify_network.py HEADS.npz PART
"""

import sys
import time

import heads
import keras
import numpy as np
import serving
import table
import views

data = table.load()
part = sys.argv[2]
rows = heads.read(data, "served", version="2" if part == "blocks" else "")
rows = heads.take(rows, np.arange(0, len(rows.label), len(rows.label) // 8)[:8])
found = np.load(sys.argv[1])
expected = heads.Heads(found["weights"], found["biases"]).experts(
    heads.spread(rows.features[:, 0], part)
)
crops = np.stack(
    [
        views.served(views.face_of(data, i), serving.OLD if k == "old" else serving.NEW)
        for i, k in zip(rows.index, rows.kind)
    ]
)
x = (crops.astype(np.float32) - 127) / 128
model = keras.saving.load_model("/work/m2/final/network.keras", compile=False, safe_mode=True)
out = model.predict_on_batch(x)
print(
    "seam",
    np.abs(out["seam_logit"][:, 0] - expected[:, 0]).max(),
    "synthesis",
    np.abs(out["synthesis_logit"][:, 0] - expected[:, 1]).max(),
    "whole",
    np.abs(out["logit"][:, 0] - heads.combined(expected[:, 0], expected[:, 1])).max(),
)
print("logit", out["logit"][:, 0], "mean of evidence", out["evidence"].mean((1, 2)), flush=True)
print(sorted({type(layer).__name__ for layer in model.layers}), flush=True)
import tensorflow as tf

model.export(
    "/work/m2/final/network.tflite",
    format="litert",
    verbose=False,
    optimizations=[tf.lite.Optimize.DEFAULT],
    target_spec={"supported_types": [tf.float16]},
)
from ai_edge_litert.interpreter import Interpreter

run = Interpreter("/work/m2/final/network.tflite", num_threads=1).get_signature_runner(
    "serving_default"
)
(name,) = run.get_input_details()
worst = 0.0
for i in range(8):
    t = time.process_time()
    got = run(**{name: x[i : i + 1]})
    worst = max(worst, abs(float(got["logit"][0, 0]) - float(out["logit"][i, 0])))
print("LiteRT float16 against Keras", worst, "CPU s a face", time.process_time() - t)
