"""Real `deepfake serve` processes, and visitors who use their API over HTTP."""

import json
import os
import signal
import subprocess
import sys
from functools import partial

import httpx

from tests.programs import free_port
from tests.web.redis_server import wait_until

# For a process that starts on a busy machine.
START_SECONDS = 240


class Replica:
    """A `deepfake serve` process.

    Args:
        folder: Path. For its log.
        temporary: Path. Where its uploads lie. Defaults to where they do.
        **settings: values of `DEEPFAKE_…`, by the name of the setting.
    """

    def __init__(self, folder, temporary=None, **settings):
        self.port = free_port()
        host = settings.get("host", "127.0.0.1")
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self.log = folder / f"replica-{self.port}.log"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("DEEPFAKE_")}
        self.environment.pop("GRADIO_TEMP_DIR", None)
        if temporary is not None:
            self.environment["GRADIO_TEMP_DIR"] = str(temporary)
        self.environment.update(
            {f"DEEPFAKE_{name.upper()}": str(value) for name, value in settings.items()}
        )
        self.start()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deepfake", "serve", "--port", str(self.port)],
                env=self.environment, stdout=log, stderr=log,
                # In the background of a script it would be ignored.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
            )  # fmt: skip
        wait_until(self.is_ready, START_SECONDS, f"the start of the page ({self.log})")

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.ready().status_code == 200
        except httpx.HTTPError:
            return False

    def ready(self):
        return httpx.get(f"{self.url}/readyz", timeout=30)

    def terminate(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def stop(self):
        """Ask it to stop: its exit code."""
        self.terminate()
        return self.process.wait(START_SECONDS)


class Visitor:
    """Somebody who sends one picture again and again.

    Args:
        url: str. Of a replica, or of a proxy in front of some.
        picture: Path.
        **headers: of each request.
    """

    def __init__(self, url, picture, headers=()):
        self.api = f"{url}/gradio_api"
        self.client = httpx.Client(timeout=START_SECONDS, headers=dict(headers))
        self.picture = picture

    def upload(self):
        """Send the picture: where it lies until it has been judged, as a parameter."""
        with self.picture.open("rb") as file:
            (path,) = self.client.post(f"{self.api}/upload", files={"files": file}).json()
        return {"path": path, "meta": {"_type": "gradio.FileData"}}

    def send(self, photo=None):
        """Hand an analysis in: the answer, with an `event_id` if it was taken on."""
        payload = {"photo": photo or self.upload()}
        return self.client.post(f"{self.api}/call/v2/detect", json=payload)

    def result(self, sent):
        """Wait for an analysis: ("complete" or "error", what was said)."""
        if sent.status_code != 200:
            return "error", sent.json()
        event, data = "", ""
        url = f"{self.api}/call/detect/{sent.json()['event_id']}"
        with self.client.stream("GET", url) as answer:
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data" and event in ("complete", "error"):
                    data = json.loads(value)
        return event, data

    def detect(self):
        return self.result(self.send())
