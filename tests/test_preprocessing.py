import numpy as np
import pytest

from deepfake.imaging import Picture
from deepfake.manifest import Input
from deepfake.preprocessing import crop, crop_area, scale

SPEC = Input(size=32, crop=1.5, mean=(127, 127, 127), std=(128, 128, 128))


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param((40, 40, 60, 60), (35, 35, 65, 65), id="inside"),
        pytest.param((40, 45, 60, 55), (35, 35, 65, 65), id="wide box"),
        pytest.param((0, 40, 20, 60), (0, 35, 30, 65), id="moved off the left border"),
        pytest.param((85, 85, 105, 105), (70, 70, 100, 100), id="moved off the corner"),
        pytest.param((0, 0, 90, 90), (0, 0, 100, 100), id="shrunk to the picture"),
        pytest.param(None, (0, 0, 100, 100), id="whole picture"),
    ],
)
def test_crops_are_squares_within_the_picture(box, expected):
    assert crop_area(100, 100, box, 1.5) == pytest.approx(expected)


def test_whole_pictures_are_cut_to_their_central_square():
    assert crop_area(300, 100, None, 1.5) == pytest.approx((100, 0, 200, 100))


def test_crop_shows_the_face_at_the_size_of_the_input():
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[40:60, 40:60] = 255
    cut = crop(Picture.from_array(pixels), (40, 40, 60, 60), SPEC)
    assert cut.shape == (32, 32, 3) and cut.dtype == np.uint8
    # A box of 20 in a square of 30 covers 4 / 9 of the crop.
    assert cut.mean() / 255 == pytest.approx(4 / 9, abs=0.02)


def test_shrinking_does_not_alias():
    stripes = np.zeros((960, 960, 3), np.uint8)
    stripes[:, ::2] = 255
    cut = crop(Picture.from_array(stripes), None, SPEC)
    assert np.ptp(cut) < 10
    assert abs(float(cut.mean()) - 127.5) < 3


def test_full_crop_ignores_the_box():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    spec = SPEC.model_copy(update={"crop": "full"})
    picture = Picture.from_array(pixels)
    assert np.array_equal(crop(picture, (0, 0, 9, 9), spec), crop(picture, None, spec))


def test_scale_uses_mean_and_std_of_each_channel():
    spec = SPEC.model_copy(update={"mean": (0.0, 127.0, 255.0), "std": (255.0, 128.0, 51.0)})
    scaled = scale(np.full((1, 2, 2, 3), 255, np.uint8), spec)
    assert scaled.dtype == np.float32
    assert scaled[0, 0, 0].tolist() == pytest.approx([1.0, 1.0, 0.0])
