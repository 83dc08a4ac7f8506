import numpy as np
import pytest
from PIL import Image

from deepfake.imaging import Picture
from deepfake.manifest import Input
from deepfake.preprocessing import (
    area_of,
    crop,
    crop_area,
    cut,
    cut_area,
    exposure_fault,
    is_seen,
    level,
    level_gain,
    proportion,
    scale,
)

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


WHOLE = SPEC.model_copy(update={"crop": "full", "resample": "bilinear"})
WAYS = {
    "crop": {}, "crop:40": {"resize_to": 40}, "squash": {"resize": "squash"},
    "squash:40": {"resize": "squash", "resize_to": 40}, "none": {"resize": "none"},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("width", "height"), [(300, 100), (90, 240), (128, 128), (40, 33)])
def test_a_face_is_never_left_out_of_what_is_looked_at(way, width, height):
    spec = WHOLE.model_copy(update=WAYS[way])
    random = np.random.default_rng(0)
    for _ in range(40):
        side = random.uniform(8, 24)
        left, top = random.uniform(0, width - side), random.uniform(0, height - side)
        box = (left, top, left + side, top + side)
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[round(top) : round(top + side), round(left) : round(left + side)] = 255
        picture = Picture.from_array(pixels)
        area, _ = area_of(picture, box, spec)
        assert is_seen(picture, box, spec)
        x, y = 1.0 * width / 32, 1.0 * height / 32
        assert area[0] <= left + x and area[1] <= top + y
        assert area[2] >= left + side - x and area[3] >= top + side - y
        seen = cut(picture, box, spec)
        # As much white as the face has in what is looked at, and so all of it.
        share = (pixels[..., 0] > 0).sum() / ((area[2] - area[0]) * (area[3] - area[1]))
        assert seen.mean() / 255 == pytest.approx(share, rel=0.25)


def test_a_face_in_the_middle_moves_nothing():
    picture = Picture.from_array(photo()[:100])
    for way in WAYS.values():
        spec = WHOLE.model_copy(update=way)
        box = (90.0, 40.0, 110.0, 60.0)
        assert np.array_equal(cut(picture, box, spec), cut(picture, None, spec))


def test_a_face_larger_than_what_is_looked_at_is_not_seen():
    picture = Picture.from_array(photo(200))
    spec = WHOLE.model_copy(update={"resize": "none"})
    assert not is_seen(picture, (50, 50, 150, 150), spec)
    assert is_seen(picture, (50, 50, 150, 150), WHOLE)
    assert is_seen(picture, (50, 50, 150, 150), SPEC)


@pytest.mark.parametrize("way", WAYS)
def test_the_area_is_what_the_crop_shows(way):
    picture = Picture.from_array(photo(240)[:90])
    spec = WHOLE.model_copy(update=WAYS[way])
    area, _ = area_of(picture, None, spec)
    shown = cut_area(picture, area, spec).astype(int)
    assert np.abs(shown - cut(picture, None, spec)).max() <= 2
    assert proportion(picture, None, spec) == pytest.approx(
        {"squash": 240 / 90, "squash:40": 240 / 90}.get(way, 1.0), rel=0.01
    )


def test_small_pictures_that_are_not_scaled_stand_on_black():
    pixels = np.full((20, 50, 3), 200, np.uint8)
    seen = cut(Picture.from_array(pixels), None, WHOLE.model_copy(update={"resize": "none"}))
    assert (seen[6:26] == 200).all() and not seen[:6].any() and not seen[26:].any()


def test_a_strip_is_never_scaled_as_a_whole():
    """At 4096 pixels of the shorter side it would take 200 GB."""
    strip = np.random.default_rng(0).integers(0, 256, (10, 40_000, 3), np.uint8)
    spec = WHOLE.model_copy(update={"resize_to": 4096})
    assert cut(Picture.from_array(strip), None, spec).shape == (32, 32, 3)
    assert cut(Picture.from_array(strip), (39_990, 0, 40_000, 10), spec).shape == (32, 32, 3)


def test_a_face_is_scaled_and_its_middle_cut_out():
    picture = Picture.from_array(photo())
    whole = SPEC.model_copy(update={"resize_to": 40, "crop": 1.0, "resample": "bilinear"})
    at_40 = SPEC.model_copy(update={"size": 40, "crop": 1.0, "resample": "bilinear"})
    box = (60.0, 60.0, 140.0, 140.0)
    expected = crop(picture, box, at_40)[4:36, 4:36].astype(int)
    assert np.abs(crop(picture, box, whole) - expected).max() <= 1


@pytest.mark.parametrize("side", [500, 20])
def test_linear_is_what_opencv_does(side):
    from deepfake.opencv import cv2

    pixels = np.random.default_rng(0).integers(0, 256, (side, side * 2, 3), np.uint8)
    spec = WHOLE.model_copy(update={"resize": "squash", "resample": "linear"})
    found = cut(Picture.from_array(pixels), None, spec).astype(int)
    assert np.abs(found - cv2.resize(pixels, (32, 32))).max() <= 1


def test_channels_come_in_the_order_that_the_network_knows():
    pixels = np.array([[[[200, 100, 50]]]], np.uint8)

    def scaled(channels):
        spec = SPEC.model_copy(
            update={"channels": channels, "mean": (1.0, 2.0, 3.0), "std": (1.0, 1.0, 1.0)}
        )
        return scale(pixels, spec)[0, 0, 0].tolist()

    grey = np.asarray(Image.fromarray(pixels[0]).convert("L"))[0, 0]
    assert scaled("rgb") == [199, 98, 47]
    assert scaled("bgr") == [49, 98, 197]
    assert scaled("grey") == [grey - 1]
    assert scaled("grey3") == [grey - 1, grey - 2, grey - 3]
