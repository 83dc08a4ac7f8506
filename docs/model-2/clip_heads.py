"""Four networks like the default one, each fitted without a fold of sources: to measure clips by.

clip_heads.py features WORK; clip_heads.py views WORK PART PARTS; clip_heads.py fit WORK

The trunk was trained on the first edition alone; the default's maps were fitted on all of the
second. So clips of the second edition's faces are judged by maps that were fitted without their
sources: one linear map over the features of 1,500 faces of the first edition and those of the
other folds, each as served and once damaged, with swaps and self-blends of a third of the reals.
WORK/fold0 … fold3 are models; P(fake) is fitted on the left-out logits, and such that at .75 as many
of the left-out reals are called fake as the default's manifest says of itself elsewhere (5.7 %).
"""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np

DATA, DEFAULT = Path("/work/shared/data"), Path("models/default")
FIRST = (
    "ffhq", "press_photos", "utkface", "celeba", "studio_headshots", "scut_fbp5500",
    "official_portraits", "web_mixed", "web_mixed_rmfd", "stylegan", "stylegan_generatedphotos",
    "stylegan2_sfhq", "sd21", "sdxl", "flux1_schnell", "flux1_devpro",
)  # fmt: skip
ALARMS, AT = 0.0568, 0.75


def rows():
    with (DATA / "labels.csv").open() as file:
        found = list(csv.DictReader(file))
    random = np.random.default_rng(5)
    first = [r for r in found if r["generator"] in FIRST and r["split"] == "train"]
    kept = random.choice(len(first), 1500, replace=False)
    return [r for r in found if r["generator"] not in FIRST] + [first[i] for i in kept]


def features(work):
    import keras

    network = keras.saving.load_model(DEFAULT / "model.keras", compile=False)
    inner = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    out = inner.get_layer("features").output
    keras.Model(inner.input, {"features": out}).export(
        work / "features.tflite", format="litert", verbose=False
    )


def views(work, part, parts):
    import cv2
    from ai_edge_litert.interpreter import Interpreter

    from deepfake.datasets.samples import Sample
    from deepfake.forging import augmentation, blending
    from deepfake.forging.face_reader import FaceReader, served_crop
    from deepfake.manifest import read_manifest

    cv2.setNumThreads(1)
    spec = read_manifest(DEFAULT).input
    reader = FaceReader(spec, 1)
    interpreter = Interpreter(str(work / "features.tflite"), num_threads=1)
    run = interpreter.get_signature_runner("serving_default")
    (name,) = run.get_input_details()
    random = np.random.default_rng([5, part])

    def look(crop):
        if random.random() < 0.5:
            crop = crop[:, ::-1]
        return run(**{name: (crop[None].astype(np.float32) - 127) / 128})["features"][0]

    out, donors = [], []
    for number, row in enumerate(rows()[part::parts]):
        label = int(row["label"] == "fake")
        sample = Sample(DATA / row["path"], label, row["split"], row["generator"])
        found = reader.in_picture(sample)
        if found is None:
            continue
        face = found.face
        fold = -1 if row["generator"] in FIRST else int(row["fold"])
        made = [(face, label, "served")]
        made.append((face, label, "damaged"))
        if not label:
            donors = [*donors[-9:], (fold, face)]
            others = [d for f, d in donors[:-1] if f == fold]
            if number % 3 == 0:
                made.append((blending.self_blend(face, random), 1, "self_blend"))
            elif number % 3 == 1 and others:
                wanted = blending.look(face)
                donor = min(others, key=lambda d: np.abs(blending.look(d) - wanted).mean())
                made.append((blending.swap(face, donor, random), 1, "swap"))
        for one, y, kind in made:
            crop = served_crop(one, spec)
            if kind == "damaged" or (kind in ("self_blend", "swap") and random.random() < 0.5):
                crop = augmentation.damage(crop, random)
            source = row["generator"] if kind in ("served", "damaged") else kind
            out.append((look(crop).astype(np.float16), y, source, fold, kind))
        if number % 500 == 0:
            print(part, number, len(out), flush=True)
    x, y, source, fold, kind = zip(*out, strict=True)
    np.savez(work / f"views_{part}.npz", x=np.stack(x), label=y, source=source, fold=fold,
             kind=kind)  # fmt: skip


