"""How long the page takes to start, beside `import tensorflow` alone: python benchmarks/start.py.

The page starts in a new environment with requirements.txt and nothing else, as in the Docker image;
TensorFlow is imported in the environment that runs this. Both in turns, because machines are noisy;
the first round fills the caches and is shown apart. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 120
GOAL = 4
NAMES = ("the page answers", "import tensorflow")


def clean_environment(folder: Path) -> str:
    """A new virtual environment with requirements.txt; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet",
         "--requirement", str(ROOT / "requirements.txt")],
        check=True,
    )  # fmt: skip
    return str(folder / "bin" / "python")


def environment() -> dict[str, str]:
    """The process's, without other places to import from."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3"}


def page_start(python: str) -> float:
    """Seconds from the start of the process until the page has answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    process = subprocess.Popen(
        [python, str(ROOT / "app.py"), "--port", str(port)],
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while time.perf_counter() - start < LONGEST:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    answer.read()
                return time.perf_counter() - start
            except OSError:
                if process.poll() is not None:
                    break
                time.sleep(0.02)
        raise SystemExit(f"The page does not start: {python} {ROOT / 'app.py'}")
    finally:
        process.terminate()
        process.wait()


def tensorflow_import() -> float:
    """Seconds of a process that imports TensorFlow and ends."""
    start = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", "import tensorflow"], env=environment(), capture_output=True
    )
    if result.returncode:
        raise SystemExit(
            "TensorFlow is missing, so there is nothing to compare with. Run: "
            "pip install -r requirements-train.txt"
        )
    return time.perf_counter() - start


def main() -> None:
    """Run both in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="after the first (default: 7)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = clean_environment(Path(folder))
        rounds = [(page_start(python), tensorflow_import()) for _ in range(options.rounds + 1)]
    print(f"{'seconds':32}{'first':>8}{'median':>8}{'best':>8}{'worst':>8}")
    for name, times in zip(NAMES, zip(*rounds, strict=True), strict=True):
        first, *warm = times
        print(
            f"{name:32}{first:8.2f}{statistics.median(warm):8.2f}{min(warm):8.2f}{max(warm):8.2f}"
        )
    print(f"\nGoal: the page under {GOAL} s, warm.")


if __name__ == "__main__":
    main()
