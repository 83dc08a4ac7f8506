"""Frames, captions and watermarks on left-out faces: how often are they called fake?

overlaid.py HEADS.npz TAG:FOLDS …: networks as ship3.py takes them, HEADS its final/folds.npz. Up to ten faces of a source
and class, each as it is and with one thing around or over it; at the logit that 5 % of the plain reals reach.
"""

import sys

import cv2
import feats_lib
import heads
import lin
import numpy as np
import serving
import table
import views

from deepfake.forging import overlays

cv2.setNumThreads(1)
MOST, BAR, LINE = 10, 16, 2


def below(height):
    def change(crop, random):
        crop[-height:] = 255
        return crop

    return change


def caption_below(crop, random):
    crop[196:220] = 255
    cv2.putText(crop, "Anna Miller - CEO", (8, 212), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20,) * 3)
    return crop


CHANGES = {
    "as it is": lambda crop, random: crop,
    f"white, {LINE} px below": below(LINE),
    f"white, {BAR} px below": below(BAR),
    "caption on white, below": caption_below,
} | {kind.__name__: kind for kind in overlays.KINDS}

data, found = table.load(), np.load(sys.argv[1])
logits, labels = {name: [] for name in CHANGES}, []
for tag, folds in (pair.split(":") for pair in sys.argv[2:]):
    features = feats_lib.of(f"cache/{tag}.tflite")
    experts = heads.Heads(found[f"w{folds[0]}"], found[f"b{folds[0]}"])
    own = data.found & data.second & np.isin(data.fold, [int(fold) for fold in folds])
    random = np.random.default_rng(0)
    for source, label in sorted(set(zip(data.source[own], data.label[own], strict=True))):
        faces = np.flatnonzero(own & (data.source == source) & (data.label == label))
        for index in random.permutation(faces)[:MOST]:
            crop = views.served(views.face_of(data, index), serving.NEW)
            labels.append(label)
            for name, change in CHANGES.items():
                seen = change(crop.copy(), np.random.default_rng([1, index]))
                logits[name].append(lin.orn(experts.experts(features(seen).astype(np.float32)[None]))[0])
labels, plain = np.array(labels), np.array(logits["as it is"])
threshold = np.quantile(plain[labels == 0], 0.95)
print(f"{(labels == 0).sum()} reals, {(labels == 1).sum()} fakes; called fake:")
for name, values in logits.items():
    moved = np.array(values) - plain
    rates = [f"{(np.array(values)[labels == y] >= threshold).mean():.3f} ({moved[labels == y].mean():+.2f})" for y in (0, 1)]
    print(f"| {name} | {rates[0]} | {rates[1]} |", flush=True)
