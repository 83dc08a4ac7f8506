"""What weakens the verdict on each left-out face, and what it looks like: reasons.py IN.npz OUT.npz.

IN: `final/left_out.npz` of `ship3.py`. OUT has `reasons` besides, as `detector.weaknesses` finds
them, for `python -m deepfake.shipping.elsewhere models/default --logits OUT.npz --kinds kinds.csv`.
"Small" goes by the face in the picture that it was cut from. Also printed: error rates at the
default model's threshold by size, sharpness, light, pose and apparent lightness of the skin (the
individual typology angle of the cheeks: skin and light together, which cannot be told apart here).
"""

import csv
import sys

import cv2
import numpy as np
import serving
import table
import views

from deepfake import detector, preprocessing, verdict
from deepfake.evaluation.scoring import Judged
from deepfake.faces import Face
from deepfake.imaging import Picture
from deepfake.manifest import read_manifest
from deepfake.shipping import elsewhere

CHEEKS = [50, 101, 36, 205, 280, 330, 266, 425]  # of the mesh
BINS = {
    "face in its picture, pixels": ("side", (0, 80, 120, 200, 400, 9999)),
    "sharpness": ("sharp", (0, 37, 66, 150, 324, 9e9)),
    "mean brightness of the crop": ("mean", (0, 67, 94, 134, 161, 256)),
    "turned sideways (log ratio nose to ears)": ("yaw", (0, 0.2, 0.7, 1, 99)),
    "apparent lightness of the skin, degrees": ("skin", (-91, -30, 10, 28, 41, 55, 181)),
}


def look(data, index, row):
    """(reasons, measures) of a face."""
    face = views.face_of(data, index)
    side = float(row["face_side"])
    shown = Picture.from_array(face.pixels)
    spec = serving.NEW
    raw = preprocessing.cut(shown, tuple(face.box.tolist()), spec, face.turn)
    reasons = detector.weaknesses(Face((0, 0, side, side), data.keypoints[index], 1.0), raw)
    lab = cv2.cvtColor(face.pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    r = max(1, int(0.02 * (face.box[2] - face.box[0])))
    spots = [
        np.median(lab[max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1].reshape(-1, 3), axis=0)
        for x, y in face.mesh[CHEEKS].round().astype(int)
        if 0 <= x < lab.shape[1] and 0 <= y < lab.shape[0]
    ]
    light, _, yellow = np.median(spots, axis=0) if spots else (np.nan,) * 3
    nose, right, left = face.mesh[[1, 234, 454]]
    yaw = np.log((np.linalg.norm(nose - right) + 1) / (np.linalg.norm(nose - left) + 1))
    measures = {
        "side": side, "sharp": detector._sharpness(raw), "mean": raw.mean(), "yaw": abs(yaw),
        "skin": np.degrees(np.arctan2(light - 50, yellow)),
    }  # fmt: skip
    return " ".join(reasons), measures


def main(path, out):
    data = table.load()
    with (table.DATA / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    place = {p: i for i, p in enumerate(data.path)}
    left_out = dict(np.load(path))
    found = [look(data, place[p], rows[place[p]]) for p in left_out["path"]]
    np.savez(out, **(left_out | {"reasons": np.array([reasons for reasons, _ in found])}))
    manifest = read_manifest(detector.Path("/work/main/models/default"))
    judged = elsewhere.read_logits(detector.Path(out), manifest)
    for title, (name, edges) in BINS.items():
        values = np.array([measures[name] for _, measures in found])
        print(title)
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            own = (values >= low) & (values < high)
            part = Judged(
                judged.p_fake[own], judged.labels[own],
                tuple(s for s, is_own in zip(judged.sources, own, strict=True) if is_own),
            )  # fmt: skip
            weights, reached = elsewhere._weights(part), part.p_fake >= manifest.threshold
            print(
                f"  {low} to {high}:",
                *(
                    f"{np.average(reached[of], weights=weights[of]):.3f} of {of.sum()}"
                    for of in (part.labels == 0, part.labels == 1)
                ),
            )
    print(elsewhere.by_reason(judged, manifest.threshold))
    print(verdict.operating_point(manifest, manifest.threshold, elsewhere=True))


main(*sys.argv[1:])
