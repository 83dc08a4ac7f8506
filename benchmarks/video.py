"""`deepfake video` on films of one face at 720p: python benchmarks/video.py.

Two films are made from examples/ by code, 15 seconds and 5 minutes of 25 frames a second, H.264
with a key frame every ten seconds, as x264 sets it by itself. What is printed: frames judged a
second, from opening the file to the verdict (finding cuts, decoding and finding faces included,
loading the model not), CPU-ms for each judged frame and the decoder's share of them, and the most
memory that the program and its decoder had. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT, RATE, KEY_EVERY = 1280, 720, 25, 250
PHOTO = ROOT / "examples" / "eileen_collins.png"


def make_film(path: Path, seconds: float) -> None:
    """A photo that wanders over noise, as a head before a wall of books does."""
    random = np.random.default_rng(0)
    wall = Image.fromarray(random.integers(60, 180, (90, 160, 3), np.uint8))
    wall = wall.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    photo = Image.open(PHOTO).convert("RGB")
    photo.thumbnail((600, 600))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"g": str(KEY_EVERY), "crf": "23", "preset": "veryfast"}
        stream.codec_context.time_base = Fraction(1, RATE)
        for number in range(round(seconds * RATE)):
            frame = wall.copy()
            x, y = 330 + 200 * np.sin(number / 40), 60 + 30 * np.cos(number / 29)
            frame.paste(photo, (round(x), round(y)))
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())


def judge(path: Path) -> None:
    """Judge one film in this process, and print what it took as JSON."""
    from deepfake import Detector
    from deepfake.settings import Settings
    from deepfake.video.clip import get_ready
    from deepfake.video.detector import VideoDetector

    # As the command does: the decoder starts while the model is loaded.
    get_ready()
    photos = Detector(settings=replace(Settings.from_environment(), threads=1))
    photos.detect(PHOTO)
    detector = VideoDetector(photos)
    before = os.times()
    report = detector.detect(path)
    after = os.times()
    print(
        json.dumps(
            {
                "judged": len(report.sampled),
                "seconds": report.seconds_spent,
                "own": after.user + after.system - before.user - before.system,
                "child": after.children_user + after.children_system
                - before.children_user - before.children_system,
                "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "child_memory": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
                "verdict": report.verdict,
            }
        )
    )  # fmt: skip


def main() -> None:
    """Judge both films, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=Path, help="folder to keep the films in")
    parser.add_argument("--judge", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.judge:
        judge(options.judge)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = options.films or Path(name)
        folder.mkdir(exist_ok=True)
        print(f"{'':12}{'judged':>8}{'per s':>8}{'CPU ms each':>13}{'decoder':>9}"
              f"{'MB':>7}{'decoder MB':>12}")  # fmt: skip
        for seconds in (15, 300):
            film = folder / f"{seconds}.mp4"
            if not film.exists():
                make_film(film, seconds)
            run = subprocess.run(  # our own program
                [sys.executable, __file__, "--judge", str(film)], check=True, capture_output=True,
                text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
            said = json.loads(run.stdout.splitlines()[-1])
            count = said["judged"]
            print(
                f"{seconds:>4} seconds{count:8}{count / said['seconds']:8.1f}"
                f"{1000 * (said['own'] + said['child']) / count:13.1f}"
                f"{1000 * said['child'] / count:9.1f}{said['memory']:7.0f}"
                f"{said['child_memory']:12.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
