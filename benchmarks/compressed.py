"""What compression costs the default model: python benchmarks/compressed.py DATA [--large].

DATA: a folder with labels.csv (path, label, generator) of face crops, of which those of the second
edition are taken: 400 real ones and 400 fakes (--each), from each source by the root of its size.
Each is compressed by Pillow at seven qualities and judged as a file (`Detector.detect`). With
--large the crops are enlarged three times first: faces of many pixels, which the model looks at
made small. AUC, and what is called fake at the model's threshold; the interval is of the fall of
AUC from quality 90 (bootstrap, 95 %). The sources are among those that the model was fitted to, so
the figures compare qualities and are no error rates elsewhere. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from deepfake.detector import Detector
from deepfake.evaluation.metrics import area

FIRST_EDITION = frozenset(
    ("ffhq", "press_photos", "utkface", "celeba", "studio_headshots", "scut_fbp5500",
     "official_portraits", "web_mixed", "web_mixed_rmfd", "stylegan", "stylegan_generatedphotos",
     "stylegan2_sfhq", "sd21", "sdxl", "flux1_schnell", "flux1_devpro")
)  # fmt: skip
QUALITIES = (90, 70, 50, 40, 30, 20, 10)
TIMES, DRAWS = 3, 500


def main() -> None:
    """Compress, judge, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--each", type=int, default=400, help="faces of each class")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    with (options.data / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["generator"] not in FIRST_EDITION]
    detector = Detector()
    fake, scores, sides = [], [], []
    for row in [
        one for label in ("real", "fake") for one in _drawn(rows, label, options.each, random)
    ]:
        crop = Image.open(options.data / row["path"]).convert("RGB")
        if options.large:
            size = (TIMES * crop.width, TIMES * crop.height)
            crop = crop.resize(size, Image.Resampling.LANCZOS)
        reports = [detector.detect(_saved(crop, quality)) for quality in QUALITIES]
        fake.append(row["label"] == "fake")
        scores.append([np.nan if one.p_fake is None else one.p_fake for one in reports])
        sides += [face.box[2] - face.box[0] for face in reports[0].faces[:1]]
    table, labels = np.array(scores), np.array(fake)
    unjudged = np.isnan(table).sum(axis=0)
    whole = ~np.isnan(table).any(axis=1)
    table, labels = table[whole], labels[whole]
    print(f"{(~labels).sum()} reals, {labels.sum()} fakes; median face {np.median(sides):.0f} px\n")
    print("| quality | AUC | fall of AUC | reals called fake | fakes found | not judged |")
    print("|---|---|---|---|---|---|")
    for column, quality in enumerate(QUALITIES):
        falls = []
        for _ in range(DRAWS):
            drawn = random.integers(0, len(labels), len(labels))
            best, own = (area(table[drawn, at], labels[drawn]) or 0.5 for at in (0, column))
            falls.append(best - own)
        called = table[:, column] >= detector.threshold
        low, high = np.percentile(falls, [2.5, 97.5])
        print(
            f"| {quality} | {area(table[:, column], labels):.3f} | {low:.3f} to {high:.3f} "
            f"| {called[~labels].mean():.3f} | {called[labels].mean():.3f} | {unjudged[column]} |"
        )


def _drawn(
    rows: list[dict[str, str]], label: str, number: int, random: np.random.Generator
) -> list[dict[str, str]]:
    sources = defaultdict(list)
    for row in rows:
        if row["label"] == label:
            sources[row["generator"]].append(row)
    roots = sum(len(own) ** 0.5 for own in sources.values())
    return [
        own[index]
        for own in sources.values()
        for index in random.permutation(len(own))[: max(1, round(number * len(own) ** 0.5 / roots))]
    ]


def _saved(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


if __name__ == "__main__":
    main()
