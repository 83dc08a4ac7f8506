import numpy as np
import pytest
from PIL import Image

from deepfake.imaging import Picture
from deepfake.manifest import Input
from deepfake.preprocessing import crop, crop_area, exposure_fault, level, level_gain, scale

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


UPRIGHT = SPEC.model_copy(update={"align": "eyes"})
LEVELLED = SPEC.model_copy(update={"exposure": "level"})


def photo(side=200, seed=0):
    """Smooth colours with a bright and a dark corner, exposed as usual."""
    small = np.random.default_rng(seed).integers(5, 250, (8, 8, 3), np.uint8)
    small[0, 0], small[7, 7] = 255, 0
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_lying_and_upside_down_faces_lose_nothing_by_being_turned_upright(quarters):
    pixels = photo()
    # np.rot90 turns counterclockwise.
    turned = Picture.from_array(np.ascontiguousarray(np.rot90(pixels, -quarters)))
    box = (70.0, 70.0, 130.0, 130.0)
    wanted = crop(Picture.from_array(pixels), box, UPRIGHT)
    assert np.array_equal(crop(turned, box, UPRIGHT, 90.0 * quarters), wanted)


@pytest.mark.parametrize("turn", [-150, -50, 30, 45, 75, 110])
def test_askew_faces_are_turned_upright(turn):
    pixels = photo(400)
    turned = np.asarray(Image.fromarray(pixels).rotate(-turn, Image.Resampling.BICUBIC))
    box = (160.0, 160.0, 240.0, 240.0)
    wanted = crop(Picture.from_array(pixels), box, UPRIGHT).astype(float)
    upright = crop(Picture.from_array(turned), box, UPRIGHT, turn).astype(float)
    assert np.abs(upright - wanted).mean() < 2.5


def test_faces_that_lean_a_little_keep_their_pixels():
    picture, box = Picture.from_array(photo()), (70.0, 70.0, 130.0, 130.0)
    assert np.array_equal(crop(picture, box, UPRIGHT, 10.0), crop(picture, box, UPRIGHT))


def test_nothing_is_turned_for_models_that_did_not_ask():
    picture, box = Picture.from_array(photo()), (70.0, 70.0, 130.0, 130.0)
    assert np.array_equal(crop(picture, box, SPEC, 90.0), crop(picture, box, SPEC))


@pytest.mark.parametrize("box", [(0, 0, 60, 60), (150, 150, 230, 230), (0, 0, 200, 200)])
@pytest.mark.parametrize("turn", [30, 45, 100, -60])
def test_turned_crops_lie_within_the_picture(box, turn):
    pixels = np.full((200, 200, 3), 255, np.uint8)
    # Anything from beyond the border would be black.
    assert crop(Picture.from_array(pixels), box, UPRIGHT, turn).min() == 255


@pytest.mark.parametrize("gain", [0.8, 0.5, 0.25])
def test_darker_pictures_come_to_the_same_level(gain):
    pixels = (photo() * (235 / 255)).astype(np.uint8)
    dark = (pixels * gain).astype(np.uint8)
    box = (40.0, 40.0, 160.0, 160.0)
    wanted = crop(Picture.from_array(pixels), box, LEVELLED).astype(float)
    levelled = crop(Picture.from_array(dark), box, LEVELLED).astype(float)
    # What is lost in 8 bits of a darker picture stays lost.
    assert np.abs(levelled - wanted).mean() < 1.5 / gain


def test_pictures_with_white_in_them_are_left_as_they_are():
    picture = Picture.from_array(photo())
    assert np.array_equal(crop(picture, None, LEVELLED), crop(picture, None, SPEC))


def test_the_gain_is_bounded_and_levelling_can_be_taken_back():
    dark = (photo() // 4).astype(np.uint8)
    gain = level_gain(dark)
    assert 1 < gain <= 8
    assert np.abs(level(dark) / gain - dark)[level(dark) < 255].max() < 0.5
    assert level_gain(np.full((8, 8, 3), 1, np.uint8)) == 8


@pytest.mark.parametrize(
    ("pixels", "fault"),
    [
        pytest.param(photo(), "", id="as usual"),
        pytest.param(photo() // 8, "", id="three stops darker"),
        pytest.param(photo() // 16, "dark", id="four stops darker"),
        pytest.param(np.full((64, 64, 3), 255, np.uint8), "burnt_out", id="white"),
    ],
)
def test_what_shows_too_little_is_known(pixels, fault):
    assert exposure_fault(pixels) == fault
