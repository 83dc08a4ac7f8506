import numpy as np
import pytest

from deepfake.errors import TrainingError
from deepfake.shipping import calibration


def test_a_known_temperature_and_bias_are_found():
    random = np.random.default_rng(0)
    true = random.normal(0, 3, 40_000)
    labels = (random.random(40_000) < 1 / (1 + np.exp(-true))).astype(int)
    temperature, bias = calibration.fit_platt((true - 0.6) * 2.5, labels)
    assert temperature == pytest.approx(2.5, rel=0.05)
    assert bias == pytest.approx(0.6, abs=0.1)


def test_the_threshold_keeps_every_source_within_its_limit():
    random = np.random.default_rng(0)
    reals = np.concatenate([random.beta(1, 20, 900), random.beta(3, 5, 100)])
    p_fake = np.concatenate([reals, random.beta(8, 2, 1000)])
    labels = np.repeat([0, 1], 1000)
    sources = ["easy"] * 900 + ["hard"] * 100 + ["fake"] * 1000
    decision = calibration.choose(p_fake, labels, sources)
    hard = p_fake[900:1000]
    assert (hard >= decision.threshold).mean() <= calibration.MAX_SOURCE_FALSE_POSITIVES
    assert (hard >= decision.threshold - 0.01).mean() > calibration.MAX_SOURCE_FALSE_POSITIVES
    low, high = decision.band
    assert low <= decision.threshold <= high
    above, below = p_fake >= high, p_fake < low
    assert (labels[above] == 0).mean() <= calibration.MAX_WRONG_FAKES
    assert (labels[below] == 1).mean() <= calibration.MAX_WRONG_REALS


def two_classes():
    random = np.random.default_rng(0)
    p_fake = np.concatenate([random.beta(2, 12, 2000), random.beta(5, 3, 2000)])
    return p_fake, np.repeat([0, 1], 2000), ["a"] * 4000


def test_half_is_half_and_lies_in_its_band():
    decision = calibration.choose(*two_classes(), rule="half")
    low, high = decision.band
    assert decision.threshold == 0.5 and low <= 0.5 <= high


def test_youden_finds_where_the_two_densities_cross():
    p_fake, labels, sources = two_classes()
    chosen = calibration.choose(p_fake, labels, sources, rule="youden").threshold

    def distance(threshold):
        above = p_fake >= threshold
        return above[labels == 1].mean() - above[labels == 0].mean()

    assert all(distance(chosen) >= distance(t) for t in np.arange(1, 100) / 100)


def test_youden_leaves_room_on_both_sides_of_classes_far_apart():
    p_fake, labels = np.repeat([0.1, 0.9], 50), np.repeat([0, 1], 50)
    chosen = calibration.choose(p_fake, labels, ["a"] * 100, rule="youden").threshold
    assert chosen == pytest.approx(0.5, abs=0.05)


def test_an_unknown_rule_gets_a_sentence():
    with pytest.raises(TrainingError, match="fpr, half, youden"):
        calibration.choose(*two_classes(), rule="best")


def test_what_the_threshold_reaches_is_told():
    p_fake, labels = np.repeat([0.1, 0.5, 0.9], [95, 5, 100]), np.repeat([0, 1], 100)
    sources = ["a"] * 60 + ["b"] * 40 + ["c"] * 100
    decision = calibration.choose(p_fake, labels, sources)
    assert decision.threshold == pytest.approx(0.51) and decision.within_limits
    assert decision.reached().false_positive_rate == 0
    half = calibration.choose(p_fake, labels, sources, rule="half")
    assert (half.false_positive_rate, half.worst_source) == (0.05, "b")
    assert half.worst_source_false_positive_rate == 0.125 and half.within_limits


def test_limits_that_cannot_be_met_are_told():
    p_fake, labels = np.array([0.995] * 30 + [0.1] * 70 + [1.0] * 100), np.repeat([0, 1], 100)
    decision = calibration.choose(p_fake, labels, ["a"] * 200)
    assert decision.threshold == pytest.approx(0.99)
    assert decision.false_positive_rate == 0.3 and not decision.within_limits
