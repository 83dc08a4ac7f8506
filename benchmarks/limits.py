"""What the rate limit costs a request, in memory and with Redis: python benchmarks/limits.py.

Each request is counted in two windows, as with DEEPFAKE_RATE_LIMIT="5/minute;100/day". Those that
are allowed come from ever new clients, those that are refused from one that has used up its limit.
Redis is a real redis-server on this machine, started for the purpose. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A script's own folder comes first, and this one would be the library `limits`.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from deepfake.errors import LimitError  # noqa: E402
from deepfake.web.visitors.clients import client_of, trusted_proxies  # noqa: E402
from deepfake.web.visitors.limits import Limiter  # noqa: E402

RATE = "5/minute;100/day"
PROXY = "172.28.0.2"


@contextmanager
def redis_server() -> Iterator[str]:
    """The address of a fresh redis-server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
            cwd=folder, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


def measure(limiter: Limiter, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each request, from the address of its client to the decision."""
    trusted = trusted_proxies("172.28.0.0/16", {})
    times: dict[str, list[float]] = {"allowed": [], "refused": []}
    for number in range(repeats):
        for visitor in (f"198.51.{number // 250}.{number % 250}", "203.0.113.7"):
            start = time.perf_counter()
            try:
                limiter.check(client_of(PROXY, [visitor], trusted))
                kind = "allowed"
            except LimitError:
                kind = "refused"
            times[kind].append(1000 * (time.perf_counter() - start))
    return times


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2000)
    repeats = parser.parse_args().repeats
    logging.basicConfig(level=logging.ERROR)
    print(f"{RATE}, {repeats} requests of each kind, in ms")
    print(f"{'':20}{'median':>8}{'95 %':>8}{'99 %':>8}")

    def show(name: str, limiter: Limiter) -> None:
        for kind, times in measure(limiter, repeats).items():
            cuts = statistics.quantiles(times, n=100)
            figures = (statistics.median(times), cuts[94], cuts[98])
            print(f"{name + ', ' + kind:20}" + "".join(f"{figure:8.3f}" for figure in figures))
        limiter.close()

    show("memory", Limiter(RATE))
    if shutil.which("redis-server") is None:
        print("redis-server is missing: Redis was NOT measured. apt-get install redis-server")
        return
    with redis_server() as address:
        show("Redis", Limiter(RATE, address))


if __name__ == "__main__":
    main()
