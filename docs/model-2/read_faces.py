"""Every crop of the data set -> box, key points and mesh, once, in cache/faces.npz."""

from __future__ import annotations

import csv
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path("/work/shared/data")
CACHE = Path("/work/m2/cache")
_tools: list = []


def _start() -> None:
    from deepfake.faces import FaceDetector
    from deepfake.mesh import FaceMesh
    from deepfake.settings import Settings

    settings = replace(Settings.from_environment(), interpreters=1, threads=1)
    _tools[:] = [settings, FaceDetector(settings), FaceMesh(settings)]


def look(path: str) -> np.ndarray:
    """float32 (2 + 4 + 12 + 936,): confidence (0: none), presence, box, key points, mesh."""
    from deepfake import imaging

    settings, detector, mesh = _tools
    picture = imaging.read(Path(path), settings)
    faces = detector.detect(picture)
    if not faces:
        return np.zeros(954, np.float32)
    face = faces[0]
    found = mesh.detect(Image.fromarray(picture.pixels), face.box, face.keypoints)
    parts = [
        [face.confidence, found.presence],
        face.box,
        face.keypoints.ravel(),
        found.points.ravel(),
    ]
    return np.concatenate(parts).astype(np.float32)


def main() -> None:
    with (DATA / "labels.csv").open() as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    with ProcessPoolExecutor(2, initializer=_start) as pool:
        rows = []
        for row in pool.map(look, [str(DATA / path) for path in paths], chunksize=64):
            rows.append(row)
            if len(rows) % 2000 == 0:
                print(len(rows), flush=True)
    table = np.stack(rows)
    np.savez(CACHE / "faces.npz", paths=np.array(paths), confidence=table[:, 0],
             presence=table[:, 1], box=table[:, 2:6], keypoints=table[:, 6:18].reshape(-1, 6, 2),
             mesh=table[:, 18:].reshape(-1, 468, 2))  # fmt: skip
    print("faces", (table[:, 0] > 0).sum(), "of", len(table))


if __name__ == "__main__":
    main()