def fit(work):
    import keras
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    from deepfake.networks.flip_averaging import flip_averaged
    from deepfake.shipping import export
    from deepfake.shipping.calibration import fit_platt

    parts = [np.load(p) for p in sorted(work.glob("views_*.npz"))]
    x, label, source, fold, kind = (
        np.concatenate([p[k] for p in parts]) for k in ("x", "label", "source", "fold", "kind")
    )
    x = x.astype(np.float32)
    mean, std = x.mean(0), x.std(0) + 1e-4
    x = (x - mean) / std
    pair = np.char.add(source.astype(str), label.astype(str))
    _, which, count = np.unique(pair, return_inverse=True, return_counts=True)
    weight = count[which] ** -0.5
    for side in (0, 1):
        weight[label == side] *= len(label) / 2 / weight[label == side].sum()
    maps, logit = {}, np.full(len(label), np.nan)
    for out in range(4):
        own = fold != out
        found = LogisticRegression(C=3e-5, max_iter=300).fit(
            x[own], label[own], sample_weight=weight[own]
        )
        logit[~own] = found.decision_function(x[~own])
        maps[out] = (found.coef_[0] / std, found.intercept_[0] - (found.coef_[0] / std) @ mean)
    left = (fold >= 0) & (kind == "served")
    for name, own in (("served", left), ("damaged", (fold >= 0) & (kind == "damaged"))):
        aucs = [
            roc_auc_score(label[k], logit[k])
            for s in set(source[own & (label == 1)])
            for k in [own & ((label == 0) | (source == s))]
        ]
        print(
            name,
            "AUC over fake sources",
            np.mean(aucs),
            "all",
            roc_auc_score(label[own], logit[own]),
        )  # noqa: E501
    for k in ("swap", "self_blend"):
        own = (fold >= 0) & ((label == 0) | (kind == k)) & (kind != "damaged")
        print(k, roc_auc_score(label[own], logit[own]))
    temperature, bias = fit_platt(logit[left], label[left])
    alarms = np.quantile(logit[left & (label == 0)], 1 - ALARMS)
    bias = float(np.log(AT / (1 - AT)) - alarms / temperature)
    p = 1 / (1 + np.exp(-(logit[left] / temperature + bias)))
    for side in (0, 1):
        print("called fake of label", side, (p[label[left] == side] >= AT).mean())
    network = keras.saving.load_model(DEFAULT / "model.keras", compile=False)
    inner = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    names = sorted(
        (la.name for la in inner.layers if la.name.startswith("expert_maps")),
        key=lambda n: int(n.removeprefix("expert_maps")),
    )
    sample = np.random.default_rng(0).normal(0, 0.6, (8, 224, 224, 3)).astype(np.float32)
    for out, (weights, intercept) in maps.items():
        folder, start = work / f"fold{out}", 0
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in names:
            layer = inner.get_layer(name)
            width = layer.kernel.shape[2]
            kernel = np.zeros((1, 1, width, 4), np.float32)
            kernel[0, 0, :, 0] = weights[start : start + width]
            start += width
            # The other maps stay silent, so that the noisy-or is the first one.
            biases = np.array([intercept, -40, -40, -40], np.float32)
            layer.set_weights([kernel, biases] if layer.use_bias else [kernel])
        difference = export.export(flip_averaged(inner), folder, sample)
        manifest = json.loads((DEFAULT / "model.json").read_text())
        manifest |= {
            "name": f"without-fold-{out}", "version": "0",
            "calibration": {"temperature": temperature, "bias": bias, "fitted_on": "left out"},
            "files": {n: export.sha256(folder / n) for n in (export.LITERT_FILE, export.KERAS_FILE)},  # noqa: E501
        }  # fmt: skip
        (folder / "model.json").write_text(json.dumps(manifest, indent=1) + "\n")
        print(folder, difference, flush=True)


if __name__ == "__main__":
    task, place = sys.argv[1], Path(sys.argv[2])
    if task == "features":
        features(place)
    elif task == "views":
        views(place, int(sys.argv[3]), int(sys.argv[4]))
    else:
        fit(place)
