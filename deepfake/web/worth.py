"""What a verdict is worth: how often such a one was wrong, where that was measured."""

from __future__ import annotations

from deepfake.manifest import ModelManifest, OperatingPoint
from deepfake.report import Report
from deepfake.verdict import operating_point

# Presets of the threshold, by what they promise where it was measured.
FEW_ALARMS = 0.01
FEW_MISSES = 0.9


def called_fake_from(report: Report) -> float:
    """P(fake) from which on the picture is called fake: the upper end of the band."""
    return max(report.threshold, report.uncertain_band[1])


def group_false_alarms(point: OperatingPoint, faces: int) -> float:
    """The chance that one of several real faces is called fake, if they err independently."""
    return 1.0 - (1.0 - point.false_positive_rate) ** faces


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
