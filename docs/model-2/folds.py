"""Networks that never met a fold → models work/fold0 … work/fold3, for `deepfake.shipping.clips`.

folds.py SHIP TAG:FOLDS …: these as for ship3.py, without its last; SHIP is what ship.sh left; whose calibration and threshold they get. In float32: with float16 weights a
logit of a face moves by up to .07, which `export` does not take.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

from deepfake.files.digest import sha256_of
from deepfake.modelstore.compiling.litert import to_litert
from deepfake.networks.flip_averaging import flip_averaged
from deepfake.shipping import export

ship, found = Path(sys.argv[1]), np.load("final/folds.npz")
crops = np.load("vb/served0_x.npy", mmap_mode="r")[:8]
sample = (crops.astype(np.float32) - 127) / 128
for tag, folds in (pair.split(":") for pair in sys.argv[2:]):
    np.savez("final/fold.npz", weights=found[f"w{folds[0]}"], biases=found[f"b{folds[0]}"])
    network = f"final/{tag}.keras"
    made = [sys.executable, "build_network.py", "final/fold.npz", f"cache/{tag}.keras", network]
    subprocess.run(made, check=True)
    first, *others = (Path("work") / f"fold{fold}" for fold in folds)
    shutil.copytree(ship, first, dirs_exist_ok=True)
    averaged = flip_averaged(keras.saving.load_model(network, compile=False))
    averaged.save(first / export.KERAS_FILE)
    (first / export.LITERT_FILE).write_bytes(to_litert(averaged))
    print(tag, "LiteRT from Keras by", export.compare(first, sample))
    raw = json.loads((first / "model.json").read_text())
    raw["files"] = {n: sha256_of(first / n) for n in (export.LITERT_FILE, export.KERAS_FILE)}
    (first / "model.json").write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
    for other in others:
        shutil.copytree(first, other, dirs_exist_ok=True)
