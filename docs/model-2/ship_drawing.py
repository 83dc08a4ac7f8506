"""The shipped network and a map that tells drawings from photographs → its files again.

ship_drawing.py NETWORK.keras HEAD.npz FOLDER VERSION: NETWORK as of `build_network.py`, HEAD as of
`drawfit.py` (`weights` over the experts' features, `bias` with the threshold in it). The scores stay
what they were, which is compared here with the file that FOLDER holds.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from deepfake import networks
from deepfake.files.digest import sha256_of
from deepfake.modelstore.backends.protocol import DRAWING
from deepfake.modelstore.compiling.litert import to_litert
from deepfake.networks.flip_averaging import flip_averaged
from deepfake.shipping import export

network_file, head_file, folder, version = sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]
source = keras.saving.load_model(network_file, compile=False)
network = networks.build(source.name, source.input_shape[1])
for layer in source.layers:
    if layer.weights:
        network.get_layer(layer.name).set_weights(layer.get_weights())
head = np.load(head_file)
network.get_layer("drawing").set_weights([head["weights"][:, None], head["bias"][None]])
crops = np.load("/work/m2/vb/served0_x.npy", mmap_mode="r")[:32]
sample = (crops.reshape(-1, 224, 224, 3).astype(np.float32) - 127) / 128


def said(content: bytes) -> dict[str, np.ndarray]:
    runner = Interpreter(model_content=content).get_signature_runner("serving_default")
    (name,) = runner.get_input_details()
    return runner(**{name: sample})


before = said((folder / export.LITERT_FILE).read_bytes())
# In float32: float16 weights move the logit of a face by up to .1 (before: ship_model.py's file), and
# quantize.py makes the file that is served of this one.
averaged = flip_averaged(network)
averaged.save(folder / export.KERAS_FILE)
(folder / export.LITERT_FILE).write_bytes(to_litert(averaged))
difference = export.compare(folder, sample[:8])
after = said((folder / export.LITERT_FILE).read_bytes())
moved = {name: float(np.abs(after[name] - before[name]).max()) for name in before}
print("Keras and LiteRT", difference, "moved", moved, "drawings", after[DRAWING].ravel()[:8])
assert moved["logit"] < 0.5, moved
manifest = json.loads((folder / "model.json").read_text())
manifest["version"] = version
manifest["output"]["drawing"] = DRAWING
manifest["files"] = {n: sha256_of(folder / n) for n in (export.LITERT_FILE, export.KERAS_FILE)}
manifest["metrics"]["litert_keras_largest_logit_difference"] = round(difference, 5)
(folder / "model.json").write_text(json.dumps(manifest, indent=1) + "\n")
