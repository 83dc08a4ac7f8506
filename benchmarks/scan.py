"""`deepfake scan` against a loop of the Flask-demo kind, in one run: python benchmarks/scan.py.

On the same pictures, made from examples/ by code, all different: (a) `keras.models.load_model`,
Pillow's resize and `model.predict`, one picture after the other; it finds no faces. (b) ours with
one process, (c) with as many as there are cores, (d) the same with Ray. Rates are without what
comes before the workers are started (TensorFlow's and Ray's start), seconds with it; CPU time is of
all processes together, since machines are noisy. What so many cores can do at all is measured by
the network alone, in one process and in as many as there are cores, which share nothing: cores that
are two threads of one core do not do twice the work. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
LOOK_SECONDS = 0.2
MODEL = ROOT / "models" / "default"
PHOTOS = (
    "eileen_collins.png", "grace_hopper.jpg", "fake_swap_hopper.jpg", "fake_swap_collins.jpg",
    "fake_self_blend_collins.jpg",
)  # fmt: skip
FLASK_DEMO = """
import json, sys, time
import keras, numpy as np
from pathlib import Path
from PIL import Image
model = keras.models.load_model(sys.argv[1])
files = sorted(Path(sys.argv[2]).iterdir())
start = time.perf_counter()
for file in files:
    image = Image.open(file).convert("RGB").resize(model.input_shape[1:3])
    model.predict(np.asarray(image, np.float32)[None] / 255, verbose=0)
print(json.dumps(len(files) / (time.perf_counter() - start)))
"""


NETWORK_ALONE = """
import sys, time
from dataclasses import replace
import numpy as np
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings
model = load_model(None, replace(Settings(), threads=1, interpreters=1))
face = np.zeros((1, 224, 224, 3), np.float32)
model.backend.scores(face)
print("ready", flush=True)
sys.stdin.readline()
count, end = 0, time.perf_counter() + float(sys.argv[1])
while time.perf_counter() < end:
    model.backend.scores(face)
    count += 1
print(count / float(sys.argv[1]))
"""
ALONE_SECONDS = 6


def network_rate(processes: int) -> float:
    """How many faces a second the network judges in so many processes at the same time."""
    command = [sys.executable, "-c", NETWORK_ALONE, str(ALONE_SECONDS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        for _ in range(processes)
    ]
    for one in running:
        assert one.stdout is not None
        one.stdout.readline()
    for one in running:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    return sum(float(one.communicate()[0]) for one in running)


def make_pictures(folder: Path, count: int) -> None:
    """Photos of 512 pixels and more, as JPEGs of 40 to 95 that are all different."""
    folder.mkdir()
    opened = [Image.open(ROOT / "examples" / name).convert("RGB") for name in PHOTOS]
    for index in range(count):
        image = opened[index % len(opened)]
        shift = index // len(opened)
        moved = image.crop((shift % 20, shift % 17, image.width, image.height))
        moved.save(folder / f"{index:06}.jpg", quality=40 + shift % 56)


def measured(command: list[str]) -> tuple[float, float, float, str]:
    """(seconds, CPU seconds with all that it starts, its own memory in MB at most, output)."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    used: dict[int, float] = {}
    start, most = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, env=environment, cwd=ROOT)
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            time.sleep(LOOK_SECONDS)
            # A process may end while it is looked at.
            with contextlib.suppress(psutil.Error):
                most = max(most, watched.memory_info().rss)
                for one in (watched, *watched.children(recursive=True)):
                    times = one.cpu_times()
                    used[one.pid] = times.user + times.system
        if process.wait():
            raise SystemExit(f"{command} failed")
        seconds = time.perf_counter() - start
        output.seek(0)
        return seconds, sum(used.values()), most / 1e6, output.read()


def scan(photos: Path, folder: Path, *options: str) -> tuple[float, float, float, float]:
    """(seconds, pictures a second once it works, CPU seconds, memory in MB) of the command."""
    output = folder / "rows.parquet"
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "deepfake", "scan", str(photos), "-o", str(output), *options]
    seconds, used, memory, text = measured(command)
    found = re.search(r"([\d.]+) a second", text)
    assert found, text
    return seconds, float(found[1]), used, memory


def main() -> None:
    """Run all in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2000, help="default: 2000")
    parser.add_argument("--folder", type=Path, help="of pictures; default: made from examples/")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", default=["demo", "one", "all", "ray"])
    options = parser.parse_args()
    cores = str(options.cores)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = options.folder or folder / "photos"
        if options.folder is None:
            make_pictures(photos, options.pictures)
        count = sum(1 for _ in photos.iterdir())
        print(f"{count:,} pictures, {cores} cores")
        print(f"{'':34}{'seconds':>9}{'per s':>8}{'CPU ms each':>13}{'MB':>7}")
        rates = {}

        def show(
            name: str, label: str, seconds: float, rate: float, used: float, memory: float
        ) -> None:
            rates[name] = rate
            cost = 1000 * used / count
            print(f"{label:34}{seconds:9.1f}{rate:8.1f}{cost:13.1f}{memory:7.0f}", flush=True)

        if "demo" in options.only:
            command = [sys.executable, "-c", FLASK_DEMO, str(MODEL / "model.keras"), str(photos)]
            seconds, used, memory, text = measured(command)
            rate = json.loads(text.splitlines()[-1])
            show("demo", "Keras predict in a loop", seconds, rate, used, memory)
        if "one" in options.only:
            show("one", "scan --workers 1", *scan(photos, folder, "--workers", "1"))
        if "all" in options.only:
            show("all", f"scan --workers {cores}", *scan(photos, folder, "--workers", cores))
        if "ray" in options.only:
            ray = ("--engine", "ray", "--workers", cores)
            show("ray", f"scan --engine ray --workers {cores}", *scan(photos, folder, *ray))
        if "all" in rates and "one" in rates:
            alone, together = network_rate(1), network_rate(options.cores)
            print(f"the network alone: {alone:.1f} a second in one process, {together:.1f} in "
                  f"{cores}: {together / alone:.2f}")  # fmt: skip
        for one, other, goal in (("all", "demo", 3), ("all", "one", 1.8), ("ray", "all", 0.85)):
            if one in rates and other in rates:
                print(f"{one} / {other}: {rates[one] / rates[other]:.2f} (goal: {goal})")
        shutil.rmtree(folder / "photos", ignore_errors=True)


if __name__ == "__main__":
    main()
