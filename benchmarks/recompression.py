"""How often an earlier compression is told of a JPEG: python benchmarks/recompression.py DATA.

DATA: a folder with labels.csv (path, …) of JPEGs, which are halved to wash out their own
compression. Pictures: sheets of them (768 × 768), single ones (about 140 × 140), enlarged, noisy,
dim and posterised ones, made-up textures and two of `examples/`. All are compressed once, at ten
qualities, by Pillow and as an encoder would that rounds towards zero; some are compressed twice, at
eight qualities each: on the same grid, after a cut of 3 × 5 pixels, and at 70 % of their size.
Printed is how many were told to have been compressed before, and how often its quality was right to
within 3; the figures of docs/pictures.md. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import csv
import io
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from deepfake.imaging.jpeg_quality import tables
from deepfake.provenance.recompression import earlier_quality

ROOT = Path(__file__).resolve().parent.parent
ONCE = (50, 60, 70, 75, 80, 85, 90, 92, 95, 98)
TWICE = (50, 60, 70, 75, 80, 85, 90, 95)
SHEET, RIGHT_WITHIN = 768, 3
# Noise at quality 98 needs more than Pillow expects.
ImageFile.MAXBLOCK = 2**25
seconds: list[float] = []


def main() -> None:
    """Compress once and twice, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    random = np.random.default_rng(0)
    pictures = dict(_pictures(parser.parse_args().data, random))
    told: dict[str, list[int | None]] = defaultdict(list)
    for name, picture in pictures.items():
        kind = name.rstrip("0123456789")
        for quality in ONCE:
            options = {"subsampling": int(random.choice([0, 2])), "progressive": bool(quality % 3)}
            told[kind].append(_told(_saved(picture, quality, **options)))
            if kind in ("sheet", "single"):
                towards_zero = _saved(_rounded_towards_zero(picture, quality), quality)
                told[f"{kind}, rounded towards zero"].append(_told(towards_zero))
    print("| compressed once | files | told to be twice |\n|---|---|---|")
    for kind, found in told.items():
        print(f"| {kind} | {len(found)} | {len(found) - found.count(None)} |")
    for kind, number in (("sheet", 10), ("single", 10)):
        _twice([pictures[f"{kind}{index}"] for index in range(number)], kind)
    print(f"\n{1000 * statistics.median(seconds):.0f} ms a file, {1000 * max(seconds):.0f} at most")


def _twice(pictures: list[Image.Image], kind: str) -> None:
    found: dict[tuple[int, int], list[int | None]] = defaultdict(list)
    moved: list[int | None] = []
    for picture in pictures:
        for first in TWICE:
            once = Image.open(io.BytesIO(_saved(picture, first))).convert("RGB")
            for second in TWICE:
                found[first, second].append(_told(_saved(once, second)))
            second = TWICE[-1 - TWICE.index(first)]
            moved.append(_told(_saved(once.crop((3, 5, *once.size)), second)))
            size = (once.width * 7 // 10, once.height * 7 // 10)
            moved.append(_told(_saved(once.resize(size, Image.Resampling.LANCZOS), second)))
    print(f"\n{kind}: found of {len(pictures)} (right), by first quality (down) and second")
    print(f"| | {' | '.join(map(str, TWICE))} |\n|---|{'---|' * len(TWICE)}")
    for first in TWICE:
        cells = []
        for second in TWICE:
            sure = [one for one in found[first, second] if one is not None]
            right = sum(abs(one - first) <= RIGHT_WITHIN for one in sure)
            cells.append(f"{len(sure)} ({right})" if sure else "–")
        print(f"| {first} | {' | '.join(cells)} |")
    print(f"moved or scaled between: {len(moved) - moved.count(None)} of {len(moved)}")


def _pictures(data: Path, random: np.random.Generator) -> Iterator[tuple[str, Image.Image]]:
    with (data / "labels.csv").open(encoding="utf-8", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file) if int(row["width"]) >= 200]

    def halved() -> Image.Image:
        whole = Image.open(data / str(random.choice(paths))).convert("RGB")
        by = random.uniform(1.7, 2.3)
        size = (round(whole.width / by), round(whole.height / by))
        return whole.resize(size, Image.Resampling.LANCZOS)

    def sheet() -> Image.Image:
        made = Image.new("RGB", (SHEET, SHEET))
        top = 0
        while top < SHEET:
            left = 0
            while left < SHEET:
                made.paste(part := halved(), (left, top))
                left += part.width
            top += part.height
        return made

    for index in range(24):
        yield f"sheet{index}", sheet()
    for index in range(80):
        yield f"single{index}", halved()
    for index in range(12):
        soft = halved()
        by = random.uniform(1.5, 4)
        size = (round(by * soft.width), round(by * soft.height))
        yield f"enlarged{index}", soft.resize(size, Image.Resampling.BICUBIC)
        noise = random.normal(0, random.choice([2, 5, 10]), (SHEET, SHEET, 3))
        yield f"noisy{index}", _image(np.asarray(sheet()) + noise)
        fall, waves = random.uniform(0.6, 1.6), np.fft.fftfreq(512)
        power = np.maximum(np.hypot(waves[:, None], waves), 1 / 512) ** -fall
        texture = np.fft.ifft2(power * np.exp(2j * np.pi * random.random((512, 512)))).real
        grey = 128 + random.uniform(15, 50) * (texture - texture.mean()) / texture.std()
        yield f"texture{index}", _image(grey).convert("RGB")
    for index in range(6):
        levels = int(random.choice([4, 8, 16]))
        yield f"posterised{index}", sheet().point(lambda value, n=levels: value // n * n)
        yield f"dim{index}", sheet().point(lambda value: value // 4 + 20)
    for index, name in enumerate(("eileen_collins.png", "coffee.png")):
        yield f"example{index}", Image.open(ROOT / "examples" / name).convert("RGB")


def _rounded_towards_zero(picture: Image.Image, quality: int) -> Image.Image:
    """Brightness as it is decoded from an encoder that rounds up from .6 on only."""
    grey = np.asarray(picture.convert("L"), float) - 128
    down, across = grey.shape[0] // 8, grey.shape[1] // 8
    place = np.arange(8)
    waves = np.cos((2 * place + 1) * place[:, None] * np.pi / 16) / 2
    waves[0] /= np.sqrt(2)
    blocks = grey[: 8 * down, : 8 * across].reshape(down, 8, across, 8).transpose(0, 2, 1, 3)
    steps = tables()[quality - 1].reshape(8, 8)
    sizes = waves @ blocks @ waves.T / steps
    kept = waves.T @ (np.sign(sizes) * np.floor(np.abs(sizes) + 0.4) * steps) @ waves
    return _image(kept.transpose(0, 2, 1, 3).reshape(8 * down, 8 * across) + 128)


def _image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8))


def _saved(picture: Image.Image, quality: int, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def _told(data: bytes) -> int | None:
    start = time.perf_counter()
    found = earlier_quality(data)
    seconds.append(time.perf_counter() - start)
    return found


if __name__ == "__main__":
    main()
