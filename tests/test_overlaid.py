"""What is around a photo or behind a person is no sign of forgery and hides none: default model."""

import functools

import numpy as np
import pytest
from PIL import Image

from deepfake.forging.backdrops import backdrop
from deepfake.imaging import Picture
from deepfake.opencv import cv2
from tests.conftest import EXAMPLES

REAL = ("eileen_collins.png", "daniel_inouye.jpg", "sheila_jackson_lee.jpg", "elijah_cummings.jpg")
FAKE = ("fake_self_blend_collins.jpg", "fake_swap_collins.jpg", "fake_swap_hopper.jpg")
# Of the square of 1.3 face boxes that the network sees.
BAR = 0.08


@pytest.fixture(scope="module")
def face_of(detector):
    """Name of an example → its pixels and the square (left, top, side) around its face."""

    @functools.cache
    def find(name):
        with Image.open(EXAMPLES / name) as image:
            pixels = np.array(image.convert("RGB"))
        (face,) = detector.detect(EXAMPLES / name).faces
        left, top, right, bottom = face.box
        side = 1.3 * max(right - left, bottom - top)
        return pixels, ((left + right - side) / 2, (top + bottom - side) / 2, side)

    return find


def bar_below(pixels, square, colour):
    """As of a page or a caption: from near the chin to the end of the picture."""
    _, top, side = square
    end = round(min(top + side, len(pixels)))
    cut = pixels[: end + round(BAR * side)].copy()
    cut[end - round(BAR * side) :] = colour
    return cut


def caption_below(pixels, square, colour):
    """The same with a name on it."""
    left, top, side = square
    changed = bar_below(pixels, square, colour)
    ink = (20, 20, 20) if sum(colour) > 382 else (245, 245, 245)
    line = round(min(top + side, len(pixels)) - 0.02 * side)
    place = round(left + 0.05 * side), line
    scale = BAR * side / 22 * 0.6
    cv2.putText(changed, "A. Miller, CEO", place, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 2)
    return changed


def framed(pixels, square, colour):
    """The picture ends at the square, in a frame."""
    left, top, side = (round(value) for value in square)
    top, left = max(0, top), max(0, left)
    changed = pixels[top : top + side, left : left + side].copy()
    edge = round(BAR / 2 * side)
    for part in (changed[:edge], changed[-edge:], changed[:, :edge], changed[:, -edge:]):
        part[:] = colour
    return changed


@pytest.mark.parametrize("colour", [(255,) * 3, (12,) * 3, (200, 60, 40)], ids=str)
@pytest.mark.parametrize("change", [bar_below, caption_below, framed], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", [*REAL, *FAKE])
def test_frames_and_captions_never_turn_a_verdict_into_its_opposite(
    detector, face_of, name, change, colour
):
    pixels, square = face_of(name)
    report = detector.detect(Picture.from_array(change(pixels, square, colour)))
    assert report.p_fake is not None
    opposite = "fake" if name in REAL else "real"
    assert report.verdict != opposite, report.p_fake


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", [*REAL, "grace_hopper.jpg", *FAKE])
def test_another_background_never_turns_a_verdict_into_its_opposite(detector, face_of, name, seed):
    """White, dark, of one colour, graded, blurred."""
    pixels, (left, top, side) = face_of(name)
    height, width = pixels.shape[:2]
    wide = min(side * 2 / 1.3, height, width)
    x = round(np.clip(left + (side - wide) / 2, 0, width - wide))
    y = round(np.clip(top + (side - wide) / 2, 0, height - wide))
    cut = pixels[y : y + int(wide), x : x + int(wide)]
    changed = backdrop(cut, np.random.default_rng(seed), 1.3 * wide / side)
    assert np.abs(changed.astype(int) - cut).mean() > 2
    report = detector.detect(Picture.from_array(changed))
    assert report.p_fake is not None
    assert report.verdict != ("real" if name in FAKE else "fake"), report.p_fake
