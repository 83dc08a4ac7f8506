import numpy as np
import pytest

from deepfake.forging import augmentation
from deepfake.imaging import Picture
from deepfake.manifest import Input
from deepfake.preprocessing import crop

SPEC = Input(size=96, crop=1.3, mean=(127, 127, 127), std=(128, 128, 128))


def test_the_same_seed_gives_the_same_view(collins):
    views = [augmentation.view(collins, SPEC, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])
    assert views[0].shape == (96, 96, 3) and views[0].dtype == np.uint8


def test_views_show_what_the_served_crop_shows(collins):
    left, top, right, bottom = collins.box.tolist()
    served = crop(Picture.from_array(collins.pixels), (left, top, right, bottom), SPEC)
    random = np.random.default_rng(0)
    mean = np.mean([augmentation.view(collins, SPEC, random) for _ in range(300)], axis=0)
    # Half of the views are mirrored, so compare with the mean of both.
    both = (served.astype(float) + served[:, ::-1]) / 2
    assert np.corrcoef(mean.ravel(), both.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("shape", [(24, 24), (192, 192), (64, 96)])
def test_damage_keeps_size_and_type(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    for seed in range(40):
        damaged = augmentation.damage(pixels, np.random.default_rng(seed))
        assert damaged.shape == pixels.shape and damaged.dtype == np.uint8


@pytest.mark.slow
def test_edits_change_light_and_colour_far_and_keep_what_is_shown(collins):
    means, alike = [], []
    grey = collins.pixels.astype(float).mean(axis=2)
    for seed in range(60):
        changed = augmentation.edit(collins.pixels, np.random.default_rng(seed))
        assert changed.shape == collins.pixels.shape and changed.dtype == np.uint8
        means.append(changed.mean() / collins.pixels.mean())
        alike.append(np.corrcoef(changed.astype(float).mean(axis=2).ravel(), grey.ravel())[0, 1])
    assert min(means) < 0.65 and max(means) > 1.15
    assert min(alike) > 0.8
