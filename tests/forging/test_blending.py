from dataclasses import replace

import numpy as np
import pytest

from deepfake.forging import blending


def seeds(count):
    return [np.random.default_rng(seed) for seed in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["self_blend", "face_swap", "reenactment"])
def test_the_same_seed_makes_the_same_fake(collins, hopper, kind):
    def make(seed):
        random = np.random.default_rng(seed)
        if kind == "self_blend":
            return blending.self_blend(collins, random)
        if kind == "reenactment":
            return blending.reenact(collins, random)
        return blending.swap(collins, hopper, random)

    assert np.array_equal(make(3).pixels, make(3).pixels)
    assert not np.array_equal(make(3).pixels, make(4).pixels)
    assert (make(3).label, make(3).source) == (1, kind)


@pytest.mark.slow
def test_a_swap_changes_the_face_and_leaves_the_surroundings(collins, hopper):
    left, top, right, bottom = collins.box.astype(int)
    for random in seeds(12):
        fake = blending.swap(collins, hopper, random)
        changed = np.abs(fake.pixels.astype(int) - collins.pixels).max(axis=2) > 8
        assert changed[top:bottom, left:right].mean() > 0.02
        assert changed[300:].sum() == 0 and changed[:, 400:].sum() == 0


def test_masks_are_soft_and_lie_on_the_face(collins):
    left, top, right, bottom = collins.box.astype(int)
    for random in seeds(20):
        mask = blending.blend_mask(collins, random)
        inside = mask[top - 30 : bottom + 30, left - 30 : right + 30].sum()
        assert mask.min() >= 0 and mask.max() <= 1.00001
        assert inside > 0.97 * mask.sum() > 0
        assert ((mask > 0.05) & (mask < 0.95)).any()


def test_warping_brings_points_to_the_other_mesh(collins, hopper):
    # Paint the tip of the donor's nose and see where it comes to lie.
    donor = np.zeros_like(hopper.pixels)
    x, y = hopper.mesh[4].round().astype(int)
    donor[y - 6 : y + 7, x - 6 : x + 7] = 255
    warped = blending.warp(donor, hopper.mesh, collins.mesh, collins.pixels.shape[:2])
    rows, columns = np.nonzero(warped[..., 0] > 128)
    found = [np.median(columns), np.median(rows)]
    assert found == pytest.approx(collins.mesh[4].tolist(), abs=2.5)


def test_colours_are_matched_within_the_mask():
    random = np.random.default_rng(0)
    source = random.integers(0, 60, (64, 64, 3)).astype(np.uint8)
    target = random.integers(120, 180, (64, 64, 3)).astype(np.uint8)
    matched = blending.match_colour(source, target, np.ones((64, 64), np.float32))
    assert np.abs(matched.mean(axis=(0, 1)) - target.mean(axis=(0, 1))).max() < 6


def test_a_degenerate_mesh_is_survived(collins, hopper):
    flat = replace(hopper, mesh=np.zeros_like(hopper.mesh))
    fake = blending.swap(collins, flat, np.random.default_rng(0))
    assert fake.pixels.shape == collins.pixels.shape


@pytest.mark.slow
def test_a_reenactment_moves_features_and_keeps_the_person(collins):
    left, top, right, bottom = collins.box.astype(int)
    moved = []
    for random in seeds(12):
        fake = blending.reenact(collins, random).pixels
        change = np.abs(fake.astype(int) - collins.pixels).max(axis=2)
        moved.append((change[top:bottom, left:right] > 12).mean())
        assert (change[300:] > 8).sum() == 0 and (change[:, 400:] > 8).sum() == 0
    assert 0.02 < np.median(moved) < 0.9
