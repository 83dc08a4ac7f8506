import numpy as np
import pytest

from deepfake.training import calibration


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
