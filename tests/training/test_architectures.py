import keras
import numpy as np
import pytest

from deepfake.errors import TrainingError
from deepfake.training import architectures


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return architectures.build("efficientnet-lite0", 64)


def test_the_evidence_map_averages_to_the_logit(network):
    batch = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)
    outputs = network.predict_on_batch(batch)
    assert outputs["logit"].shape == (2, 1)
    assert outputs["evidence"].mean(axis=(1, 2)) == pytest.approx(outputs["logit"][:, 0], abs=1e-4)


def test_imagenet_weights_reach_every_layer_of_the_backbone(network):
    before = {layer.name: layer.get_weights() for layer in network.layers if layer.weights}
    architectures.load_imagenet(network)
    for layer in network.layers:
        if layer.weights:
            same = all(map(np.array_equal, before[layer.name], layer.get_weights()))
            assert same == layer.name.startswith(("tap", "evidence")), layer.name


@pytest.mark.parametrize(("name", "size"), [("resnet", 64), ("efficientnet-lite0", 65)])
def test_unknown_names_and_odd_sizes_get_a_sentence(name, size):
    with pytest.raises(TrainingError):
        architectures.build(name, size)
