"""Faces of MobileStyleGAN, a student of StyleGAN2 (wheel random-face 2021.7.21.1, unzipped):

generate.py make FOLDER COUNT [SEED], in an environment with openvino and opencv: COUNT pictures of 224 to 320
pixels, as large as the data's crops, at truncations of .5 to 1, into FOLDER/out.
generate.py find FOLDER, in the project's: their faces, as `views.Face`, into cache/generated.pkl.
"""

import pickle
import sys
from pathlib import Path

import cv2
import numpy as np


def make(folder, count, seed):
    import openvino

    core = openvino.Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
    mapping, synthesis = (
        core.compile_model(core.read_model(next(folder.rglob(f"{half}Network.xml"))), "CPU")
        for half in ("Mapping", "Synthesis")
    )

    def style(random):
        return mapping([random.standard_normal((1, 512)).astype(np.float32)])[mapping.output(0)]

    random = np.random.default_rng(0)
    mean = np.mean([style(random) for _ in range(600)], 0)
    random = np.random.default_rng(seed)
    (folder / "out").mkdir(exist_ok=True)
    for number in range(count):
        truncation = random.uniform(0.5, 1.0)
        made = synthesis([mean + np.float32(truncation) * (style(random) - mean)])
        pixels = made[synthesis.output(0)][0].transpose(1, 2, 0)
        pixels = np.clip((pixels + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8)
        side = int(random.integers(224, 321))
        way = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[random.integers(3)]
        if way != cv2.INTER_AREA:
            pixels = cv2.GaussianBlur(pixels, (0, 0), 0.2 * len(pixels) / side)
        pixels = cv2.resize(pixels, (side, side), interpolation=way)
        cv2.imwrite(str(folder / "out" / f"{seed}_{number:04d}.png"), pixels[..., ::-1])


def find(folder):
    import read_faces
    from table import CACHE, turn_of
    from views import Face

    read_faces._start()
    faces = []
    for path in sorted((folder / "out").glob("*.png")):
        row = read_faces.look(str(path))
        if row[0] > 0:
            pixels = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
            box, keypoints = row[2:6], row[6:18].reshape(6, 2)
            mesh = row[18:].reshape(468, 2)
            faces.append(Face(pixels, box, mesh, turn_of(keypoints), 1, "generated"))
    (CACHE / "generated.pkl").write_bytes(pickle.dumps(faces))
    print(len(faces), "generated faces")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) if sys.argv[4:] else 2)
    else:
        find(Path(sys.argv[2]))
