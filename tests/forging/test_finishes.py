import numpy as np
import pytest

from deepfake.forging import augmentation, finishes
from deepfake.manifest import Input
from deepfake.opencv import cv2

KINDS = finishes.KINDS
FACE = np.s_[60:170, 60:164]


def alike(one, other):
    """Correlation of what two crops show of the face."""
    return np.corrcoef(one[FACE].ravel(), other[FACE].ravel())[0, 1]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_changes_the_picture_and_leaves_a_face_to_be_seen(kind, crop):
    before, shown = crop.copy(), []
    for seed in range(40):
        changed = kind(crop, np.random.default_rng(seed))
        assert changed.shape == crop.shape and changed.dtype == np.uint8
        assert not np.array_equal(changed, crop)
        shown.append(alike(changed, crop))
    assert np.array_equal(crop, before)
    # A side light may leave half of it in the dark.
    least, usual = (0.05, 0.4) if kind is finishes.side_light else (0.6, 0.85)
    assert min(shown) > least and np.median(shown) > usual


def test_several_at_once_still_leave_a_face(crop):
    shown = [alike(finishes.finish(crop, np.random.default_rng(seed)), crop) for seed in range(60)]
    assert np.mean(np.array(shown) > 0.6) > 0.8


def test_the_same_state_gives_the_same_finish(crop):
    once, again = (finishes.finish(crop, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(once, again)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_face_and_its_forgery_get_the_same(kind, crop):
    # Or the finish itself would tell them apart. The forgery is darker: what is drawn by looking at
    # the pixels would come out otherwise.
    forged = crop.copy()
    forged[100:150, 90:134] //= 3
    reach = cv2.dilate(np.any(forged != crop, axis=2).astype(np.uint8), np.ones((161, 161)))
    for seed in range(12):
        states = [np.random.default_rng(seed) for _ in range(2)]
        real, fake = (
            kind(pixels, random) for pixels, random in zip((crop, forged), states, strict=True)
        )
        assert states[0].bit_generator.state == states[1].bit_generator.state
        assert np.abs(real.astype(int) - fake)[reach == 0].max() <= 1


def test_a_spot_leaves_the_face_lighter_than_the_corners():
    grey = np.full((224, 224, 3), 150, np.uint8)
    for seed in range(40):
        lit = finishes.spot(grey, np.random.default_rng(seed)).astype(int)
        assert lit[80:140, 90:134].mean() > 1.3 * lit[[0, 0, -1, -1], [0, -1, 0, -1]].mean()


def test_a_side_light_comes_from_every_side():
    grey = np.full((96, 96, 3), 150, np.uint8)
    dark = set()
    for seed in range(60):
        lit = finishes.side_light(grey, np.random.default_rng(seed)).mean(axis=2)
        sides = lit[:, :9].mean(), lit[:, -9:].mean(), lit[:9].mean(), lit[-9:].mean()
        assert max(sides) > 1.5 * min(sides)
        dark.add(int(np.argmin(sides)))
    assert dark == {0, 1, 2, 3}


def test_prints_are_in_colour_in_black_and_white_and_in_one_tone(crop):
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    same = grey == np.median(grey)
    kinds = []
    for seed in range(80):
        print_ = finishes.tone(crop, np.random.default_rng(seed))[same].astype(float)
        # Of one grey there is one colour in a print without the picture's own colours.
        of_one_colour = print_.std(axis=0).max() < 0.5
        tinted = np.ptp(print_.mean(axis=0)) > 3
        kinds.append("colour" if not of_one_colour else "toned" if tinted else "black and white")
    share = {kind: kinds.count(kind) / len(kinds) for kind in set(kinds)}
    assert share["colour"] > 0.45 and share["toned"] > 0.15 and share["black and white"] > 0.03


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("side", [8, 24, 300])
def test_a_crop_without_any_contrast_is_no_trouble_and_gets_none_but_from_light(kind, side):
    for value in (0, 128, 255):
        flat = np.full((side, side, 3), value, np.uint8)
        for seed in range(6):
            changed = kind(flat, np.random.default_rng(seed))
            assert changed.shape == flat.shape and changed.dtype == np.uint8
            if kind not in (finishes.spot, finishes.side_light):
                assert np.ptp(changed, axis=(0, 1)).max() == 0
            if kind in (finishes.soften, finishes.glow, finishes.clarity):
                assert abs(int(changed[0, 0, 0]) - value) < 25


@pytest.mark.parametrize(("cut", "low", "high"), [(1.3, 0.05, 0.17), ("full", 0.0, 0.0)])
def test_a_share_of_the_views_of_faces_and_none_of_whole_pictures(
    collins, monkeypatch, cut, low, high
):
    finished = []
    monkeypatch.setattr(augmentation, "finish", lambda pixels, _: finished.append(1) or pixels)
    monkeypatch.setattr(augmentation, "backdrop", lambda pixels, *_: pixels)
    spec = Input(size=48, crop=cut, mean=(127, 127, 127), std=(128, 128, 128))
    random = np.random.default_rng(0)
    for _ in range(400):
        augmentation.view(collins, spec, random)
    assert low <= len(finished) / 400 <= high
