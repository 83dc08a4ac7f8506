import numpy as np
import pytest

from deepfake.forging import augmentation
from deepfake.forging.backdrops import backdrop
from deepfake.manifest import Input

SPEC = Input(size=224, crop=1.3, mean=(127, 127, 127), std=(128, 128, 128))


def plain(pixels):
    """Whether both upper corners are of one colour each."""
    side = pixels.shape[0] // 8
    return max(pixels[:side, x].std(axis=(0, 1)).max() for x in (np.s_[:side], np.s_[-side:])) < 8


def test_another_background_leaves_the_face_as_it_is(crop):
    kept, changed = [], []
    for seed in range(40):
        other = backdrop(crop, np.random.default_rng(seed))
        assert other.shape == crop.shape and other.dtype == np.uint8
        kept.append(np.abs(other[90:160, 80:144].astype(int) - crop[90:160, 80:144]).mean() < 4)
        changed.append(np.abs(other[:20, :20].astype(int) - crop[:20, :20]).mean() > 4)
    assert np.mean(kept) > 0.9 and np.mean(changed) > 0.8


def test_the_same_state_gives_the_same_background(crop):
    once, again = (backdrop(crop, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(once, again)


@pytest.mark.parametrize("seed", range(8))
def test_a_face_and_its_forgery_get_the_same(crop, seed):
    # Or the background itself would tell them apart.
    forged = crop.copy()
    forged[100:150, 90:134] = forged[100:150, 90:134][::-1]
    states = [np.random.default_rng(seed) for _ in range(2)]
    real, fake = (
        backdrop(pixels, random) for pixels, random in zip((crop, forged), states, strict=True)
    )
    assert states[0].bit_generator.state == states[1].bit_generator.state
    difference = np.abs(real.astype(int) - fake)
    difference[95:155, 85:139] = 0
    # Where the head ends may move a little, with the colours of the face.
    assert (difference.max(axis=2) > 30).mean() < 0.05


def figure(factor, side=224):
    """A person of one colour before another, with noise, and where it is."""
    y, x = (np.mgrid[0:side, 0:side] / side - 0.5) * factor / 1.3
    # Broader than heads are, and not where they are, with shoulders.
    head = ((x - 0.03) / 0.33) ** 2 + (y / 0.42) ** 2 < 1
    person = head | ((y > 0.3) & (np.abs(x) < 0.4))
    pixels = np.where(person[..., None], (150, 100, 80), (60, 90, 160))
    noise = np.random.default_rng(0).normal(0, 6, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8), person


@pytest.mark.parametrize("factor", [1.0, 1.3, 2.0, 2.5])
def test_the_person_is_found_by_its_colours_in_crops_of_any_width(factor):
    pixels, person = figure(factor)
    wrong = []
    for seed in range(12):
        changed = np.abs(backdrop(pixels, np.random.default_rng(seed), factor).astype(int) - pixels)
        wrong.append(((changed.max(axis=2) > 12) == person).mean())
    # Soft edges are of both.
    assert np.median(wrong) < 0.06, wrong


def test_a_tight_view_keeps_all_of_its_face(crop_of):
    tight, lost = crop_of(0.9), []
    for seed in range(12):
        other = backdrop(tight, np.random.default_rng(seed), 0.9)
        lost.append((np.abs(other[40:200, 30:194].astype(int) - tight[40:200, 30:194]) > 25).mean())
    assert max(lost) < 0.05, lost


def test_views_of_whole_pictures_keep_their_background(collins, monkeypatch):
    def never(*_):
        raise AssertionError("a whole picture may show anything")

    monkeypatch.setattr(augmentation, "backdrop", never)
    spec = Input(size=48, crop="full", mean=(127, 127, 127), std=(128, 128, 128))
    random = np.random.default_rng(0)
    assert {augmentation.view(collins, spec, random).shape for _ in range(80)} == {(48, 48, 3)}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [0.5, 0.9, 1.3, 2.5])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_crop_without_any_contrast_is_no_trouble(value, factor):
    flat = np.full((96, 96, 3), value, np.uint8)
    assert backdrop(flat, np.random.default_rng(0), factor).shape == flat.shape


def test_a_share_of_training_views_has_a_plain_background(collins):
    random = np.random.default_rng(0)
    views = [augmentation.view(collins, SPEC, random) for _ in range(300)]
    # Five views in 300 have one without it (under a caption): this portrait is before a flag.
    assert 0.05 < np.mean([plain(view) for view in views]) < 0.2
