from dataclasses import replace

import numpy as np
import pytest

from deepfake.datasets.dataset import find_dataset
from deepfake.forging.face_reader import FaceReader
from deepfake.training.config import TrainingConfig

pytestmark = pytest.mark.tensorflow

CONFIG = TrainingConfig(image_size=64, batch_size=4, steps=3, blend_share=0.5, seed=1)


def batches(labelled, config=CONFIG, **options):
    from deepfake.training.batches import PairBatches

    faces = FaceReader(config.input).training_faces(find_dataset(labelled).samples)
    return PairBatches(faces, config, **options)


def test_batches_are_repeatable_and_differ_between_steps_and_epochs(labelled):
    one, two = batches(labelled), batches(labelled)
    first = one[0][0]
    assert np.array_equal(first, two[0][0])
    assert not np.array_equal(first, one[1][0])
    one.on_epoch_end()
    assert not np.array_equal(first, one[0][0])
    assert np.array_equal(one[0][0], batches(labelled, first_epoch=1)[0][0])


def test_what_is_left_of_an_epoch_is_the_end_of_the_whole(labelled):
    whole, rest = batches(labelled), batches(labelled, first_step=1)
    assert (len(whole), len(rest)) == (3, 2)
    assert all(np.array_equal(rest[step][0], whole[step + 1][0]) for step in range(2))


def test_half_of_a_batch_is_real(labelled):
    views, labels = batches(labelled)[0]
    assert views.shape == (4, 64, 64, 3) and views.dtype == np.float32
    assert labels[:, 0].tolist() == [0, 1, 0, 1]
    assert -1.01 <= views.min() < views.max() <= 1.01


def test_blended_fakes_share_the_damage_of_their_real(labelled):
    views, _ = batches(labelled, replace(CONFIG, blend_share=1.0))[0]
    pair = np.abs(views[0] - views[1]).mean()
    strangers = np.abs(views[0] - views[2]).mean()
    assert 0 < pair < strangers


def test_resynthesised_fakes_share_the_damage_of_their_real(labelled):
    from deepfake.forging.resynthesis import Resynthesizer, build_autoencoder

    maker = Resynthesizer(build_autoencoder(96))
    config = replace(CONFIG, blend_share=0.0, resynthesis_share=1.0)
    views, labels = batches(labelled, config, resynthesizer=maker)[0]
    assert labels[:, 0].tolist() == [0, 1, 0, 1]
    assert 0 < np.abs(views[0] - views[1]).mean() < np.abs(views[0] - views[2]).mean()
