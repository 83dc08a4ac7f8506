import numpy as np
import pytest

from deepfake.evaluation import metrics

LABELS = np.repeat([0, 1], 500)


def test_calibrated_scores_have_a_small_ece_and_shifted_ones_a_large_one():
    random = np.random.default_rng(0)
    p_fake = random.random(50_000)
    labels = (random.random(50_000) < p_fake).astype(int)
    assert metrics.expected_calibration_error(p_fake, labels) < 0.02
    assert metrics.expected_calibration_error(p_fake**3, labels) > 0.1


def test_the_interval_holds_the_auc_and_narrows_with_more_faces():
    random = np.random.default_rng(0)
    p_fake = np.clip(random.normal(0.4 + 0.2 * LABELS, 0.15), 0, 1)
    summary = metrics.summarise(p_fake, LABELS)
    low, high = summary["roc_auc_95"]
    assert low < summary["roc_auc"] < high
    few = metrics.summarise(p_fake[450:550], LABELS[450:550])["roc_auc_95"]
    assert few[1] - few[0] > high - low


def test_operating_points_count_what_is_at_or_above():
    points = metrics.operating_points(np.array([0.2, 0.5, 0.5, 0.9]), np.array([0, 0, 1, 1]))
    assert points[50] == {
        "threshold": 0.5, "false_positive_rate": 0.5, "true_positive_rate": 1.0,
    }  # fmt: skip
    assert points[51]["false_positive_rate"] == 0.0
    assert len(points) == 101


def test_shares_of_a_source_add_up():
    p_fake = np.array([0.1, 0.5, 0.7, 0.95])
    shares = metrics.verdict_shares(p_fake, ["a", "a", "a", "b"], 0.6, (0.4, 0.8))
    assert shares["a"]["count"] == 3
    assert shares["a"]["at_or_above_threshold"] == pytest.approx(1 / 3, abs=1e-3)
    assert shares["a"]["real"] + shares["a"]["uncertain"] + shares["a"]["fake"] == pytest.approx(
        1, abs=1e-3
    )
    assert shares["b"]["fake"] == 1.0
