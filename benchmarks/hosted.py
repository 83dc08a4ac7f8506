"""The page as compose.yaml hosts it, under load, and a replica that is killed in the middle.

    python benchmarks/hosted.py                              # 200 visitors, five minutes
    python benchmarks/hosted.py --visitors 40 --seconds 60   # on a machine that others use, too

Two replicas, a real Redis and a real nginx with `deploy/nginx.conf`, on loopback. Each visitor has
an address of its own, opens the page, sends photos and waits for the answers, as often as the limit
of 5 a minute allows. In the middle the first replica is killed (`kill -9`), and started again after
as long as Docker takes. Nothing is asserted; what is printed was counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from load import photos  # beside this file

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PROXY, REDIS, REPLICAS = 7890, 7891, (7892, 7893)
START_SECONDS, RESTART_SECONDS = 600, 2
PAUSE_SECONDS = 12.0
SIDE = 640
PEOPLE = {"Accept": "text/html,application/xhtml+xml"}


@dataclass
class Found:
    """What the visitors got."""

    kinds: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    memory: list[tuple[float, list[float]]] = field(default_factory=list)


def start(
    command: list[str], folder: Path, name: str, **environment: str
) -> subprocess.Popen[bytes]:
    """A process that logs into the folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DEEPFAKE_")}
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env={**kept, "PYTHONPATH": str(ROOT), **environment},
            stdout=log, stderr=log,
        )  # fmt: skip


