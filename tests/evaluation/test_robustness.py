import numpy as np
import pytest

from deepfake import imaging
from deepfake.evaluation.robustness import CLEAN, TIERS, Delivery, deliver, grid


@pytest.fixture(scope="module")
def picture(portrait):
    return imaging.read(portrait)


def sharpness(picture):
    return float(np.abs(np.diff(picture.pixels.astype(int), axis=1)).mean())


def test_the_clean_tier_changes_nothing(picture):
    assert deliver(picture, CLEAN) is picture


def test_tiers_shrink_large_pictures_and_compress_all(picture):
    large = imaging.Picture.from_array(np.repeat(np.repeat(picture.pixels, 2, 0), 2, 1))
    for tier, side in zip(TIERS[1:], (768, 512), strict=True):
        assert max(deliver(large, tier).pixels.shape) == side
        small = deliver(picture, tier)
        assert small.pixels.shape == picture.pixels.shape and small.format == "JPEG"
        assert (small.pixels != picture.pixels).any()


def test_the_same_picture_is_damaged_the_same_way(picture):
    hard = TIERS[2]
    assert (deliver(picture, hard).pixels == deliver(picture, hard).pixels).all()


def test_the_face_is_brought_to_its_side_and_never_enlarged(picture):
    half = deliver(picture, Delivery("x", face_side=53), face_side=106)
    assert half.width == picture.width // 2
    assert deliver(picture, Delivery("x", face_side=300), face_side=106) is picture


def test_blur_softens(picture):
    soft, softer = (deliver(picture, Delivery("x", blur=sigma)) for sigma in (1.0, 2.0))
    assert sharpness(softer) < sharpness(soft) < sharpness(picture)


def test_the_grid_holds_every_combination_once():
    cells = [(cell.blur, cell.face_side, cell.quality) for cell in grid()]
    assert len(set(cells)) == len(cells) == 36
    assert (0.0, None, None) in cells
