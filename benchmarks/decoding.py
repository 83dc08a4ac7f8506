"""What a decoder of its own costs a photo: python benchmarks/decoding.py [PHOTO …].

Each photo is read in this process and in a warm child of `deepfake.decoders`, in turn. Milliseconds
by the clock are medians; those of processors, of parent and child together, are means. Without
names: an example, and that example enlarged to sizes that phones and the web have. Nothing is
asserted.
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

import psutil  # noqa: E402
from PIL import Image  # noqa: E402

from deepfake import decoders, imaging  # noqa: E402
from deepfake.settings import Settings  # noqa: E402

# Processors' time is told in steps of ten milliseconds.
IN_A_ROW = 4
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


def processor_ms() -> float:
    """Milliseconds of processors that this process and its decoder have taken; in tens."""
    me = psutil.Process()
    used = [process.cpu_times() for process in (me, *me.children())]
    return 1000 * sum(one.user + one.system for one in used)


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
    columns = "".join(f"{name:>9}" for name in ("here", "decoder", "more"))
    print(f"{'ms':16}{'by the clock':>27}{'of processors':>27}\n{'':16}{columns}{columns}")
    for name, data in photos(options.photos).items():
        times: dict[int, list[float]] = {0: [], 1: []}
        work = {0: 0.0, 1: 0.0}
        for _ in range(options.repeats):
            for settings in (here, there):
                start, before = time.perf_counter(), processor_ms()
                for _ in range(IN_A_ROW):
                    imaging.read(data, settings)
                times[settings.decoders].append(1000 * (time.perf_counter() - start) / IN_A_ROW)
                work[settings.decoders] += (processor_ms() - before) / IN_A_ROW
        pairs = [[statistics.median(times[number]) for number in (0, 1)],
                 [work[number] / options.repeats for number in (0, 1)]]  # fmt: skip
        row = "".join(f"{here:9.2f}{there:9.2f}{there - here:9.2f}" for here, there in pairs)
        print(f"{name[:16]:16}{row}", flush=True)


if __name__ == "__main__":
    main()