def replica(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """A page as compose.yaml sets it up."""
    return start(
        [sys.executable, "-m", "deepfake", "serve", "--port", str(port)], folder, f"page-{port}",
        DEEPFAKE_REDIS_URL=f"redis://{HOST}:{REDIS}/0", DEEPFAKE_TRUSTED_PROXIES=HOST,
    )  # fmt: skip


def nginx(folder: Path) -> subprocess.Popen[bytes]:
    """Nginx with the configuration that we ship."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for number, port in enumerate(REPLICAS, 1):
        text = text.replace(f"172.31.231.1{number}:7860", f"{HOST}:{port}")
    text = text.replace("listen 8080", f"listen {HOST}:{PROXY}").replace("/tmp/", f"{folder}/")
    text = text.replace("/dev/stdout", f"{folder}/access.log")
    (folder / "nginx.conf").write_text(text)
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"]
    return start([*command, "-g", "daemon off;"], folder, "nginx")


def wait_for(port: int) -> None:
    """Wait until something answers that it is ready."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(f"http://{HOST}:{port}/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"Nothing answers at port {port}.")


def megabytes(process: subprocess.Popen[bytes]) -> float:
    """Memory of a page and of its decoders, without what they share; 0 if it is gone."""
    try:
        one = psutil.Process(process.pid)
        return sum(p.memory_full_info().uss for p in (one, *one.children(recursive=True))) / 1e6
    except psutil.Error:
        return 0.0


def kind_of(answer: httpx.Response) -> str:
    """What an answer that is no verdict was."""
    text = answer.text
    if answer.status_code == 502:
        ours = "being restarted" in text
        return "502, our page or sentence" if ours else "502, RAW"
    for words, kind in (
        ("being restarted", "refused: being restarted"),
        ("The page is busy", "refused: busy"),
        ("Each visitor has", "refused: limit of the visitor"),
        ("no room", "refused: no room"),
        ("no longer here", "photo was at the replica that is gone"),
    ):
        if words in text:
            return kind
    if answer.status_code == 200:
        # The other replica does not know the analysis of the one that is gone.
        return "analysis was at the replica that is gone"
    return f"{answer.status_code}, other"


async def analyse(client: httpx.AsyncClient, photo: bytes, found: Found) -> str:
    """One photo: what came of it."""
    api, begin = f"http://{HOST}:{PROXY}/gradio_api", time.perf_counter()
    sent = await client.post(f"{api}/upload", files={"files": ("photo.jpg", photo, "image/jpeg")})
    if sent.status_code != 200:
        return kind_of(sent)
    body = {"photo": {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}}
    event = await client.post(f"{api}/call/v2/detect", json=body)
    if event.status_code != 200:
        return kind_of(event)
    answer = await client.get(f"{api}/call/detect/{event.json()['event_id']}")
    if "event: complete" in answer.text:
        found.seconds.append(time.perf_counter() - begin)
        return "verdict"
    return kind_of(answer) if answer.text else "answer broke off"


async def visitor(number: int, photo: bytes, end: float, seconds: float, found: Found) -> None:
    """Somebody who opens the page and sends photos until the time is over."""
    address = f"127.1.{number // 250}.{number % 250 + 1}"
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(timeout=120, transport=transport) as client:
        # Not all in the same moment.
        await asyncio.sleep(PAUSE_SECONDS * number / 200 % min(PAUSE_SECONDS, seconds / 4))
        while time.monotonic() < end:
            begin = time.monotonic()
            try:
                page = await client.get(f"http://{HOST}:{PROXY}/", headers=PEOPLE)
                found.kinds["page" if page.status_code == 200 else f"page: {kind_of(page)}"] += 1
                if page.status_code == 200:
                    found.kinds[await analyse(client, photo, found)] += 1
            except httpx.HTTPError as error:
                # Of a replica that is killed while it answers, nobody can answer the rest.
                found.kinds[f"answer broke off ({type(error).__name__})"] += 1
            await asyncio.sleep(max(0.0, PAUSE_SECONDS - (time.monotonic() - begin)))


async def siege(
    pages: list[subprocess.Popen[bytes]], folder: Path, visitors: int, seconds: float, kill: bool
) -> Found:
    """All visitors at once, with a look at the memory ten times."""
    found, begin = Found(), time.monotonic()
    files = photos(visitors, SIDE)

    async def look() -> None:
        killed = not kill
        for step in range(11):
            await asyncio.sleep(max(0.0, begin + step * seconds / 10 - time.monotonic()))
            found.memory.append((time.monotonic() - begin, [megabytes(page) for page in pages]))
            if not killed and step >= 5:
                killed = True
                pages[0].kill()
                pages[0].wait()
                await asyncio.sleep(RESTART_SECONDS)
                pages[0] = replica(folder, REPLICAS[0])

    crowd = (visitor(n, f, begin + seconds, seconds, found) for n, f in enumerate(files))
    await asyncio.gather(look(), *crowd)
    return found


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--no-kill", action="store_true", help="let both replicas live")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pages: list[subprocess.Popen[bytes]] = []
        stack.callback(lambda: [process.kill() for process in pages])
        redis = start(
            ["redis-server", "--port", str(REDIS), "--bind", HOST, "--save", "",
             "--dir", str(folder)],
            folder, "redis",
        )  # fmt: skip
        stack.callback(redis.kill)
        pages.extend(replica(folder, port) for port in REPLICAS)
        proxy = nginx(folder)
        stack.callback(proxy.terminate)
        for port in (*REPLICAS, PROXY):
            wait_for(port)
        found = asyncio.run(
            siege(pages, folder, options.visitors, options.seconds, not options.no_kill)
        )
        errors = sum(
            (folder / f"page-{port}.log").read_text().count("Traceback") for port in REPLICAS
        )
    print(f"{options.visitors} visitors, {options.seconds} s, 2 replicas, nginx, Redis")
    print(f"\n{'answer':45}{'count':>8}")
    for kind, count in found.kinds.most_common():
        print(f"{kind:45}{count:8}")
    print(f"{'tracebacks in the logs':45}{errors:8}")
    if len(found.seconds) > 1:
        ordered = sorted(found.seconds)
        p50, p95 = statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]
        print(f"\nverdicts: p50 {p50:.2f} s, p95 {p95:.2f} s, {len(ordered)} of them")
    print(f"\n{'s':>6}{'MB, first (killed at half)':>28}{'MB, second':>14}")
    for second, sizes in found.memory:
        print(f"{second:6.0f}{sizes[0]:28.0f}{sizes[1]:14.0f}")


if __name__ == "__main__":
    main()
