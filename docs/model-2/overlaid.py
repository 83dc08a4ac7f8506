"""Frames, captions, other backgrounds on left-out faces: how often are they called fake?

overlaid.py HEADS.npz TAG:FOLDS …: networks as ship3.py takes them, HEADS its final/folds.npz. Up to ten faces of a source
and class, each as it is and with one thing around or over it, levelled after it as it is served, and averaged over the
mirror image; at the logit that 5 % of the plain reals reach.
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

from deepfake import preprocessing
from deepfake.forging import overlays
from deepfake.forging.backdrops import backdrop
from deepfake.forging.finishes import finish
from deepfake.imaging import Picture

cv2.setNumThreads(1)
MOST, BAR, LINE = 10, 16, 2


def below(height):
    def change(crop, random):
        crop[-height:] = 255
        return crop

    return change


def caption_below(crop, random):
    """On a white bar that ends four pixels above the lower edge."""
    crop[196:220] = 255
    cv2.putText(crop, "Anna Miller - CEO", (8, 212), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20,) * 3)
    return crop


CHANGES = {
    "nothing": lambda crop, random: crop,
    f"white, {LINE} px below": below(LINE),
    f"white, {BAR} px below": below(BAR),
    "caption on white, below": caption_below,
    "another background": backdrop,
    "lit and finished": finish,
} | {kind.__name__: kind for kind in overlays.KINDS}


def main(heads_file, networks):
    data, found = table.load(), np.load(heads_file)
    logits, labels = {name: [] for name in CHANGES}, []
    for tag, folds in (pair.split(":") for pair in networks):
        features = feats_lib.of(f"cache/{tag}.tflite")
        experts = heads.Heads(found[f"w{folds[0]}"], found[f"b{folds[0]}"])
        own = data.found & data.second & np.isin(data.fold, [int(fold) for fold in folds])
        random = np.random.default_rng(0)
        for source, label in sorted(set(zip(data.source[own], data.label[own], strict=True))):
            faces = np.flatnonzero(own & (data.source == source) & (data.label == label))
            for index in random.permutation(faces)[:MOST]:
                face = views.face_of(data, index)
                box = tuple(face.box.tolist())
                cut = preprocessing.cut(
                    Picture.from_array(face.pixels), box, serving.NEW, face.turn
                )
                labels.append(label)
                for name, change in CHANGES.items():
                    seen = serving.level(change(cut.copy(), np.random.default_rng([1, index])))
                    both = np.stack([features(seen), features(seen[:, ::-1])])
                    logits[name].append(lin.orn(experts.experts(both.astype(np.float32))).mean())
    labels, plain = np.array(labels), np.array(logits["nothing"])
    threshold = np.quantile(plain[labels == 0], 0.95)
    print(
        f"{(labels == 0).sum()} reals, {(labels == 1).sum()} fakes; called fake (logit moved by):"
    )
    for name, values in logits.items():
        rates = [
            f"{(np.array(values)[of] >= threshold).mean():.3f} ({(values - plain)[of].mean():+.2f})"
            for of in (labels == 0, labels == 1)
        ]
        print(f"| {name} | {rates[0]} | {rates[1]} |", flush=True)


main(sys.argv[1], sys.argv[2:])
