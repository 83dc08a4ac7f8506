import numpy as np

from deepfake.evidence import overlay


def test_places_that_raise_the_score_are_orange_and_others_blue_or_grey():
    crop = np.full((64, 64, 3), 128, np.uint8)
    evidence = np.zeros((4, 4), np.float32)
    evidence[0, 0], evidence[3, 3] = 9.0, -9.0
    painted = overlay(crop, evidence).astype(int)
    assert painted[4, 4, 0] > painted[4, 4, 2] + 60
    assert painted[60, 60, 2] > painted[60, 60, 0] + 60
    assert np.ptp(painted[4, 60]) == 0


def test_a_quiet_map_looks_quiet():
    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    painted = overlay(crop, np.full((4, 4), 1e-6, np.float32)).astype(int)
    assert np.ptp(painted, axis=2).max() <= 1
