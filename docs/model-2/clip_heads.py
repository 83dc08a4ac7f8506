"""Maps like the default network's, each fitted without a fold of sources: to measure clips by.

clip_heads.py features WORK; then, in any order, views WORK PART PARTS and clips WORK CLIPS PART
PARTS; then fit WORK, or heads WORK LEFT_OUT.npz for maps that were fitted otherwise

The trunk was trained on the first edition alone; the default's maps were fitted on all of the
second. So clips of the second edition's faces are judged by maps that were fitted without their
sources. `views`: features of half of the second edition's faces and 750 of the first's, each as
served and once damaged, and of swaps and self-blends. `clips`: the clips go through `deepfake video`
as they are; of each judged face the features are kept, of it and its mirror image. `fit`: a linear
map for each fold, of the other folds' features; P(fake) such that at .75 as many of the left-out
reals are called fake as the default's manifest says of itself elsewhere (5.7 %). WORK/scores.jsonl
is what `python -m deepfake.shipping.clips --judged` reads.
"""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

DATA, DEFAULT = Path("/work/shared/data"), Path("models/default")
FIRST = (
    "ffhq", "press_photos", "utkface", "celeba", "studio_headshots", "scut_fbp5500",
    "official_portraits", "web_mixed", "web_mixed_rmfd", "stylegan", "stylegan_generatedphotos",
    "stylegan2_sfhq", "sd21", "sdxl", "flux1_schnell", "flux1_devpro",
)  # fmt: skip
ALARMS, AT = 0.0568, 0.75
# Crops were cut at 1.5 times the box, the network sees 1.3 times.
SHARE = 1.3 / 1.5


class Trunk:
    """crops (count, 224, 224, 3) uint8 → features (count, 3232)."""

    def __init__(self, work):
        self._interpreter = Interpreter(str(work / "features.tflite"), num_threads=1)
        self._run = self._interpreter.get_signature_runner("serving_default")
        (self._name,) = self._run.get_input_details()

    def __call__(self, crops):
        scaled = (crops.astype(np.float32) - 127) / 128
        return np.concatenate([self._run(**{self._name: x[None]})["features"] for x in scaled])


def features(work):
    import keras

    network = keras.saving.load_model(DEFAULT / "model.keras", compile=False)
    inner = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    out = inner.get_layer("features").output
    keras.Model(inner.input, {"features": out}).export(
        work / "features.tflite", format="litert", verbose=False
    )


