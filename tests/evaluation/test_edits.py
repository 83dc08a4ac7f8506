import json
import shutil

import numpy as np
import pytest

from deepfake import imaging
from deepfake.cli import main
from deepfake.evaluation.edits import EDITS, Edit
from deepfake.evaluation.robustness import Delivery, deliver, edits


@pytest.fixture(scope="module")
def picture(portrait):
    return imaging.read(portrait)


def edited(picture, **strengths):
    return deliver(picture, Delivery("x", edit=Edit("x", **strengths))).pixels.astype(float)


def test_no_edit_changes_nothing_and_every_other_one_does(picture):
    none, *others = edits()
    assert deliver(picture, none) is picture
    for delivery in others:
        changed = deliver(picture, delivery)
        assert changed.pixels.shape == picture.pixels.shape, delivery.name
        assert np.abs(changed.pixels.astype(int) - picture.pixels).mean() > 2, delivery.name


def test_edits_do_what_they_are_called(picture):
    before = picture.pixels.astype(float)
    assert edited(picture, brightness=0.6).mean() == pytest.approx(0.6 * before.mean(), abs=1)
    assert edited(picture, contrast=0.7).std() == pytest.approx(0.7 * before.std(), rel=0.05)
    assert np.ptp(edited(picture, saturation=0.0), axis=2).max() == 0
    colours = [np.ptp(p, axis=2).mean() for p in (before, edited(picture, saturation=1.6))]
    assert colours[1] > 1.3 * colours[0]


def test_clarity_raises_the_contrast_of_regions_and_not_of_single_pixels():
    rows = np.zeros((200, 200, 3), np.uint8) + 100
    rows[:, 100:] = 150
    changed = edited(imaging.Picture.from_array(rows), clarity=0.5)[100, :, 0]
    # Five pixels from the edge, far beyond what a sharpening of edges reaches.
    assert changed[95] < 95 and changed[105] > 155
    assert changed[5] == 100 and changed[195] == 150


@pytest.mark.slow
def test_of_one_class_as_many_as_asked_for_are_judged(portrait, tmp_path):
    (tmp_path / "real").mkdir()
    for number in range(4):
        shutil.copy(portrait, tmp_path / "real" / f"{number}.png")
    options = ["--grid", "0", "--edits", "3", "--no-tiers"]
    out = tmp_path / "out"
    assert main(["evaluate", str(tmp_path / "real"), "-o", str(out), *options]) == 0
    (scores,) = json.loads((out / "report.json").read_text())["models"][0]["sets"]
    assert {row["reals"] for row in scores["edits"]} == {3}


def test_a_picture_is_edited_before_it_is_compressed(picture):
    edit = next(edit for edit in EDITS if edit.name == "greyscale")
    changed = deliver(picture, Delivery("x", quality=60, edit=edit))
    assert changed.format == "JPEG"
    assert np.ptp(changed.pixels.astype(int), axis=2).max() <= 2
