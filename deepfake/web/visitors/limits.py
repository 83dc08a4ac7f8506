"""How often a client may ask for an analysis.

Windows move: of any sixty seconds, not of each minute by the clock. Each count is one step of its
store (a lock here, a Lua script in Redis), so that requests at the same time, of one replica or of
several, never get more than the limit together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from limits import RateLimitItem, parse_many

from deepfake.errors import LimitError, SettingError
from deepfake.web import metrics
from deepfake.web.visitors.counts import LocalCount, Question, SharedCount, take, wait

DEFAULT_RATE = "5/minute"
NO_LIMIT = "off"
RedisState = Literal["off", "up", "down"]
# What is done while Redis is away, and how the log says it.
FALLBACKS = {"local": "Each replica counts for itself", "deny": "Analyses are refused"}
SECONDS_UP_TO = 120
UNCOUNTED_SECONDS = 60
UNCOUNTED = (
    "The page cannot count its visitors' analyses at the moment and therefore takes none. "
    "Please try again in a minute."
)


class Limiter:
    """Counts analyses by client. Safe to share between threads.

    Args:
        rate: str. Such as "5/minute" or "5/minute;100/day": all of them hold.
        redis_url: str. Where replicas count together; empty to count in this process.
        fallback: str. What happens while Redis is away: "local" counts in this process, "deny"
            refuses.

    Raises:
        SettingError: one of them cannot be used.
    """

    def __init__(self, rate: str = DEFAULT_RATE, redis_url: str = "", fallback: str = "local"):
        self.limits = parse_rate(rate)
        if fallback not in FALLBACKS:
            raise SettingError(
                f"DEEPFAKE_RATE_LIMIT_FALLBACK must be one of {', '.join(FALLBACKS)}. "
                f"Received: {fallback!r}."
            )
        self.fallback = fallback
        self._local = LocalCount()
        self._shared = SharedCount(redis_url, FALLBACKS[fallback]) if redis_url else None

    @property
    def redis(self) -> RedisState:
        """Whether counts are shared: not wanted, or as the latest answer of Redis was."""
        if self._shared is None:
            return "off"
        return "up" if self._shared.up else "down"

    @property
    def redis_problem(self) -> str:
        """What is wrong with Redis, for the operator; empty if nothing is."""
        return "" if self._shared is None else self._shared.problem

    def check(self, client: str) -> None:
        """Count an analysis of a client. One that is refused is not counted.

        Args:
            client: str. As `clients.client_of` names it.

        Raises:
            LimitError: the client has to wait; the sentence says how long.
        """
        self._ask(client, take)

    def peek(self, client: str) -> None:
        """Ask whether a client would be refused, and count nothing.

        Args:
            client: str. As in `check`.

        Raises:
            LimitError: as of `check`.
        """
        self._ask(client, wait)

    def _ask(self, client: str, question: Question) -> None:
        seconds = None if self._shared is None else self._shared.ask(question, self.limits, client)
        if seconds is None:
            if self._shared is not None and self.fallback == "deny":
                metrics.count("refusals", "uncounted")
                raise LimitError(UNCOUNTED, UNCOUNTED_SECONDS)
            seconds = self._local.ask(question, self.limits, client)
        if seconds > 0:
            metrics.count("refusals", "rate")
            raise LimitError(over_limit(self.limits, seconds), seconds)

    def close(self) -> None:
        """Stop looking after Redis."""
        if self._shared is not None:
            self._shared.close()


def parse_rate(text: str) -> tuple[RateLimitItem, ...]:
    """Read a rate such as "5/minute;100/day".

    Returns:
        Its limits, the shortest window first.

    Raises:
        SettingError: it cannot be read, or allows nothing at all.
    """
    try:
        limits = sorted(parse_many(text.strip()), key=lambda limit: limit.get_expiry())
    except ValueError:
        limits = []
    # The parser takes "5/0 minute" for "5/minute".
    no_time = re.search(r"(/|per)\s*0+(?!\d)", text, re.IGNORECASE)
    if not limits or no_time or any(limit.amount < 1 for limit in limits):
        raise SettingError(
            "DEEPFAKE_RATE_LIMIT must be a number of analyses a time, such as 5/minute, "
            f"100/day or 5/minute;100/day, or {NO_LIMIT} for no limit. Received: {text!r}."
        )
    return tuple(limits)


def over_limit(limits: Sequence[RateLimitItem], seconds: float) -> str:
    """The sentence for a client who has to wait."""
    # The wait is never longer than the window that causes it.
    limit = next((limit for limit in limits if limit.get_expiry() >= seconds), limits[-1])
    return (
        f"Each visitor has {_in_words(limit)} here, and yours are used up for now. "
        f"Please try again in {_duration(math.ceil(seconds))}."
    )


def _in_words(limit: RateLimitItem) -> str:
    name = limit.GRANULARITY.name
    analyses = "1 analysis" if limit.amount == 1 else f"{limit.amount} analyses"
    if limit.multiples > 1:
        return f"{analyses} in {limit.multiples} {name}s"
    return f"{analyses} {'an' if name == 'hour' else 'a'} {name}"


def _duration(seconds: int) -> str:
    if seconds <= SECONDS_UP_TO:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = math.ceil(seconds / 60)
    rough = f"{minutes} minutes" if minutes <= SECONDS_UP_TO else f"{math.ceil(minutes / 60)} hours"
    return f"{rough} ({seconds} seconds)"
