"""How the running page is: what waits, what room is left, and whether its workers still move."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from deepfake import decoders
from deepfake.decoders.pool import Outcome
from deepfake.errors import SettingError
from deepfake.shelf import Shelf
from deepfake.version import __version__
from deepfake.web import metrics
from deepfake.web.gradio_internals import Queue
from deepfake.web.time_limit import overdue
from deepfake.web.uploads import Uploads
from deepfake.web.visitors.limits import Limiter

# Each gauge with what it says.
GAUGES = {
    "queue_waiting": "Analyses that wait",
    "queue_running": "Analyses that run",
    "queue_places": "Analyses that may wait",
    "workers": "Analyses that may run at the same time",
    "workers_overdue": "Analyses that run though their time is over; as many as workers: stuck",
    "upload_bytes": "What visitors' pictures take of the disk",
    "upload_limit_bytes": "What they may take together",
    "disk_free_bytes": "What is left of the disk that they lie on",
    "models_loaded": "Models in memory",
    "redis_up": "1 if the latest answer of Redis was one, 0 if not; absent without Redis",
}


# How decoders ended, of what their pool counts.
ENDED: dict[Outcome, str] = {
    "too long": "time", "broke off": "broke_off", "not started": "not_started",
}  # fmt: skip


class Vitals(Collector):
    """Reads them. Cheap, and waits for nothing.

    Args:
        queue: Queue. The page's.
        shelf: Shelf. Its models.
        limiter: Limiter. Its counts of visitors; nothing for none.
        uploads: Uploads. Visitors' pictures.
        places: int. How many analyses may wait.
        workers: int. How many may run at the same time.
    """

    def __init__(
        self,
        queue: Queue,
        shelf: Shelf,
        limiter: Limiter | None,
        uploads: Uploads,
        places: int,
        workers: int,
    ):
        self.queue = queue
        self.shelf = shelf
        self.limiter = limiter
        self.uploads = uploads
        self.places = places
        self.workers = workers

    def are_stuck(self) -> bool:
        """Whether as many analyses as may run do not end, though their time is over."""
        return overdue() >= self.workers

    def numbers(self) -> dict[str, float]:
        """Each of `GAUGES`."""
        found: dict[str, float] = {
            "queue_waiting": self.queue.waiting,
            "queue_running": self.queue.running,
            "queue_places": self.places,
            "workers": self.workers,
            "workers_overdue": overdue(),
            "upload_bytes": self.uploads.size,
            "upload_limit_bytes": self.uploads.max_bytes,
            "models_loaded": len(self.shelf.loaded),
        }
        if self.uploads.folder.exists():
            found["disk_free_bytes"] = shutil.disk_usage(self.uploads.folder).free
        if self.limiter is not None and self.limiter.redis != "off":
            found["redis_up"] = self.limiter.redis == "up"
        return found

    def collect(self) -> Iterator[Metric]:
        """As Prometheus reads them."""
        yield InfoMetricFamily("deepfake", "What runs here", {"version": __version__})
        said = "Processes that read pictures and were ended, or never began"
        ended = CounterMetricFamily("deepfake_decoders_killed", said, labels=["limit"])
        counts = decoders.counts()
        for outcome, limit in ENDED.items():
            ended.add_metric([limit], counts[outcome])
        yield ended
        for name, number in self.numbers().items():
            yield GaugeMetricFamily(f"deepfake_{name}", GAUGES[name], number)


def open_metrics(address: str, vitals: Vitals) -> Callable[[], None]:
    """Show the page's numbers at a port of their own, which visitors have no way to.

    Args:
        address: str. Address and port, such as "127.0.0.1:9464" or "[::1]:9464".
        vitals: Vitals.

    Returns:
        What closes the port.

    Raises:
        SettingError: it is no address and port, or cannot be listened on.
    """
    host, colon, port = address.rpartition(":")
    registry = CollectorRegistry()
    for collector in (metrics.registry, vitals):
        registry.register(collector)
    ProcessCollector(registry=registry)
    try:
        if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(address)
        server, _ = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, ValueError, OverflowError) as error:
        raise SettingError(
            "DEEPFAKE_METRICS must be an address of this machine and a free port, such as "
            f"127.0.0.1:9464. Received: {address!r}."
        ) from error
    return server.shutdown
