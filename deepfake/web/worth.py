"""What a verdict is worth: how often such a one was wrong, where that was measured."""

from __future__ import annotations

from deepfake.manifest import ModelManifest
from deepfake.report import Report
from deepfake.verdict import group_false_alarms, operating_point, uncertain_band

# Presets of the threshold, by what they promise where it was measured.
FEW_ALARMS = 0.01
FEW_MISSES = 0.9


def false_alarms(report: Report) -> tuple[float, float] | None:
    """The chances that a picture of real faces is called fake: of so many faces, and of one.

    None for fewer than two faces, where it was not measured, and where the threshold decides by
    itself: at 0 all are called fake, at 1 none.
    """
    if report.judged < 2 or report.threshold in (0.0, 1.0):
        return None
    _, high_of_one = uncertain_band(report.manifest, report.threshold)
    here = operating_point(report.manifest, report.called_fake_from, elsewhere=True)
    of_one = operating_point(report.manifest, high_of_one, elsewhere=True)
    if here is None or of_one is None:
        return None
    return group_false_alarms(here, report.judged), of_one.false_positive_rate


def missed_alike(report: Report) -> float | None:
    """Of fakes from elsewhere, the share that is called real at this threshold; None if unknown."""
    low = min(report.threshold, report.uncertain_band[0])
    point = operating_point(report.manifest, low, elsewhere=True)
    return None if point is None else 1.0 - point.true_positive_rate


def presets(manifest: ModelManifest) -> dict[str, float]:
    """Ready-made thresholds by name: "balanced", and "few_alarms" and "few_misses" if measured.

    Few false alarms: the lowest threshold at which at most 1 % of real faces are called fake, or
    the highest that was measured if none does. Few misses: the highest at which 90 % of fakes are
    found, or the lowest. By what was measured elsewhere, where it was.
    """
    made = {"balanced": manifest.threshold}
    measured = manifest.operating_points_elsewhere or manifest.operating_points
    if measured is None:
        return made
    # At 0 and 1 there is nothing to decide.
    points = [point for point in measured.points if 0.0 < point.threshold < 1.0]
    if not points:
        return made
    quiet = [p.threshold for p in points if p.false_positive_rate <= FEW_ALARMS]
    keen = [p.threshold for p in points if p.true_positive_rate >= FEW_MISSES]
    made["few_alarms"] = min(quiet, default=points[-1].threshold)
    made["few_misses"] = max(keen, default=points[0].threshold)
    return made
