"""Views of faces -> pooled features of the shipped trunk, in cache/feat_NAME.npz.

Usage: extract.py NAME, one of `JOBS`. Every view is seen as it is and in the mirror.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import serving
import table
import views
from ai_edge_litert.interpreter import Interpreter

from deepfake.training import blending

cv2.setNumThreads(1)
Row = tuple[int, str, np.ndarray]  # index into the table, kind of view, uint8 crop


class Trunk:
    """crop -> (logit, features, output of the fifth stage), by LiteRT on one thread."""

    def __init__(self, version: str) -> None:
        interpreter = Interpreter(str(table.CACHE / f"features{version}.tflite"), num_threads=1)
        self._run = interpreter.get_signature_runner("serving_default")
        (self._name,) = self._run.get_input_details()

    def __call__(self, crop: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        x = (crop[None].astype(np.float32) - 127.0) / 128.0
        out = self._run(**{self._name: x})
        middle = out["middle"][0].astype(np.float16) if "middle" in out else np.zeros(0, np.float16)
        features = out["features"][0]
        if len(features) == 6944:  # means and mean squares -> means and standard deviations
            mean, square = np.split(features, 2)
            features = np.concatenate([mean, np.sqrt(np.maximum(square - mean**2, 1e-6))])
        return float(out["logit"][0, 0]), features.astype(np.float16), middle


class MiddleFile:
    """Feature maps one after the other on disk, as float16 (14, 14, 112)."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def append(self, middle: np.ndarray) -> None:
        self._file.write(middle.tobytes())


def chosen(data: table.Table, per_source: int) -> np.ndarray:
    """All of the second edition; of the first's sources at most so many of each split."""
    random = np.random.default_rng(0)
    keep = data.second.copy()
    for source in sorted(
        set(data.source[~data.second])
    ):  # sets of str have another order each time
        for split, share in (("train", 1.0), ("valid", 0.25), ("test", 0.25)):
            rows = np.flatnonzero((data.source == source) & (data.split == split))
            keep[random.permutation(rows)[: int(per_source * share)]] = True
    return np.flatnonzero(keep & data.found)


def as_shipped(data: table.Table, rows: np.ndarray) -> Iterator[Row]:
    """The crop of 1.3.0; and the new one where it is another."""
    for index in rows:
        face = views.face_of(data, index)
        old = views.served(face, serving.OLD)
        yield index, "old", old
        new = views.served(face, serving.NEW)
        if not np.array_equal(old, new):
            yield index, "new", new


def damaged(data: table.Table, rows: np.ndarray) -> Iterator[Row]:
    for index in rows:
        if data.split[index] == "train":
            yield (
                index,
                "view",
                views.view(views.face_of(data, index), np.random.default_rng([1, index])),
            )


def seams(data: table.Table, rows: np.ndarray) -> Iterator[Row]:
    """A real, and a forgery made of it, in the same view."""
    random = np.random.default_rng(2)
    reals = [i for i in rows if data.label[i] == 0]
    reals = sorted(reals, key=lambda i: (not data.second[i], random.random()))
    for number, index in enumerate(reals):
        face = views.face_of(data, index)
        seed = [3, index]
        if number % 2:
            donor = views.face_of(data, int(random.choice(reals)))
            fake, kind = blending.swap(face, donor, random), "swap"
        else:
            fake, kind = blending.self_blend(face, random), "self"
        if number % 4 < 2:
            yield index, kind, serving_view(fake)
        else:
            yield index, f"{kind}_real_view", views.view(face, np.random.default_rng(seed))
            yield index, f"{kind}_view", views.view(fake, np.random.default_rng(seed))


