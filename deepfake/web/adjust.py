"""What a threshold leads to, as HTML: ready-made choices, the curve, what a flag is worth."""

from __future__ import annotations

from html import escape

from deepfake.manifest import ModelManifest, OperatingPoint, OperatingPointsElsewhere
from deepfake.report import Report
from deepfake.verdict import operating_point, uncertain_band
from deepfake.web import worth
from deepfake.web.roc import roc
from deepfake.web.texts import counts, number, percent, say, share

# Of a thousand faces, until the visitor says otherwise.
FAKES_AT_FIRST = 100


def meaning(manifest: ModelManifest, threshold: float, report: Report | None = None) -> str:
    """What this threshold means, and the figures in detail.

    Args:
        manifest: ModelManifest. Of the model.
        threshold: float. The threshold in use.
        report: Report. The result, which tells of how many faces it is and how it was made.
    """
    low, high = uncertain_band(manifest, threshold, 1 if report is None else report.judged)
    several = report is not None and "many_faces" in report.reasons
    why = f"<p>{escape(say('reason.many_faces'))}</p>" if several else ""
    return (
        f'<section class="meaning">{_presets(manifest, threshold)}'
        f"{why}{_consequences(manifest, high)}{_details(manifest, low, high, report)}</section>"
    )


def _presets(manifest: ModelManifest, threshold: float) -> str:
    buttons = "".join(
        f'<button type="button" class="preset" id="preset-{name}" data-threshold="{value:.2f}" '
        f'aria-pressed="{"true" if abs(value - threshold) < 0.005 else "false"}">'
        f"{escape(say(f'adjust.{name}'))}</button>"
        for name, value in worth.presets(manifest).items()
    )
    title = escape(say("adjust.presets"))
    return f'<div class="presets" role="group" aria-label="{title}">{buttons}</div>'


def _consequences(manifest: ModelManifest, threshold: float) -> str:
    elsewhere = manifest.operating_points_elsewhere
    measured = elsewhere or manifest.operating_points
    if measured is None:
        return f"<p>{escape(say('worth.not_measured'))}</p>"
    now = operating_point(manifest, threshold, elsewhere=elsewhere is not None)
    basis = say(
        "adjust.measured_inside" if elsewhere is None else "adjust.measured_elsewhere",
        reals=number(measured.reals), fakes=number(measured.fakes),
    )  # fmt: skip
    if now is None:
        words = say("worth.not_here")
    else:
        words = say("adjust.now", threshold=percent(now.threshold), **counts(now))
    return (
        f'<div class="consequences">{roc(measured, now)}<div><p>{escape(words)}</p>'
        f'<p class="caption">{escape(basis)}</p>{"" if now is None else _mix(now)}</div></div>'
    )


def _mix(now: OperatingPoint) -> str:
    """How many of those called fake would be fake: worked out anew in the browser (result.js)."""
    fakes, reals = FAKES_AT_FIRST, 1000 - FAKES_AT_FIRST
    right, wrong = round(fakes * now.true_positive_rate), round(reals * now.false_positive_rate)
    answer = say(
        "adjust.mix_answer",
        flagged=number(right + wrong), right=number(right), wrong=number(wrong),
    )  # fmt: skip
    template = say("adjust.mix_answer", flagged="{flagged}", right="{right}", wrong="{wrong}")
    return (
        f'<label for="mix">{escape(say("adjust.mix"))}</label> '
        f'<input type="number" id="mix" min="0" max="1000" step="1" value="{fakes}" '
        f'inputmode="numeric" data-found="{now.true_positive_rate}" '
        f'data-false-alarms="{now.false_positive_rate}">'
        f'<p id="mix-answer" aria-live="polite" data-template="{escape(template)}" '
        f'data-group="{escape(say("number.group"))}">'
        f"{escape(answer)}</p>"
    )


def _details(manifest: ModelManifest, low: float, high: float, report: Report | None) -> str:
    lines = []
    elsewhere = manifest.operating_points_elsewhere
    for message, measured in (
        ("details.elsewhere", elsewhere),
        ("details.inside", manifest.operating_points),
    ):
        point = operating_point(manifest, high, elsewhere=measured is elsewhere)
        if measured is not None and point is not None:
            lines.append(
                say(
                    message, threshold=percent(point.threshold),
                    false_alarms=percent(point.false_positive_rate, 1),
                    found=percent(point.true_positive_rate, 1),
                    measured_on=measured.measured_on, reals=number(measured.reals),
                    fakes=number(measured.fakes),
                )
            )  # fmt: skip
    lines += [say("worth.not_measured")] if elsewhere is None else sources(elsewhere)
    if high > low:
        lines.append(say("details.band", low=share(low), high=share(high)))
    lines.append(say("details.limits"))
    if report is not None:
        lines.append(
            say(
                "details.ran",
                milliseconds=number(report.timings_ms["model"]),
            )
        )  # fmt: skip
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    title = escape(say("details.title"))
    return f'<details id="figures"><summary>{title}</summary><ul>{items}</ul></details>'


def sources(measured: OperatingPointsElsewhere) -> list[str]:
    """From how many collections the figures from elsewhere come, and the hardest of them."""
    lines = [say("details.sources", reals=measured.real_sources, fakes=measured.fake_sources)]
    worst = measured.worst_real_source
    if worst is not None:
        lines.append(
            say(
                "details.worst", name=worst.name, reals=number(worst.reals),
                false_alarms=percent(worst.false_positive_rate, 1),
            )
        )  # fmt: skip
    return lines
