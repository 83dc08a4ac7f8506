"""A trained network → the file that is served says what the network says."""

import numpy as np
import pytest

from deepfake.errors import TrainingError


@pytest.fixture
def network(keras):
    """A network that weighs pixels by as much as it is told."""

    def make(weight):
        image = keras.Input((16, 16, 3))
        pixels = keras.layers.Flatten()(image)
        logit = keras.layers.Dense(1, use_bias=False)
        made = keras.Model(image, {"logit": logit(pixels)})
        # Half of them cancel the others, but for what rounding leaves.
        values = weight * np.random.default_rng(0).standard_normal((768, 1))
        logit.set_weights([values.astype(np.float32)])
        return made

    return make


@pytest.fixture
def faces():
    return np.random.default_rng(1).random((4, 16, 16, 3), np.float32)


@pytest.fixture
def export(keras):
    from deepfake.shipping import export

    return export


def test_weights_are_halved_where_that_moves_no_logit(export, network, faces, tmp_path):
    assert export.export(network(0.1), tmp_path, faces) <= export.MAX_LOGIT_DIFFERENCE
    half = (tmp_path / export.LITERT_FILE).stat().st_size
    assert export.export(network(50.0), tmp_path, faces) <= export.MAX_LOGIT_DIFFERENCE
    # 768 weights, two bytes each.
    assert (tmp_path / export.LITERT_FILE).stat().st_size - half == pytest.approx(1536, abs=600)


def test_files_that_disagree_are_told(export, network, faces, tmp_path):
    export.export(network(0.1), tmp_path, faces)
    network(0.2).save(tmp_path / export.KERAS_FILE)
    with pytest.raises(TrainingError, match="differs from the Keras model by"):
        export.compare(tmp_path, faces)
