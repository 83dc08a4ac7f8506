import numpy as np
import pytest

from deepfake.datasets.dataset import find_samples
from deepfake.forging.face_reader import FaceReader
from deepfake.manifest import Input

pytestmark = pytest.mark.tensorflow

SPEC = Input(size=64, crop=1.3, mean=(127, 127, 127), std=(128, 128, 128))


def batches(labelled, **options):
    from deepfake.training.batches import PairBatches

    faces = FaceReader(SPEC).training_faces(find_samples(labelled))
    options = {"blend_share": 0.5, "seed": 1, **options}
    return PairBatches(faces, SPEC, 4, 3, **options)


def test_batches_are_repeatable_and_differ_between_steps_and_epochs(labelled):
    one, two = batches(labelled), batches(labelled)
    first = one[0][0]
    assert np.array_equal(first, two[0][0])
    assert not np.array_equal(first, one[1][0])
    one.on_epoch_end()
    assert not np.array_equal(first, one[0][0])
    assert np.array_equal(one[0][0], batches(labelled, first_epoch=1)[0][0])


def test_half_of_a_batch_is_real(labelled):
    views, labels = batches(labelled)[0]
    assert views.shape == (4, 64, 64, 3) and views.dtype == np.float32
    assert labels[:, 0].tolist() == [0, 1, 0, 1]
    assert -1.01 <= views.min() < views.max() <= 1.01


def test_blended_fakes_share_the_damage_of_their_real(labelled):
    views, _ = batches(labelled, blend_share=1.0)[0]
    pair = np.abs(views[0] - views[1]).mean()
    strangers = np.abs(views[0] - views[2]).mean()
    assert 0 < pair < strangers


def test_resynthesised_fakes_share_the_damage_of_their_real(labelled):
    from deepfake.forging.resynthesis import Resynthesizer, build_autoencoder

    maker = Resynthesizer(build_autoencoder(96))
    views, labels = batches(labelled, blend_share=0.0, resynthesis_share=1.0, resynthesizer=maker)[
        0
    ]
    assert labels[:, 0].tolist() == [0, 1, 0, 1]
    assert 0 < np.abs(views[0] - views[1]).mean() < np.abs(views[0] - views[2]).mean()
