"""What a decoder of its own costs a photo: python benchmarks/decoding.py [PHOTO …].

Each photo is read in this process and in a warm child of `deepfake.decoders`, in turn; figures are
medians. Without names: an example, and that example enlarged to sizes that phones and the web have.
Nothing is asserted.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from PIL import Image  # noqa: E402

from deepfake import decoders, imaging  # noqa: E402
from deepfake.settings import Settings  # noqa: E402

SIZES = {"1 MP": (1024, 1024), "2 MP": (1600, 1200), "12 MP": (4000, 3000)}


def photos(names: list[str]) -> dict[str, bytes]:
    """Files by what they are called in the table."""
    if names:
        return {Path(name).name: Path(name).read_bytes() for name in names}
    example = ROOT / "examples" / "grace_hopper.jpg"
    found = {"example": example.read_bytes()}
    for name, size in SIZES.items():
        file = io.BytesIO()
        Image.open(example).convert("RGB").resize(size).save(file, "JPEG", quality=92)
        found[name] = file.getvalue()
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="*", metavar="PHOTO")
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    here, there = Settings(decoders=0), Settings(decoders=1)
    start = time.perf_counter()
    decoders.start(there)
    imaging.read(ROOT / "examples" / "grace_hopper.jpg", there)
    print(f"first photo of a fresh decoder: {1000 * (time.perf_counter() - start):.0f} ms")
    print(f"{'ms':24}{'here':>9}{'decoder':>9}{'more':>9}")
    for name, data in photos(options.photos).items():
        times: dict[int, list[float]] = {0: [], 1: []}
        for _ in range(options.repeats):
            for settings in (here, there):
                start = time.perf_counter()
                imaging.read(data, settings)
                times[settings.decoders].append(1000 * (time.perf_counter() - start))
        inside, outside = (statistics.median(times[number]) for number in (0, 1))
        print(f"{name[:24]:24}{inside:9.2f}{outside:9.2f}{outside - inside:9.2f}", flush=True)


if __name__ == "__main__":
    main()
