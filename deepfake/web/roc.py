"""The curve of all thresholds as a small drawing."""

from __future__ import annotations

from html import escape

from deepfake.manifest import OperatingPoint, OperatingPoints
from deepfake.web.texts import counts, say

SIDE = 150
# Left and below for the words.
MARGIN = 22


def roc(measured: OperatingPoints, now: OperatingPoint | None) -> str:
    """Draw real faces called fake (across) against fakes found (up), with the threshold of now.

    Args:
        measured: OperatingPoints. All thresholds.
        now: OperatingPoint. Where the dot stands; None without one.

    Returns:
        SVG that says in words what it shows.
    """
    points = sorted((p.false_positive_rate, p.true_positive_rate) for p in measured.points)
    line = " ".join(_place(*point) for point in ((0.0, 0.0), *points, (1.0, 1.0)))
    dot, alt = "", say("adjust.curve_alone")
    if now is not None:
        x, y = _place(now.false_positive_rate, now.true_positive_rate).split(",")
        dot = f'<circle cx="{x}" cy="{y}" r="5" class="dot"/>'
        alt = say("adjust.curve", **counts(now))
    start, end, top = _place(0, 0), _place(1, 1), _place(0, 1)
    across, up = escape(say("adjust.curve_across")), escape(say("adjust.curve_up"))
    middle, whole = MARGIN + SIDE / 2, SIDE + MARGIN + 6
    return (
        f'<svg class="roc" viewBox="0 0 {whole} {whole}" role="img" aria-label="{escape(alt)}">'
        f'<polyline class="frame" points="{top} {start} {_place(1, 0)}"/>'
        f'<polyline class="chance" points="{start} {end}"/>'
        f'<polyline class="curve" points="{line}"/>{dot}'
        f'<text x="{middle}" y="{whole - 5}">{across} →</text>'
        f'<text x="{-(SIDE / 2 + 4)}" y="14" transform="rotate(-90)">{up} →</text></svg>'
    )


def _place(across: float, up: float) -> str:
    return f"{MARGIN + SIDE * across:.1f},{4 + SIDE * (1 - up):.1f}"
