"""Ours against the Flask-demo way, in one run, on the same picture: python benchmarks/latency.py.

(a) ours end to end: bytes → Report, face detection included, and each stage of it;
(b) what student demos do: `keras.models.load_model`, resize with Pillow, `model.predict`.

Both run in processes of their own, in turns, because machines are noisy. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "examples" / "eileen_collins.png"
MODEL = ROOT / "models" / "default"
MEGABYTE = 1_000_000
SERVE_SECONDS = 60


def measure(call, repeats: int) -> list[float]:
    """Milliseconds of each call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return times


def ours(repeats: int) -> dict:
    """(a), within its own process."""
    from deepfake import Detector

    data = PICTURE.read_bytes()
    detector = Detector()
    for _ in range(5):
        detector.detect(data)
    reports = []
    times = measure(lambda: reports.append(detector.detect(data)), repeats)
    stages = {
        stage: [report.timings_ms[stage] for report in reports]
        for stage in ("decode", "faces", "preprocessing", "model")
    }
    return {"ours: bytes → Report": times, **{f"  {name}": t for name, t in stages.items()}}


def flask_demo(repeats: int) -> dict:
    """(b), within its own process."""
    import keras
    import numpy as np
    from PIL import Image

    model = keras.models.load_model(MODEL / "model.keras")
    size = model.input_shape[1:3]

    def load():
        return np.asarray(Image.open(PICTURE).convert("RGB").resize(size), np.float32)[None] / 255

    batch = load()
    for _ in range(3):
        model.predict(batch, verbose=0)
    return {
        "Flask demo: open, resize": measure(load, repeats),
        "Flask demo: model.predict": measure(lambda: model.predict(batch, verbose=0), repeats),
    }


FLASK_COLD = f"""
import keras, numpy as np
from PIL import Image
model = keras.models.load_model({str(MODEL / "model.keras")!r})
image = Image.open({str(PICTURE)!r}).convert("RGB").resize(model.input_shape[1:3])
model.predict(np.asarray(image, np.float32)[None] / 255, verbose=0)
"""
COLD_COMMANDS = {
    "ours: deepfake detect PHOTO": ["-m", "deepfake", "detect", str(PICTURE)],
    "Flask demo: load and predict once": ["-c", FLASK_COLD],
}


def run_part(part: str, repeats: int) -> dict:
    """One side in a process of its own; its times and its memory in bytes."""
    command = [sys.executable, __file__, "--part", part, "--repeats", str(repeats)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment(), cwd=ROOT
    )
    return json.loads(result.stdout.splitlines()[-1])


def cold_start(name: str) -> float:
    """Seconds from the start of the process to its end."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *COLD_COMMANDS[name]], check=True, capture_output=True, cwd=ROOT,
        env=environment(),
    )  # fmt: skip
    return time.perf_counter() - start


def serve() -> tuple[float, float]:
    """(seconds until the page answers, memory in bytes after ten analyses through its API)."""
    from gradio_client import Client, handle_file

    port = "7898"
    start = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "app.py", "--port", port], cwd=ROOT, env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        while time.perf_counter() - start < SERVE_SECONDS:
            try:
                urllib.request.urlopen(url, timeout=5)
                break
            except OSError:
                time.sleep(0.05)
        ready = time.perf_counter() - start
        client = Client(url, verbose=False)
        for _ in range(10):
            client.predict(handle_file(PICTURE), api_name="/detect")
        return ready, psutil.Process(server.pid).memory_info().rss
    finally:
        server.terminate()
        server.wait()


def environment() -> dict[str, str]:
    """The process's, without TensorFlow's log lines."""
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}


def percentile(times: list[float], share: float) -> float:
    """The given percentile."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def main() -> None:
    """Run both sides in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=50, help="calls a round (default: 50)")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--part", choices=("ours", "flask"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        times = (ours if options.part == "ours" else flask_demo)(options.repeats)
        print(json.dumps({"times": times, "rss": psutil.Process().memory_info().rss}))
        return

    times: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    cold: dict[str, list[float]] = {name: [] for name in COLD_COMMANDS}
    for _ in range(options.rounds):
        for part in ("ours", "flask"):
            result = run_part(part, options.repeats)
            memory[part] = result["rss"]
            for name, values in result["times"].items():
                times.setdefault(name, []).extend(values)
        for name in cold:
            cold[name].append(cold_start(name))
    ready, serving = serve()

    print(f"{'':36}{'p50 ms':>9}{'p95 ms':>9}{'per s':>9}")
    for name, values in times.items():
        p50 = statistics.median(values)
        print(f"{name:36}{p50:9.1f}{percentile(values, 0.95):9.1f}{1000 / max(p50, 1e-3):9.1f}")
    print(f"\n{'cold start':36}{'median s':>9}")
    for name, values in cold.items():
        print(f"{name:36}{statistics.median(values):9.2f}")
    print(f"{'ours: page answers':36}{ready:9.2f}")
    print(f"\n{'memory (RSS)':36}{'MB':>9}")
    print(f"{'ours: library':36}{memory['ours'] / MEGABYTE:9.0f}")
    print(f"{'ours: serving the page':36}{serving / MEGABYTE:9.0f}")
    print(f"{'Flask demo: before any web server':36}{memory['flask'] / MEGABYTE:9.0f}")
    warm = statistics.median(times["ours: bytes → Report"])
    predict = statistics.median(times["Flask demo: model.predict"])
    first, second = (statistics.median(values) for values in cold.values())
    print(
        f"\nOurs end to end takes {warm / predict:.2f} of the demo's predict alone (goal: 0.33), "
        f"its cold start {first / second:.2f} of the demo's (goal: 0.25), "
        f"serving {serving / MEGABYTE:.0f} MB (goal: under 450)."
    )


if __name__ == "__main__":
    main()
