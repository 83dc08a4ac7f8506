"""A model that was measured elsewhere, with round figures."""

from deepfake.manifest import (
    OperatingPoint,
    OperatingPoints,
    OperatingPointsElsewhere,
    WorstRealSource,
)

# From a threshold on: of the reals called fake, of the fakes found.
RATES = {0.0: (1, 1), 0.1: (0.5, 0.9), 0.5: (0.2, 0.7), 0.65: (0.08, 0.61), 0.9: (0.01, 0.3)}


def elsewhere(manifest):
    """The manifest with figures from elsewhere."""
    points = tuple(
        OperatingPoint(
            threshold=percent / 100, false_positive_rate=alarms, true_positive_rate=found
        )
        for percent in range(0, 98)
        for alarms, found in [RATES[max(start for start in RATES if 100 * start <= percent)]]
    )
    worst = WorstRealSource(name="studio", false_positive_rate=0.2, reals=50)
    measured = OperatingPointsElsewhere(
        measured_on="sources left out of training", reals=400, fakes=300, points=points,
        real_sources=12, fake_sources=9, worst_real_source=worst,
    )  # fmt: skip
    known = OperatingPoints(measured_on="known sources", reals=950, fakes=617, points=points)
    changes = {"threshold": 0.65, "uncertain_band": (0.1, 0.65)}
    return manifest.model_copy(
        update={**changes, "operating_points": known, "operating_points_elsewhere": measured}
    )
