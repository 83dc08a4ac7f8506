"""A network with fitted experts → a model folder with files, calibration, threshold and band.

ship_model.py NETWORK.keras FOLDER LEFT_OUT.npz VERSION: FOLDER is a copy of models/default. What is
fitted and chosen is so on LEFT_OUT, logits of networks that were each fitted without the face's
source. Sources weigh by the root of their faces. `remeasure.py` and `deepfake.shipping.elsewhere`
then measure what has been shipped.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from deepfake.files.digest import sha256_of
from deepfake.networks.flip_averaging import SAID, flip_averaged
from deepfake.shipping import export

# At most this share of reals is called fake, over all and of any source of 20 and more.
MOST_ALARMS, MOST_OF_A_SOURCE, ENOUGH = 0.05, 0.15, 20
# Where the evidence is even: below it a face looks more like reals than like fakes.
EVEN = 0.5

network_file, folder, left_out, version = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
network = flip_averaged(keras.saving.load_model(network_file, compile=False))
sample = np.random.default_rng(0).normal(0, 0.6, (8, 224, 224, 3)).astype(np.float32)
difference = export.export(network, folder, sample)

found = np.load(left_out)
logit, label, source = found["logit"], found["label"], found["source"]
weight = np.zeros(len(label))
for side in (0, 1):
    own = label == side
    _, which, counts = np.unique(source[own], return_inverse=True, return_counts=True)
    weight[own] = counts[which] ** -0.5 / (counts[which] ** -0.5).sum()
fit = LogisticRegression(C=1e6).fit(logit[:, None], label, sample_weight=weight * len(label))
slope, bias = float(fit.coef_[0, 0]), float(fit.intercept_[0])
p_fake = 1 / (1 + np.exp(-(slope * logit + bias)))


def share(at: float, side: int) -> float:
    return float(weight[(label == side) & (p_fake >= at)].sum())


def worst(at: float) -> float:
    reals = [p_fake[(label == 0) & (source == name)] for name in set(source[label == 0])]
    return max(float((p >= at).mean()) for p in reals if len(p) >= ENOUGH)


grid = [round(0.01 * n, 2) for n in range(1, 100)]
threshold = next(t for t in grid if share(t, 0) <= MOST_ALARMS and worst(t) <= MOST_OF_A_SOURCE)
missed = (1 - share(EVEN, 1)) / (2 - share(EVEN, 0) - share(EVEN, 1))
print("threshold", threshold, "alarms", share(threshold, 0), "worst", worst(threshold))
print("of what is called real, fakes with as many of both:", missed)
manifest = json.loads((folder / "model.json").read_text())
manifest |= {
    "version": version,
    "architecture": f"efficientnet-lite0-experts, {SAID}",
    "calibration": {
        "temperature": 1 / slope,
        "bias": bias,
        "fitted_on": "faces of sources that the networks which judged them were fitted without, "
        "sources weighing by the root of their faces, both classes the same",
    },
    "threshold": threshold,
    "uncertain_band": [EVEN, threshold],
    "files": {n: sha256_of(folder / n) for n in (export.LITERT_FILE, export.KERAS_FILE)},
}
# Which expert leads says nothing for this network (docs/model-2.md), so nobody is told.
manifest["output"] |= {"experts": None}
manifest["metrics"]["litert_keras_largest_logit_difference"] = round(difference, 5)
(folder / "model.json").write_text(json.dumps(manifest, indent=1) + "\n")
