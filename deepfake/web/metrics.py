"""What the page counts of itself, for Prometheus: numbers only, nothing of a visitor.

`count` is the one way in. What has a name here is shown from the start, with 0, so that an alarm
can tell "none" from "not counted".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

if TYPE_CHECKING:
    from deepfake.report import Report

# When a counter began is of no use to anybody here, and doubles the page.
disable_created_metrics()  # type: ignore[no-untyped-call]
# Each counter with what is counted, the name of its kinds, and all of them.
KINDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "verdicts": ("Analyses by verdict", "verdict", ("real", "fake", "uncertain")),
    "refusals": (
        "Requests that were not taken on, by reason",
        "reason",
        (
            "rate", "uncounted", "queue", "stopping", "upload_room", "upload_size", "upload_rate",
            "upload_slow", "upload_kind", "disk_full", "sign_in", "misfit", "malformed", "origin",
            "connection",
        ),
    ),
    "failures": (
        "Analyses that ended without a verdict, by whose fault it was",
        "fault",
        ("picture", "model", "page", "time"),
    ),
    "failed_sign_ins": ("Wrong names or passwords", "outcome", ("wrong", "refused")),
}  # fmt: skip
STAGES = ("decode", "faces", "preprocessing", "model", "fragility", "total")
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

# Of this process, which serves one page.
registry = CollectorRegistry()
_counters = {
    name: Counter(f"deepfake_{name}", said, [label], registry=registry)
    for name, (said, label, _) in KINDS.items()
}
_requests = Counter("deepfake_requests", "Answers by their code", ["code"], registry=registry)
_stages = Histogram(
    "deepfake_stage_seconds", "Seconds of an analysis by stage", ["stage"],
    registry=registry, buckets=SECONDS,
)  # fmt: skip
for _name, (_, _, _kinds) in KINDS.items():
    for _kind in _kinds:
        _counters[_name].labels(_kind)


def count(what: str, kind: str, number: int = 1) -> None:
    """Count something that has happened. Safe to call from any thread, and takes a microsecond.

    Args:
        what: str. A name of `KINDS`, such as "refusals".
        kind: str. One of its kinds, such as "rate". Never anything that a visitor wrote.
        number: int. How many. Defaults to 1.

    Raises:
        KeyError: there is no such name or kind. Write it into `KINDS`.
    """
    if kind not in KINDS[what][2]:
        raise KeyError(kind)
    _counters[what].labels(kind).inc(number)


def answered(code: int) -> None:
    """Count an answer to a request.

    Args:
        code: int. Of HTTP.
    """
    _requests.labels(str(code)).inc()


def took(stage: str, seconds: float) -> None:
    """Note how long a stage of an analysis took.

    Args:
        stage: str. One of `STAGES`.
        seconds: float.
    """
    if stage not in STAGES:
        raise KeyError(stage)
    _stages.labels(stage).observe(seconds)


def judged(report: Report) -> None:
    """Count a verdict, and note how long its stages took.

    Args:
        report: Report. Nothing of its picture is kept.
    """
    if report.verdict in KINDS["verdicts"][2]:
        count("verdicts", report.verdict)
    for stage, milliseconds in report.timings_ms.items():
        if stage in STAGES:
            took(stage, float(str(milliseconds)) / 1000)
