import numpy as np
import pytest

from deepfake.opencv import cv2


def detail(pixels):
    return cv2.subtract(pixels, cv2.GaussianBlur(pixels, (0, 0), 1.0)).std()


@pytest.fixture(scope="module")
def resynthesizer(resynthesis, collins, hopper, tmp_path_factory):
    """Fitted for a few steps only: colours come from the thumbnail from the first step on."""
    folder = tmp_path_factory.mktemp("run")
    network = resynthesis.fit_autoencoder([collins, hopper], seed=0, steps=6)
    network.save(folder / resynthesis.FILE)
    return resynthesis.load_or_fit([collins, hopper], 0, folder)


def test_fitting_lowers_the_error(resynthesis, collins):
    def error(steps):
        network = resynthesis.fit_autoencoder([collins], seed=0, steps=steps)
        patch = collins.pixels[None, 100:196, 150:246].astype(np.float32) / 255
        outputs = network.predict_on_batch(patch)
        return max(float(np.abs(output - patch).mean()) for output in outputs.values())

    assert error(10) < 0.9 * error(1)


def test_the_same_seed_makes_the_same_fake(resynthesizer, collins):
    first, again, other = (
        resynthesizer.fake(collins, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)
    assert (first.label, first.source) == (1, "resynthesis")


def test_fakes_stay_the_same_picture_to_the_eye(resynthesizer, collins, hopper):
    for face in (collins, hopper):
        for seed in range(12):
            fake = resynthesizer.fake(face, np.random.default_rng(seed)).pixels
            assert fake.shape == face.pixels.shape and fake.dtype == np.uint8
            assert 0.1 < np.abs(fake.astype(int) - face.pixels).mean() < 16


def test_softness_does_not_give_a_chain_away(resynthesis, collins):
    # A network that learned "soft is fake" would call soft photographs of real people fake.
    for seed in range(8):
        made = resynthesis.chain(collins.pixels, np.random.default_rng(seed))
        assert detail(made) == pytest.approx(detail(collins.pixels), rel=0.35)


def test_the_autoencoder_of_a_run_is_fitted_once(resynthesis, collins, tmp_path, monkeypatch):
    monkeypatch.setattr(resynthesis, "FITTING_STEPS", 2)
    fitted = resynthesis.load_or_fit([collins], 0, tmp_path)
    again = resynthesis.load_or_fit([], 0, tmp_path)
    fakes = [r.fake(collins, np.random.default_rng(1)).pixels for r in (fitted, again)]
    assert np.array_equal(*fakes)