def rows():
    with (DATA / "labels.csv").open() as file:
        found = list(csv.DictReader(file))
    random = np.random.default_rng(5)
    first = [r for r in found if r["generator"] in FIRST and r["split"] == "train"]
    second = [r for r in found if r["generator"] not in FIRST]
    order = random.permutation(len(second))
    kept = random.choice(len(first), len(second) // 3, replace=False)
    # A first one after every three of the second, so that whatever is done is a fair sample.
    mixed = []
    for number, i in enumerate(order):
        mixed.append(second[i])
        if number % 3 == 2 and number // 3 < len(kept):
            mixed.append(first[kept[number // 3]])
    return mixed


def middle(pixels):
    """The crop that the network sees, of one that was cut wider."""
    import cv2

    from deepfake.preprocessing import level

    height, width = pixels.shape[:2]
    side = max(height, width) * SHARE
    x, y = (max(0, round((length - side) / 2)) for length in (width, height))
    cut = pixels[y : height - y or None, x : width - x or None]
    how = cv2.INTER_AREA if min(cut.shape[:2]) > 224 else cv2.INTER_CUBIC
    return level(cv2.resize(cut, (224, 224), interpolation=how))


def views(work, part, parts):
    import cv2
    from PIL import Image

    from deepfake.datasets.samples import Sample
    from deepfake.forging import augmentation, blending
    from deepfake.forging.face_reader import FaceReader, served_crop
    from deepfake.manifest import read_manifest

    cv2.setNumThreads(1)
    spec = read_manifest(DEFAULT).input
    reader, trunk = FaceReader(spec, 1), Trunk(work)
    random = np.random.default_rng([5, part])
    out, donors = [], []

    def add(crop, label, source, fold, kind):
        crop = crop[:, ::-1] if random.random() < 0.5 else crop
        out.append((trunk(crop[None])[0].astype(np.float16), label, source, fold, kind))

    every = rows()
    for number, row in enumerate(every[: len(every) // 2][part::parts]):
        label = int(row["label"] == "fake")
        fold = -1 if row["generator"] in FIRST else int(row["fold"])
        crop = middle(np.asarray(Image.open(DATA / row["path"]).convert("RGB")))
        add(crop, label, row["generator"], fold, "served")
        add(augmentation.damage(crop, random), label, row["generator"], fold, "damaged")
        if not label and number % 2:
            found = reader.in_picture(Sample(DATA / row["path"], 0, row["split"], row["generator"]))
            if found is None:
                continue
            face = found.face
            donors = [*donors[-9:], (fold, face)]
            others = [d for f, d in donors[:-1] if f == fold]
            kind = "swap" if others and number % 4 == 1 else "self_blend"
            if kind == "swap":
                wanted = blending.look(face)
                donor = min(others, key=lambda d: np.abs(blending.look(d) - wanted).mean())
                fake = blending.swap(face, donor, random)
            else:
                fake = blending.self_blend(face, random)
            crop = served_crop(fake, spec)
            if random.random() < 0.5:
                crop = augmentation.damage(crop, random)
            add(crop, 1, kind, fold, kind)
        if number % 200 == 0:
            save(work / f"views_{part}.npz", out)
            print("views", part, number, len(out), flush=True)
    save(work / f"views_{part}.npz", out)


def save(path, out):
    x, label, source, fold, kind = zip(*out, strict=True)
    np.savez(path, x=np.stack(x), label=label, source=source, fold=fold, kind=kind)


class Keeping:
    """A backend with the default's maps, which keeps the features that it saw."""

    name = "features"

    def __init__(self, work):
        self._trunk = Trunk(work)
        heads = np.load("docs/model-2/heads.npz")
        self._weights, self._biases = heads["weights"], heads["biases"]
        self.kept = {}

    def scores(self, batch):
        from deepfake.modelstore.backends.protocol import Scores

        crops = np.rint(batch * 128 + 127).astype(np.uint8)
        logits = []
        for crop in crops:
            both = self._trunk(np.stack([crop, crop[:, ::-1]]))
            self.kept[crop.tobytes()] = both
            odds = np.logaddexp(0, both @ self._weights.T + self._biases).sum(axis=1)
            logits.append((odds + np.log(-np.expm1(-odds) + 1e-12)).mean())
        return Scores(np.array(logits, np.float32), None)


def clips(work, folder, part, parts):
    from deepfake.detector import Detector
    from deepfake.modelstore.resolve import load_model
    from deepfake.settings import Settings
    from deepfake.video.detector import VideoDetector

    keeping = Keeping(work)
    model = replace(load_model(DEFAULT), backend=keeping)
    settings = replace(Settings.from_environment(), threads=1)
    detector = VideoDetector(Detector(model, settings=settings))
    with (folder / "clips.csv").open() as file:
        table = list(csv.DictReader(file))
    (work / "faces").mkdir(exist_ok=True)
    for row in table[part::parts]:
        target = work / "faces" / f"{row['path']}.npz"
        if target.exists():
            continue
        keeping.kept.clear()
        report = detector.detect(folder / row["path"])
        x, person, p = [], [], []
        for number, one in enumerate(report.people):
            for sample in one.judged:
                x.append(keeping.kept[sample.face.crop.tobytes()].astype(np.float16))
                person.append(number)
                p.append(sample.face.p_fake)
        np.savez(target, x=np.array(x), person=person, p_fake=p, fold=row["fold"])
        print("clip", row["path"], row["label"], report.verdict, report.p_fake, len(p), flush=True)


def fit(work):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

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
    left, damaged = ((fold >= 0) & (kind == k) for k in ("served", "damaged"))
    best = None
    for c in (1e-4, 1e-3, 3e-3, 1e-2, 3e-2):
        maps, logit = {}, np.full(len(label), np.nan)
        for out in range(4):
            own = fold != out
            found = LogisticRegression(C=c, max_iter=200).fit(
                x[own], label[own], sample_weight=weight[own]
            )
            logit[~own] = found.decision_function(x[~own])
            maps[out] = (found.coef_[0] / std, found.intercept_[0] - (found.coef_[0] / std) @ mean)
        areas = []
        for own in (left, damaged):
            own_fakes = sorted(set(source[own & (label == 1)]))
            rows_of = [own & ((label == 0) | (source == s)) for s in own_fakes]
            areas.append(np.mean([roc_auc_score(label[k], logit[k]) for k in rows_of]))
        for k in ("swap", "self_blend"):
            own = left & (label == 0) | (fold >= 0) & (kind == k)
            areas.append(roc_auc_score(label[own], logit[own]))
        print(
            "C",
            c,
            "AUC served, damaged (means over sources), swaps, self-blends",
            areas,
            flush=True,
        )
        if best is None or areas[1] > best[0]:
            best = areas[1], maps, logit
    _, maps, logit = best
    temperature, _ = fit_platt(logit[left], label[left])
    alarms = np.quantile(logit[left & (label == 0)], 1 - ALARMS)
    bias = float(np.log(AT / (1 - AT)) - alarms / temperature)
    p = 1 / (1 + np.exp(-(logit / temperature + bias)))
    for name, own in (("served", left), ("damaged", damaged)):
        print(
            name,
            "called fake: reals, fakes",
            [(p[own & (label == y)] >= AT).mean() for y in (0, 1)],
        )
    with (
        (work / "scores.jsonl").open("w") as file,
        (work / "scores_default.jsonl").open("w") as own,
    ):
        for path in sorted((work / "faces").glob("*.npz")):
            kept = np.load(path)
            weights, intercept = maps[int(kept["fold"])]
            # (faces, 2, 3232): each and its mirror image.
            x = kept["x"].astype(np.float32).reshape(-1, 2, len(weights))
            z = (x @ weights + intercept).mean(axis=1) / temperature + bias
            for target, values in ((file, 1 / (1 + np.exp(-z))), (own, kept["p_fake"])):
                people = [values[kept["person"] == n].tolist() for n in sorted(set(kept["person"]))]
                target.write(json.dumps({"path": path.stem, "people": people}) + "\n")


def heads(work, file):
    """Scores by maps that others fitted: w0 … w3 (4, 3232) and b0 … b3, of what is left out."""
    found = np.load(file)
    calibration = json.loads((DEFAULT / "model.json").read_text())["calibration"]
    with (work / "scores.jsonl").open("w") as target:
        for path in sorted((work / "faces").glob("*.npz")):
            kept = np.load(path)
            fold = int(kept["fold"])
            weights, biases = found[f"w{fold}"], found[f"b{fold}"]
            x = kept["x"].astype(np.float32).reshape(-1, 2, weights.shape[1])
            odds = np.logaddexp(0, x @ weights.T + biases).sum(axis=2)
            logit = (odds + np.log(-np.expm1(-odds) + 1e-12)).mean(axis=1)
            p = 1 / (1 + np.exp(-(logit / calibration["temperature"] + calibration["bias"])))
            people = [p[kept["person"] == n].tolist() for n in sorted(set(kept["person"]))]
            target.write(json.dumps({"path": path.stem, "people": people}) + "\n")


if __name__ == "__main__":
    task, place = sys.argv[1], Path(sys.argv[2])
    if task == "clips":
        clips(place, Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    elif task == "heads":
        heads(place, sys.argv[3])
    elif task == "views":
        views(place, int(sys.argv[3]), int(sys.argv[4]))
    else:
        {"features": features, "fit": fit}[task](place)
