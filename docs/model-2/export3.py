"""export3.py OUT.tflite ALPHA CKPT...: the mean of checkpoints' trunks, ALPHA of the way from 1.3.0's, as LiteRT features; also OUT.keras (plain trunk)."""

import pickle
import sys

import keras
import network
import torch

out, alpha, paths = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
net = network.TwoExperts()
net.load_trunk(pickle.load(open("cache/w130.pkl", "rb")))
own = dict(net.named_parameters())
tuned = [torch.load(p) for p in paths]
with torch.no_grad():
    for n, p in own.items():
        if n.startswith("experts"):
            continue
        p.lerp_(sum(t[n] for t in tuned) / len(tuned), alpha)
m = keras.saving.load_model("cache/plain130.keras", compile=False)
for name, w in net.trunk().items():
    m.get_layer(name).set_weights(w)
m.save(out.replace(".tflite", ".keras"))
import os
import subprocess

src = (
    open("export_features.py")
    .read()
    .replace("/work/m2/cache/plain130.keras", out.replace(".tflite", ".keras"))
    .replace("/work/m2/cache/features2.tflite", out)
)
os.environ["KERAS_BACKEND"] = "tensorflow"
subprocess.run(["/work/main/.venv/bin/python", "-c", src], check=True, capture_output=True)
print(out)
