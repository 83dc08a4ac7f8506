"""`/healthz` and `/readyz`, for whoever starts and watches the page: outside Gradio's queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypedDict

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deepfake.version import __version__
from deepfake.web.visitors.limits import RedisState

Status = Literal["ready", "degraded", "not ready", "stopping"]
NO_STORE = {"Cache-Control": "no-store"}


class Readiness(TypedDict):
    """What `/readyz` says.

    `degraded` is ready, with something that the operator should see to: a page whose Redis is away
    still serves, and taking all replicas out of the proxy for it would make things worse.
    """

    status: Status
    model: Literal["loaded", "not loaded"]
    redis: RedisState
    disk: Literal["ok", "full"]
    workers: Literal["moving", "stuck"]


def readiness(
    *,
    model: bool,
    redis: RedisState,
    denies: bool,
    stopping: bool,
    disk_is_full: bool = False,
    stuck: bool = False,
) -> Readiness:
    """Put together what `/readyz` says.

    Args:
        model: bool. Whether a model is in memory.
        redis: str. State of the shared counts.
        denies: bool. Whether analyses are refused while Redis is away.
        stopping: bool. Whether the process is about to end.
        disk_is_full: bool. Whether no photo can be taken. Defaults to not.
        stuck: bool. Whether no worker has got anywhere for a long time. Defaults to not.
    """
    status: Status = "ready"
    if stopping:
        status = "stopping"
    elif not model or disk_is_full or stuck or (redis == "down" and denies):
        status = "not ready"
    elif redis == "down":
        status = "degraded"
    return {
        "status": status,
        "model": "loaded" if model else "not loaded",
        "redis": redis,
        "disk": "full" if disk_is_full else "ok",
        "workers": "stuck" if stuck else "moving",
    }


def health_routes(ask: Callable[[], Readiness]) -> list[Route]:
    """The two routes.

    Args:
        ask: callable. Says what `/readyz` answers; it may look at the disk.

    Returns:
        Routes for the app. `/readyz` has the code 503 where no analysis would be served.
    """

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "alive", "version": __version__}, headers=NO_STORE)

    async def ready(_request: Request) -> Response:
        answer = await anyio.to_thread.run_sync(ask)
        serves = answer["status"] in ("ready", "degraded")
        return JSONResponse(answer, status_code=200 if serves else 503, headers=NO_STORE)

    return [Route("/healthz", alive), Route("/readyz", ready)]
