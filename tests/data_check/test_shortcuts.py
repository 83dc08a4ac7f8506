import numpy as np
import pytest

from deepfake.data_check import shortcuts


def values(seed, count, shift=0.0):
    return (np.random.default_rng(seed).normal(0, 1, count) + shift).tolist()


LABELS = [0] * 60 + [1] * 60


def test_a_feature_that_tells_the_classes_apart_is_named():
    features = {"width": values(1, 120), "sharpness": values(2, 60) + values(3, 60, 2.0)}
    result = shortcuts.measure(features, LABELS, [str(i) for i in range(120)])
    assert result.found and result.culprit == "sharpness"
    assert result.features["sharpness"] > 0.8 > result.features["width"]


def test_noise_is_no_shortcut():
    features = {"width": values(1, 120), "format": [0.0] * 120}
    result = shortcuts.measure(features, LABELS, [str(i) for i in range(120)])
    assert not result.found and result.features["format"] == 0.5


def test_a_group_is_not_recognised_by_itself():
    # Ten videos, each of one size: known videos would be told apart, unknown ones cannot be.
    groups = [f"v{i // 12}" for i in range(120)]
    size = np.repeat(np.random.default_rng(0).permutation(10), 12).astype(float).tolist()
    labels = [(i // 12) % 2 for i in range(120)]
    grouped = shortcuts.measure({"width": size}, labels, groups)
    alone = shortcuts.measure({"width": size}, labels, [str(i) for i in range(120)])
    assert alone.auc > 0.9 > grouped.auc


@pytest.mark.parametrize("fakes", [0, 5])
def test_too_few_pictures_give_no_figure(fakes):
    labels = [0] * 60 + [1] * fakes
    features = {"width": values(0, len(labels))}
    assert shortcuts.measure(features, labels, [str(i) for i in labels]) is None


@pytest.mark.parametrize(
    ("groups", "measured"),
    [
        pytest.param([f"v{i // 20}" for i in range(120)], True, id="three groups of a class"),
        pytest.param([f"r{i}" if i < 60 else "one" for i in range(120)], False, id="one of fakes"),
        pytest.param(["one"] * 120, False, id="one of all"),
    ],
)
def test_few_groups_are_measured_with_fewer_folds_or_not_at_all(groups, measured):
    result = shortcuts.measure({"width": [float(label) for label in LABELS]}, LABELS, groups)
    assert (result.auc == 1.0) if measured else result is None
