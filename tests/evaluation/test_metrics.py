import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

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
    summary = metrics.summarise(p_fake, LABELS, 0.5, (0.4, 0.6))
    low, high = summary.roc_auc_95
    assert low < summary.roc_auc < high
    few = metrics.summarise(p_fake[450:550], LABELS[450:550], 0.5, (0.4, 0.6)).roc_auc_95
    assert few[1] - few[0] > high - low


@pytest.mark.slow
def test_the_bootstrap_agrees_with_resampling_by_scikit_learn():
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], 40)
    # Many equal scores, which count half.
    p_fake = np.round(np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0, 1), 1)
    aucs = []
    for _ in range(500):
        rows = np.concatenate([random.integers(0, 40, 40), random.integers(40, 80, 40)])
        aucs.append(roc_auc_score(labels[rows], p_fake[rows]))
    expected = np.percentile(aucs, [2.5, 97.5])
    assert metrics.bootstrap_auc(p_fake, labels, 0) == pytest.approx(expected, abs=0.03)


def test_the_confusion_matrix_counts_everyone_once():
    p_fake = np.array([0.1, 0.5, 0.7, 0.9, 0.2, 0.6, 0.95])
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    summary = metrics.summarise(p_fake, labels, 0.6, (0.4, 0.8))
    assert summary.confusion.model_dump() == {
        "real": {"real": 1, "uncertain": 2, "fake": 1},
        "fake": {"real": 1, "uncertain": 1, "fake": 1},
    }
    assert summary.confusion_at_threshold.model_dump() == {
        "real": {"real": 2, "fake": 2}, "fake": {"real": 1, "fake": 2},
    }  # fmt: skip
    assert summary.false_positive_rate == 0.5
    assert summary.accuracy == pytest.approx(4 / 7, abs=1e-3)
    assert summary.balanced_accuracy == pytest.approx((0.5 + 2 / 3) / 2, abs=1e-3)


def test_errors_are_equal_where_they_are():
    random = np.random.default_rng(0)
    p_fake = np.concatenate([random.normal(0, 1, 20_000), random.normal(2, 1, 20_000)])
    labels = np.repeat([0, 1], 20_000)
    # Two normal distributions two deviations apart: the error at the middle is Φ(−1).
    assert metrics.equal_error_rate(p_fake, labels) == pytest.approx(0.1587, abs=0.005)
    p_fake = 1 / (1 + np.exp(-p_fake))
    assert metrics.equal_error_threshold(p_fake, labels) == pytest.approx(0.731, abs=0.01)


def test_fakes_caught_are_those_above_the_allowed_reals():
    p_fake = np.concatenate([np.linspace(0, 0.99, 100), [0.5, 0.96, 0.985, 1.0]])
    labels = np.repeat([0, 1], [100, 4])
    assert metrics.caught_at(p_fake, labels, 0.01) == 0.5
    assert metrics.caught_at(p_fake, labels, 0.05) == 0.75


def test_few_reals_do_not_pretend_a_rate_of_one_percent():
    p_fake, labels = np.linspace(0, 1, 40), np.repeat([0, 1], 20)
    summary = metrics.summarise(p_fake, labels, 0.5, (0.4, 0.6))
    assert summary.true_positive_rate_at_1_percent is None
    assert summary.true_positive_rate_at_5_percent == 1.0


def test_one_class_alone_gives_its_rate_and_no_more():
    summary = metrics.summarise(np.array([0.1, 0.9]), np.zeros(2, int), 0.5, (0.4, 0.6))
    assert summary.false_positive_rate == 0.5
    assert summary.false_positive_rate_95 == pytest.approx([0.0945, 0.9055], abs=1e-3)
    for name in ("roc_auc", "true_positive_rate", "balanced_accuracy", "ece", "brier"):
        assert getattr(summary, name) is None


def test_equal_classes_do_not_depend_on_how_many_of_each_there_are():
    random = np.random.default_rng(0)
    p_fake = random.random(40_000)
    labels = (random.random(40_000) < p_fake).astype(int)
    kept = (labels == 0) | (random.random(40_000) < 0.2)
    few = p_fake[kept], labels[kept]
    assert metrics.expected_calibration_error(*few) > 0.15
    weights = metrics.equal_class_weights(few[1])
    assert metrics.expected_calibration_error(*few, weights) < 0.03


def test_operating_points_count_what_is_at_or_above():
    points = metrics.operating_points(np.array([0.2, 0.5, 0.5, 0.9]), np.array([0, 0, 1, 1]))
    assert points[50] == {
        "threshold": 0.5, "false_positive_rate": 0.5, "true_positive_rate": 1.0,
    }  # fmt: skip
    assert points[51]["false_positive_rate"] == 0.0
    assert len(points) == 101


def test_each_source_is_counted_and_each_generator_ranked_against_all_reals():
    p_fake = np.array([0.1, 0.5, 0.7, 0.95, 0.6])
    labels = np.array([0, 0, 0, 1, 1])
    a, b, c = metrics.by_source(p_fake, labels, ["a", "a", "b", "x", "y"], 0.6, (0.4, 0.8))[:3]
    assert (a.source, a.count, a.real, a.uncertain, a.fake) == ("a", 2, 1, 1, 0)
    assert b.at_or_above_threshold == 1.0 and b.at_or_above_threshold_95[0] < 0.3
    assert a.roc_auc is None and c.roc_auc == 1.0
    y = metrics.by_source(p_fake, labels, ["a", "a", "b", "x", "y"], 0.6, (0.4, 0.8))[3]
    assert y.roc_auc == pytest.approx(2 / 3, abs=1e-3)
