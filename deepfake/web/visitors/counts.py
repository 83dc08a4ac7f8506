"""Where analyses are counted: in this process, or in Redis together with other replicas.

Redis is behind a circuit breaker: one failure, and no request asks it again until a thread in the
background has had an answer from it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from limits import RateLimitItem
from limits.errors import ConfigurationError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from deepfake.errors import SettingError

# Clients remembered before those whose windows have passed are looked for.
SWEEP_FROM = 1024
# For each step: connecting, and each answer.
TIMEOUT_SECONDS = 0.15
# For a whole count. Looking up a name has no timeout of its own, and a name can have several
# addresses, each of which is tried.
DEADLINE_SECONDS = 1.0
WATCH_SECONDS = 1.0
PREFIX = "deepfake"
PROBE = "probe"

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")
# `take` or `wait`.
Question = Callable[[MemoryStorage | RedisStorage, Sequence[RateLimitItem], str], float]


class LocalCount:
    """The counts of this process. Safe to share between threads."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        # The storage makes its own lock of a key when it is first used, which two threads can do
        # at the same time.
        self._lock = threading.Lock()
        self._sweep_at = SWEEP_FROM

    def ask(self, question: Question, limits: Sequence[RateLimitItem], client: str) -> float:
        """Ask `take` or `wait`."""
        with self._lock:
            seconds = question(self._storage, limits, client)
            if len(self) >= self._sweep_at:
                self._forget_idle_clients()
        return seconds

    def __len__(self) -> int:
        """How many windows are remembered, some of them without need."""
        return len(self._storage.events)

    def _forget_idle_clients(self) -> None:
        # The storage drops what has passed out of a window, but keeps the empty list of each
        # client that ever came.
        now = time.time()
        for key, events in list(self._storage.events.items()):
            if not any(event.expiry > now for event in list(events)):
                self._storage.clear(key)
        self._sweep_at = max(SWEEP_FROM, 2 * len(self))


class SharedCount:
    """The counts in Redis. Safe to share between threads.

    Args:
        url: str. `redis://`, `rediss://` or `unix://`, as redis-py reads it.
        meanwhile: str. For the log: what is done while Redis is away.

    Attributes:
        up: bool. Whether its latest answer was one.
        problem: str. What was wrong with it, for the operator; empty if nothing was.

    Raises:
        SettingError: the address cannot be read, or the package redis is missing. A Redis that does
            not answer raises nothing.
    """

    def __init__(self, url: str, meanwhile: str):
        self.up = True
        self.problem = ""
        self._meanwhile = meanwhile
        self._storage = _redis_storage(url)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._look()
        threading.Thread(target=self._watch, daemon=True, name="redis-watch").start()

    def ask(self, question: Question, limits: Sequence[RateLimitItem], client: str) -> float | None:
        """Ask `take` or `wait`; nothing is returned while Redis is away."""
        if not self.up:
            return None
        try:
            return _within_deadline(lambda: question(self._storage, limits, client))
        except Exception as error:  # whatever a network and its client can raise
            self._lost(error)
            return None

    def close(self) -> None:
        """Stop looking whether Redis is there."""
        self._closed.set()
        self._storage.storage.close()

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            # A count, not a ping: that is answered by a Redis that takes no writes, too.
            _within_deadline(lambda: self._storage.acquire_entry(PROBE, limit=1, expiry=1))
        except Exception as error:  # as above
            self._lost(error)
            return
        with self._lock:
            if not self.up:
                logger.warning("Redis is back: replicas count together again.")
            self.up, self.problem = True, ""

    def _lost(self, error: Exception) -> None:
        with self._lock:
            first, self.up = self.up, False
            self.problem = f"{type(error).__name__}: {error}"
        if first and not self._closed.is_set():
            logger.warning(
                "Redis is away (%s). %s until it is back.", self.problem, self._meanwhile
            )


def take(
    storage: MemoryStorage | RedisStorage, limits: Sequence[RateLimitItem], client: str
) -> float:
    """Count one analysis in a storage.

    Args:
        storage: limits.storage.Storage. One with moving windows.
        limits: sequence of RateLimitItem. The shortest first, so that a client who asks too often
            within a minute does not use up the day as well.
        client: str. Whose analysis it is.

    Returns:
        Seconds until the next one is within all limits; 0 if this one was and has been counted.
    """
    limiter = MovingWindowRateLimiter(storage)
    if all(limiter.hit(limit, client) for limit in limits):
        return 0.0
    # The window can have moved on since the refusal.
    return max(1.0, wait(storage, limits, client))


def wait(
    storage: MemoryStorage | RedisStorage, limits: Sequence[RateLimitItem], client: str
) -> float:
    """Seconds until an analysis would be within all limits; 0 where it is now. Counts nothing.

    Args:
        storage: limits.storage.Storage. As in `take`.
        limits: sequence of RateLimitItem. As in `take`.
        client: str. Whose analysis it would be.
    """
    limiter = MovingWindowRateLimiter(storage)
    now = time.time()
    windows = [limiter.get_window_stats(limit, client) for limit in limits]
    waits = [window.reset_time - now for window in windows if window.remaining <= 0]
    return max([0.0, *waits])


def _redis_storage(url: str) -> RedisStorage:
    try:
        from redis import TimeoutError as RedisTimeout
        from redis.backoff import NoBackoff
        from redis.maint_notifications import MaintNotificationsConfig
        from redis.retry import Retry

        options: dict[str, Any] = {
            "socket_timeout": TIMEOUT_SECONDS,
            "socket_connect_timeout": TIMEOUT_SECONDS,
            # On a machine that is overloaded for a moment. What the first try may have counted all
            # the same makes the limit stricter, never looser.
            "retry": Retry(NoBackoff(), 1, supported_errors=(RedisTimeout,)),
            # It would look up the server's name and lengthen the timeouts to 10 s.
            "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        }
        # redis-py prefers what the address says to what it is told.
        if any("timeout" in name.lower() for name, _ in parse_qsl(urlsplit(url).query)):
            raise SettingError(
                "DEEPFAKE_REDIS_URL must set no timeout: visitors would wait as long for a Redis "
                "that is away. Leave out everything with timeout after the question mark."
            )
        return RedisStorage(url, key_prefix=PREFIX, **options)
    except (ImportError, ConfigurationError):
        raise SettingError(
            "DEEPFAKE_REDIS_URL needs the package redis: pip install redis."
        ) from None
    except ValueError:
        # Not shown as it was given: it may hold a password.
        raise SettingError(
            "DEEPFAKE_REDIS_URL must be an address such as redis://host:6379/0, "
            "redis://:password@host:6379/0, rediss:// for TLS or unix:///path/of/its.socket."
        ) from None


def _within_deadline(call: Callable[[], Answer]) -> Answer:
    answers: queue.SimpleQueue[tuple[Answer, None] | tuple[None, Exception]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=run, daemon=True, name="redis-call").start()
    try:
        answer, error = answers.get(timeout=DEADLINE_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {DEADLINE_SECONDS} s") from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]
