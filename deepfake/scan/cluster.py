"""The engine of a cluster: a Ray actor for each core, with the model in each.

Actors are sent names and send rows back, so pictures go from the storage to whoever judges them
and nowhere else. Handing out, retries and the journal are those of `scanning`.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence
from typing import Any

from deepfake.errors import DeepfakeError, ScanError
from deepfake.scan.engine import Died, Method, Ready
from deepfake.scan.judging import Judge, Task

# How long the head of a cluster may take to be reached.
REACH_SECONDS = 10.0
# Heads speak gRPC, that is HTTP/2: a client begins so, and a server answers with its settings (RFC
# 9113, sections 3.4 and 4.1).
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
SETTINGS = 4


class RayActors:
    """Actors of a Ray cluster. An Engine.

    Args:
        task: Task. What each is made with; its model must be there on every machine.
        workers: int. How many; None for the cluster's cores.
        address: str. The cluster's, such as "auto" or "ray://head:10001"; "" for one on this
            machine, with so many cores.

    Raises:
        ScanError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, task: Task, workers: int | None, address: str):
        try:
            # Nothing is told to Ray's makers; said before it is imported.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            import ray
        except ImportError as error:
            raise ScanError(
                "--engine ray needs a package that is not here. Run: pip install 'deepfake[ray]'"
            ) from error
        self._ray = ray
        _require_head(address)
        # Ray gives up its own start after half a minute, which is little on a busy machine.
        for tries_left in (0,) if address else (1, 0):
            try:
                ray.init(
                    address=address or None, num_cpus=None if address else workers,
                    log_to_driver=False, logging_level="error", include_dashboard=False,
                )  # fmt: skip
                break
            except Exception as error:
                ray.shutdown()
                if not tries_left:
                    raise ScanError(_unreached(address, error)) from error
        self.workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        # What dies is started again by `scanning`, which knows what it was busy with.
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(_Actor)
        self._task = task
        self._actors: dict[int, Any] = {}
        self._waiting: dict[Any, int] = {}

    def start(self, worker: int) -> None:
        """See Engine."""
        self._end(worker)
        self._actors[worker] = self._actor.remote(self._task)
        self._waiting[self._actors[worker].start.remote()] = worker

    def send(self, worker: int, method: Method, argument: Sequence[Any]) -> None:
        """See Engine."""
        self._waiting[self._actors[worker].call.remote(method, argument)] = worker

    def wait(self, seconds: float) -> list[tuple[int, Any]]:
        """See Engine."""
        heard, _ = self._ray.wait(list(self._waiting), num_returns=1, timeout=seconds)
        return [(self._waiting.pop(answer), self._get(answer)) for answer in heard]

    def close(self) -> None:
        """See Engine."""
        self._ray.shutdown()

    def _get(self, answer: Any) -> Any:
        try:
            return self._ray.get(answer)
        except self._ray.exceptions.RayError:
            return Died()

    def _end(self, worker: int) -> None:
        actor = self._actors.pop(worker, None)
        if actor is not None:
            self._waiting = {answer: w for answer, w in self._waiting.items() if w != worker}
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.kill(actor)


def _unreached(address: str, error: Exception) -> str:
    if not address:
        return f"Ray cannot be started: {error}"
    said = f"There is no Ray cluster at {address} that lets this computer in: {error}"
    # Ray looks for a token by itself only where no address is named.
    if address == "auto" or "RAY_AUTH_MODE" in os.environ:
        return said
    return (
        f"{said.rstrip('.')}. If it wants a token, set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN "
        "where ~/.ray/auth_token is not the cluster's."
    )


def _require_head(address: str) -> None:
    """Raise ScanError where no head listens; Ray would try for a quarter of an hour."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():  # such as "auto"
        return
    try:
        where = (host.strip("[]"), int(port))
        with socket.create_connection(where, REACH_SECONDS) as connection:
            # Where the cluster wants TLS, it hears nothing else.
            if os.environ.get("RAY_USE_TLS", "0") == "0":
                connection.settimeout(REACH_SECONDS)
                connection.sendall(HELLO)
                if connection.recv(4, socket.MSG_WAITALL)[3:] != bytes((SETTINGS,)):
                    raise ConnectionError("something else answers there")
    except (OSError, OverflowError, UnicodeError) as error:
        raise ScanError(
            f"There is no Ray cluster at {address}: {error}. Check the address, and that its port "
            "can be reached from here."
        ) from error


class _Actor:
    """What runs in a cluster's worker."""

    def __init__(self, task: Task):
        self._task = task

    def start(self) -> Ready | Died:
        """Load the model."""
        try:
            self._judge = Judge(self._task)
        except DeepfakeError as error:
            return Died(str(error))
        return Ready()

    def call(self, method: Method, argument: Sequence[Any]) -> Any:
        """Call a method of the Judge."""
        try:
            return getattr(self._judge, method)(argument)
        except Exception as error:
            # As in `processes`: of these files, and no reason to stop.
            return Died(f"The program failed on it ({type(error).__name__}: {error}).")