def twins(data: table.Table, rows: np.ndarray) -> Iterator[Row]:
    """A real and its twin, as JPEG of one quality: whole as served, then mixed in a random view."""
    for path in sorted(table.CACHE.glob("twins_*.pkl")):
        for index, scale, real, twin in pickle.loads(path.read_bytes()):
            whole = views.face_of(data, index)
            base = replace(whole, pixels=real, box=whole.box * scale, mesh=whole.mesh * scale)
            random = np.random.default_rng([6, index])
            quality = int(random.integers(82, 97))
            weight = np.float32(1 - random.uniform(0, 0.8) * (random.random() < 0.6))
            if random.random() < 0.5:
                weight = weight * blending.blend_mask(base, random)[..., None]
            mixed = (real * (1 - weight) + twin * weight + 0.5).astype(np.uint8)
            seed = [8, index]
            for kind, pixels in (("twin_real", real), ("twin", twin)):
                yield index, kind, serving_view(replace(base, pixels=jpeg(pixels, quality)))
            for kind, pixels in (("twin_real_view", real), ("twin_view", mixed)):
                face = replace(base, pixels=jpeg(pixels, quality))
                yield index, kind, views.view(face, np.random.default_rng(seed))


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def serving_view(face: views.Face) -> np.ndarray:
    return views.served(face, serving.NEW)


def stressed(data: table.Table, rows: np.ndarray) -> Iterator[Row]:
    """Reals in the dark, turned and tight; as 1.3.0 and as the new one would cut them."""
    random = np.random.default_rng(5)
    reals = np.array([i for i in rows if data.label[i] == 0])
    weight = np.array([(data.source[rows] == s).sum() ** -0.5 for s in data.source[reals]])
    for index in random.choice(reals, 240, replace=False, p=weight / weight.sum()):
        face = views.face_of(data, index)
        degrees = float(random.uniform(30, 90) * random.choice([-1, 1]))
        for kind, changed, factor in (
            ("dark", views.darkened(face, 0.125), 1.3),
            ("turned", views.turned(face, degrees), 1.3),
            ("tight", face, float(random.uniform(0.9, 1.0))),
        ):
            for name, spec in (("old", serving.OLD), ("new", serving.NEW)):
                spec = serving.replace(spec, crop=factor)
                yield index, f"{kind}_{name}", views.served(changed, spec)


JOBS: dict[str, Callable[[table.Table, np.ndarray], Iterator[Row]]] = {
    "served": as_shipped, "damaged": damaged, "seams": seams, "stressed": stressed, "twins": twins,
}  # fmt: skip


# Judged as the served network does, by the face and its mirror image; else as it comes.
MIRRORED = ("served", "stressed")


def main(name: str, part: int, parts: int, per_source: int, limit: float, version: str) -> None:
    """`limit` in minutes: what is done by then is kept."""
    data, trunk, start = table.load(), Trunk(version), time.time()
    rows = chosen(data, per_source)
    random = np.random.default_rng(7)
    rows = rows[random.permutation(len(rows))]
    # Parts beyond the count go the other way through part − count, to meet it.
    rows = rows[part::parts] if part < parts else rows[part - parts :: parts][::-1]
    kept: dict[str, list] = {"index": [], "kind": [], "logit": [], "features": []}
    middles = MiddleFile(table.CACHE / f"middle{version}_{name}_{part}.f16")

    def save() -> None:
        np.savez(table.CACHE / f"feat{version}_{name}_{part}.npz",
                 **{key: np.array(value) for key, value in kept.items()})  # fmt: skip

    for count, (index, kind, crop) in enumerate(JOBS[name](data, rows)):
        sides = [trunk(crop)]
        sides.append(
            trunk(crop[:, ::-1])
            if name in MIRRORED and (not version or name == "stressed")
            else sides[0]
        )
        logits, features, (middle, _) = zip(*sides, strict=True)
        middles.append(middle)
        for key, value in zip(
            kept, (index, kind, np.array(logits), np.stack(features)), strict=True
        ):
            kept[key].append(value)
        if count % 500 == 499:
            print(
                name,
                part,
                count + 1,
                "of about",
                len(rows),
                round(time.time() - start),
                time.process_time(),
                flush=True,
            )
            if count % 2000 == 1999:
                save()
        if time.time() - start > 60 * limit:
            break
    save()


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
        float(sys.argv[5]),
        sys.argv[6] if len(sys.argv) > 6 else "",
    )
