import numpy as np
import pytest

from deepfake.forging import augmentation, overlays
from deepfake.manifest import Input

KINDS = overlays.KINDS


@pytest.mark.parametrize("shape", [(24, 24), (224, 224), (64, 96), (96, 64)])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_changes_something_and_keeps_size_and_type(kind, shape):
    pixels = np.random.default_rng(0).integers(30, 220, (*shape, 3), np.uint8)
    changed = [kind(pixels.copy(), np.random.default_rng(seed)) for seed in range(20)]
    assert all(one.shape == pixels.shape and one.dtype == np.uint8 for one in changed)
    assert any(not np.array_equal(one, pixels) for one in changed)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_picture_of_few_pixels_is_no_trouble(kind):
    pixels = np.full((5, 5, 3), 99, np.uint8)
    for seed in range(20):
        assert kind(pixels.copy(), np.random.default_rng(seed)).shape == pixels.shape


def test_the_picture_that_is_given_stays_as_it_is(collins):
    before = collins.pixels.copy()
    for seed in range(30):
        overlays.overlay(collins.pixels, np.random.default_rng(seed))
    assert np.array_equal(collins.pixels, before)


@pytest.mark.parametrize("seed", range(40))
def test_a_face_and_its_forgery_get_the_same(seed):
    # Or the overlay itself would tell them apart: where it covers is decided without the pixels.
    draws = np.random.default_rng([1, seed])
    real, fake = (draws.integers(60, 190, (96, 96, 3), np.uint8) for _ in range(2))
    states = [np.random.default_rng(seed) for _ in range(2)]
    covered = [
        np.any(overlays.overlay(pixels, random) != pixels, axis=2)
        for pixels, random in zip((real, fake), states, strict=True)
    ]
    assert states[0].bit_generator.state == states[1].bit_generator.state
    # A covered pixel may have had its colour by chance.
    assert (covered[0] == covered[1]).mean() > 0.97


def test_the_middle_of_the_face_stays_to_be_seen(collins):
    height, width = collins.pixels.shape[:2]
    middle = np.s_[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    shown = collins.pixels[middle].astype(float).ravel()
    alike = [
        np.corrcoef(
            overlays.overlay(collins.pixels, np.random.default_rng(seed))[middle].ravel(), shown
        )[0, 1]
        for seed in range(200)
    ]
    assert np.mean(np.array(alike) > 0.95) > 0.9


def test_a_share_of_training_views_has_a_white_edge(collins):
    spec = Input(size=96, crop=1.3, mean=(127, 127, 127), std=(128, 128, 128))
    random = np.random.default_rng(0)
    edges = [augmentation.view(collins, spec, random)[-1].mean() > 225 for _ in range(300)]
    # Without overlays none of this portrait's views has one.
    assert 0.03 < np.mean(edges) < 0.3
