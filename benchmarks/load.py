"""Twenty visitors at once, on ours and on a naive page, in turns: python benchmarks/load.py.

The naive page is what demos are: `gr.Interface` around Keras's `model.predict` on the resized whole
picture, with the same network and no face detection. Both are asked as programs ask (upload, event,
answer), by one process that does little else. On a busy machine only the CPU time per call can be
compared, which is that of the page's processes. Nothing is asserted.

As compose.yaml hosts it, with a replica that is killed: benchmarks/hosted.py.
With --browser: how long the page takes to be usable in Chromium, and a photo to its verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "examples" / "eileen_collins.png"
HOST = "127.0.0.1"
PORTS = {"ours": 7896, "naive": 7897}
START_SECONDS = 300
NAIVE = f"""
import gradio as gr, keras, numpy as np
model = keras.models.load_model({str(ROOT / "models/default/model.keras")!r})
size = model.input_shape[1:3]

def predict(photo):
    batch = np.asarray(photo.convert("RGB").resize(size), np.float32)[None] / 255
    logit = model.predict(batch, verbose=0)["logit"].ravel()[0]
    return {{"Fake": float(1 / (1 + np.exp(-logit)))}}

gr.Interface(predict, gr.Image(type="pil"), gr.Label(), api_name="predict").launch(
    server_port={PORTS["naive"]}
)
"""
COMMANDS = {
    "ours": [sys.executable, "app.py", "--host", HOST, "--port", str(PORTS["ours"])],
    "naive": [sys.executable, "-c", NAIVE],
}
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "DEEPFAKE_RATE_LIMIT": "off",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
# From the moment a file is handed to the page until a verdict stands there.
DROP = """
data => new Promise(done => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], "photo.jpg", {type: "image/jpeg"}));
  const input = document.querySelector("#photo input[type=file]");
  const verdict = "#verdict .verdict-real, #verdict .verdict-uncertain, #verdict .verdict-fake";
  const start = performance.now();
  new MutationObserver(() => {
    if (document.querySelector(verdict)) done(performance.now() - start);
  }).observe(document.body, {subtree: true, childList: true, attributes: true});
  input.files = files.files;
  input.dispatchEvent(new Event("change", {bubbles: true}));
})
"""
DROPS = {"640² → verdict": 640, "12 MP → verdict": 3464}


@dataclass
class Figures:
    """What was measured of a page."""

    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0
    refused: int = 0
    failed: int = 0


def photos(count: int, side: int) -> list[bytes]:
    """As many JPEG files of the same portrait, no two of them the same."""
    image = Image.open(PICTURE).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    made = []
    for number in range(count):
        image.putpixel((0, 0), (number % 256, number // 256, 0))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=90)
        made.append(file.getvalue())
    return made


@contextmanager
def page(name: str) -> Iterator[psutil.Process]:
    """A page in a process of its own, from when it answers on."""
    process = subprocess.Popen(
        COMMANDS[name], cwd=ROOT, env=ENVIRONMENT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                httpx.get(f"http://{HOST}:{PORTS[name]}/", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"The page {name!r} did not start.") from None
                time.sleep(0.2)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


async def call(client: httpx.AsyncClient, name: str, photo: bytes, figures: Figures) -> None:
    """One analysis, as a program asks for it; a refusal is no answer, and no failure either."""
    api = f"http://{HOST}:{PORTS[name]}/gradio_api"
    start = time.perf_counter()
    sent = await client.post(f"{api}/upload", files={"files": ("photo.jpg", photo)})
    if sent.status_code in (429, 507):
        figures.refused += 1
        return
    body = {"photo": {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}}
    event = await client.post(f"{api}/call/v2/predict", json=body)
    if event.status_code == 429:
        figures.refused += 1
        return
    answer = await client.get(f"{api}/call/predict/{event.json()['event_id']}")
    if "event: complete" in answer.text:
        figures.seconds.append(time.perf_counter() - start)
    elif "Not analysed" in answer.text:
        figures.refused += 1
    else:
        figures.failed += 1


def cpu_seconds(process: psutil.Process) -> float:
    """What a page has used, with the processes that decode for it."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(time.user + time.system for time in times)


async def load(name: str, process: psutil.Process, files: list[bytes], visitors: int) -> Figures:
    """All visitors at once, each with a share of the files, one after the other."""
    figures = Figures()

    async def visitor(own: list[bytes], counted: Figures) -> None:
        async with httpx.AsyncClient(timeout=120) as client:
            for photo in own:
                await call(client, name, photo, counted)

    await visitor(files[:3], Figures())
    before, start = cpu_seconds(process), time.perf_counter()
    shares = [files[number::visitors] for number in range(visitors)]
    await asyncio.gather(*(visitor(share, figures) for share in shares))
    figures.wall = time.perf_counter() - start
    figures.cpu = cpu_seconds(process) - before
    return figures


def drops(repeats: int) -> None:
    """Print how long our page takes in a browser to be usable, and a photo to its verdict."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page()
        opening = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            tab.goto(f"http://{HOST}:{PORTS['ours']}/", wait_until="commit")
            tab.wait_for_selector("#photo input[type=file]", state="attached")
            opening.append(1000 * (time.perf_counter() - start))
        print(f"{'page usable':16}{statistics.median(opening[1:]):8.0f}{min(opening[1:]):8.0f}")
        for label, side in DROPS.items():
            times = []
            for photo in photos(repeats + 1, side):
                tab.goto(f"http://{HOST}:{PORTS['ours']}/")
                tab.wait_for_selector("#photo input[type=file]", state="attached")
                times.append(tab.evaluate(DROP, base64.b64encode(photo).decode()))
            # The first one warms up.
            p50, best = statistics.median(times[1:]), min(times[1:])
            print(f"{label:16}{p50:8.0f}{best:8.0f}")
        browser.close()


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--calls", type=int, default=5, help="of each visitor (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="of each page (default: 3)")
    parser.add_argument("--browser", action="store_true", help="time dropped photos, too")
    options = parser.parse_args()
    files = photos(options.visitors * options.calls, 640)
    rounds: dict[str, list[Figures]] = {name: [] for name in COMMANDS}
    with page("ours") as ours, page("naive") as naive:
        for _ in range(options.rounds):
            for name, process in (("ours", ours), ("naive", naive)):
                rounds[name].append(asyncio.run(load(name, process, files, options.visitors)))
        print(f"{options.visitors} visitors × {options.calls} calls, {options.rounds} rounds each")
        print(
            f"{'':16}{'calls/s':>8}{'p50 s':>8}{'p95 s':>8}{'CPU ms':>8}{'refused':>8}{'failed':>8}"
        )
        for name, found in rounds.items():
            seconds = sorted(second for figures in found for second in figures.seconds)
            rate = len(seconds) / sum(figures.wall for figures in found)
            cpu = 1000 * sum(figures.cpu for figures in found) / len(seconds)
            p50, p95 = statistics.median(seconds), seconds[int(0.95 * (len(seconds) - 1))]
            refused, failed = (sum(getattr(f, k) for f in found) for k in ("refused", "failed"))
            print(f"{name:16}{rate:8.1f}{p50:8.2f}{p95:8.2f}{cpu:8.1f}{refused:8}{failed:8}")
        if options.browser:
            print(f"\n{'':16}{'p50 ms':>8}{'best ms':>8}")
            drops(options.rounds * 3)


if __name__ == "__main__":
    main()
