"""The trunk's convolutions in int8, and what that changes: quantize.py FOLDER [dynamic].

FOLDER is a copy of models/default: its model.keras becomes its model.tflite, which model.json then names; with
"dynamic", which is slower, what changes is only printed. Then remeasure.py and finish_forgeries.py.
Needs ai-edge-quantizer (Apache 2.0; pip install --no-deps ai-edge-quantizer immutabledict litert-lm-builder).
Calibrated on 120 faces of "train", sources by the root of their faces; judged on 200 reals and 200 fakes of the
first edition's test and as many of the second edition, which the experts have seen.
"""

import collections
import csv
import json
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, quantizer
from sklearn.metrics import roc_auc_score
from table import DATA, FIRST_EDITION

from deepfake import networks, preprocessing, verdict  # noqa: F401  # registers the layers
from deepfake.detector import Detector
from deepfake.files.digest import sha256_of
from deepfake.manifest import read_manifest
from deepfake.modelstore.compiling.litert import to_litert
from deepfake.shipping.export import KERAS_FILE, LITERT_FILE

# Experts and drawings stay float: with them in int8 the logit is lost.
TRUNK = r".*(stem|stage\d_block|head_conv|tap).*"
random = np.random.default_rng(8)
folder, dynamic = Path(sys.argv[1]), "dynamic" in sys.argv[2:]
detector = Detector("default")  # for its crops
manifest = read_manifest(folder)


def drawn(rows, count):
    sizes = collections.Counter(row["generator"] for row in rows)
    chance = np.array([sizes[row["generator"]] ** -0.5 for row in rows])
    chosen = random.choice(len(rows), count, replace=False, p=chance / chance.sum())
    return [rows[n] for n in chosen]


def crops(rows):
    crops, labels = [], []
    for row in rows:
        faces = detector.detect(DATA / row["path"]).faces
        if faces and faces[0].crop is not None:
            crops.append(faces[0].crop)
            labels.append(int(row["label"] == "fake"))
    return preprocessing.scale(np.stack(crops), manifest.input), np.array(labels)


def run(file, faces):
    runner = Interpreter(str(file), num_threads=1).get_signature_runner()
    runner(image=faces[:1])
    start = time.process_time()
    said = [runner(image=face[None]) for face in faces]
    spent = 1000 * (time.process_time() - start) / len(faces)
    logits = np.array([one["logit"].ravel()[0] for one in said], np.float64)
    p_fakes = verdict.calibrate(logits, manifest.calibration)
    verdicts = [verdict.decide(p, manifest.threshold, manifest.uncertain_band) for p in p_fakes]
    return logits, [one["evidence"].ravel() for one in said], np.array(verdicts), spent


rows = list(csv.DictReader((DATA / "labels.csv").open()))
train = drawn([row for row in rows if row["split"] == "train"], 120)
sets = {}
for name, first in (("first edition, test", True), ("second edition", False)):
    own = [row for row in rows if (row["generator"] in FIRST_EDITION) == first]
    own = [row for row in own if row["split"] == "test"] if first else own
    sets[name] = [
        one
        for label in ("real", "fake")
        for one in drawn([r for r in own if r["label"] == label], 200)
    ]
whole, out = (Path(tempfile.mkdtemp()) / name for name in ("float.tflite", LITERT_FILE))
network = keras.saving.load_model(folder / KERAS_FILE, compile=False)
whole.write_bytes(to_litert(network))
made = quantizer.Quantizer(str(whole))
for kind in (qtyping.TFLOperationName.CONV_2D, qtyping.TFLOperationName.DEPTHWISE_CONV_2D):
    if dynamic:
        made.add_dynamic_config(regex=TRUNK, operation_name=kind, num_bits=8)
    else:
        made.add_static_config(
            regex=TRUNK, operation_name=kind, activation_num_bits=8, weight_num_bits=8
        )
samples = {"serving_default": [{"image": face[None]} for face in crops(train)[0]]}
done = made.quantize() if dynamic else made.quantize(made.calibrate(samples))
done.export_model(str(out))
print(f"{out.stat().st_size:,} bytes")
largest = 0.0
for name, chosen in sets.items():
    faces, labels = crops(chosen)
    before, after = run(whole, faces), run(out, faces)
    moved = after[0] - before[0]
    largest = max(largest, float(np.abs(moved).max()))
    alike = [np.corrcoef(one, other)[0, 1] for one, other in zip(before[1], after[1], strict=True)]
    pairs = collections.Counter(zip(before[2].tolist(), after[2].tolist(), strict=True))
    print(
        name, len(labels), f"logit {moved.mean():+.3f} ± {moved.std():.3f}",
        f"AUC {roc_auc_score(labels, before[0]):.4f} -> {roc_auc_score(labels, after[0]):.4f}",
        f"map: median {np.median(alike):.3f}, 5 % {np.quantile(alike, 0.05):.3f}",
        f"CPU-ms {before[3]:.1f} -> {after[3]:.1f}",
        {f"{one} -> {other}": n for (one, other), n in pairs.items() if one != other},
        flush=True,
    )  # fmt: skip
if dynamic:
    sys.exit()
(folder / LITERT_FILE).write_bytes(out.read_bytes())
raw = json.loads((folder / "model.json").read_text())
raw["files"] = {name: sha256_of(folder / name) for name in (LITERT_FILE, KERAS_FILE)}
raw["metrics"]["litert_keras_largest_logit_difference"] = round(largest, 5)
(folder / "model.json").write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
