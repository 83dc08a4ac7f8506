"""What `/healthz` and `/readyz` say."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deepfake.version import __version__
from deepfake.web.health import health_routes, readiness


def test_the_page_is_alive_and_ready_outside_the_queue(served):
    alive = httpx.get(f"{served.url}/healthz")
    assert alive.json() == {"status": "alive", "version": __version__}
    ready = httpx.get(f"{served.url}/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "model": "loaded",
        "redis": "off",
        "disk": "ok",
        "workers": "moving",
    }
    assert ready.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("state", "code", "status"),
    [
        ({}, 200, "ready"),
        ({"redis": "up"}, 200, "ready"),
        ({"redis": "down"}, 200, "degraded"),
        ({"redis": "down", "denies": True}, 503, "not ready"),
        ({"model": False}, 503, "not ready"),
        ({"disk_is_full": True}, 503, "not ready"),
        ({"stopping": True}, 503, "stopping"),
        ({"stuck": True}, 503, "not ready"),
    ],
)
def test_only_a_page_that_serves_is_ready(state, code, status):
    state = {"model": True, "redis": "off", "denies": False, "stopping": False, **state}
    client = TestClient(Starlette(routes=health_routes(lambda: readiness(**state))))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (code, status)
    assert client.get("/healthz").status_code == 200
