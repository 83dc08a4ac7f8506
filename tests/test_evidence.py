from dataclasses import replace

import numpy as np
import pytest

from deepfake.errors import NoFaceError
from deepfake.evidence import FULL_STRENGTH, occlusion, overlay


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


def test_occlusion_finds_the_place_that_raises_the_score_and_the_one_that_lowers_it():
    crop = np.full((33, 33, 3), 100, np.uint8)
    crop[14:16, 14:16], crop[24:26, 7:9] = 255, 255

    def logits(crops):
        assert len(crops) <= 8 and crops.dtype == np.uint8
        light = crops.astype(float).mean(axis=3) / 255
        return light[:, 14:16, 14:16].mean(axis=(1, 2)) - light[:, 24:26, 7:9].mean(axis=(1, 2))

    found = occlusion(logits, crop)
    assert found.shape == (10, 10) and found.dtype == np.float32
    assert np.unravel_index(found.argmax(), found.shape) == (4, 4)
    assert np.unravel_index(found.argmin(), found.shape) == (7, 2)
    assert found[1, 1] == pytest.approx(0, abs=1e-6)


def test_a_fall_by_one_logit_is_shown_in_full_strength():
    crop = np.zeros((40, 40, 3), np.uint8)
    crop[20, 20] = 255
    found = occlusion(lambda crops: (crops[:, 20, 20, 0] == 255).astype(float), crop)
    assert found.max() == pytest.approx(FULL_STRENGTH)


def test_a_network_that_looks_at_nothing_gives_an_empty_map():
    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert not occlusion(lambda crops: np.ones(len(crops)), crop).any()


@pytest.mark.slow
def test_a_face_is_explained_by_its_own_map_or_by_occlusion(detector, portrait):
    (face,) = detector.detect(portrait).faces
    assert detector.explain(face) is face.evidence
    found = detector.explain(replace(face, evidence=None))
    assert found.shape == (10, 10) and np.isfinite(found).all() and found.any()
    assert overlay(face.crop, found).shape == face.crop.shape


def test_a_face_that_was_not_judged_cannot_be_explained(detector, portrait):
    (face,) = detector.detect(portrait).faces
    with pytest.raises(NoFaceError, match="not judged"):
        detector.explain(replace(face, crop=None, evidence=None, note="Too small."))
