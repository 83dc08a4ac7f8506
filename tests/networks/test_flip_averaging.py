"""A network and its mirror image → one model that says their mean."""

import json

import numpy as np
import pytest

from deepfake import networks, preprocessing
from deepfake.datasets import dataset
from deepfake.modelstore.resolve import load_model
from deepfake.shipping import cross_source
from deepfake.training.config import TrainingConfig

pytestmark = pytest.mark.usefixtures("eagerly")

# An evidence map of 4 × 4, so that it has a left and a right.
SIDE = 128
CONFIG = TrainingConfig(architecture="meso4", image_size=SIDE, weights="none")


@pytest.fixture(scope="module")
def network(keras):
    keras.utils.set_random_seed(3)
    return networks.build("meso4", SIDE)


@pytest.fixture
def faces():
    return np.random.default_rng(0).normal(size=(3, SIDE, SIDE, 3)).astype(np.float32)


def mirror_image(faces):
    return np.ascontiguousarray(faces[:, :, ::-1])


def test_the_mean_is_said_and_the_evidence_lies_over_the_face(network, faces):
    from deepfake.networks.flip_averaging import flip_averaged

    upright, flipped = (network.predict_on_batch(f) for f in (faces, mirror_image(faces)))
    averaged = flip_averaged(network)
    assert averaged.input.name == network.input.name
    said = averaged.predict_on_batch(faces)
    assert np.abs(upright["evidence"] - upright["evidence"][:, :, ::-1]).max() > 1e-3
    assert np.abs(upright["logit"] - flipped["logit"]).max() > 1e-3
    assert said["logit"] == pytest.approx((upright["logit"] + flipped["logit"]) / 2, abs=1e-5)
    evidence = (upright["evidence"] + flipped["evidence"][:, :, ::-1]) / 2
    assert said["evidence"] == pytest.approx(evidence, abs=1e-5)


def test_a_network_without_evidence_is_averaged_as_well(keras, faces):
    from deepfake.networks.flip_averaging import flip_averaged

    network = networks.build("cnn", SIDE)
    averaged = flip_averaged(keras.Model(network.input, {"logit": network.output["logit"]}))
    said, other = (averaged.predict_on_batch(f)["logit"] for f in (faces, mirror_image(faces)))
    assert said == pytest.approx(other, abs=1e-6)


def test_both_files_of_a_shipped_model_do_it(ship, network, labelled, tmp_path):
    ship.ship(
        network, cross_source.divide(dataset.find_dataset(labelled).samples, ""), CONFIG, tmp_path,
        ship.Description("tiny", "1", "for tests", flip_average=True),
        grid_faces=0, edited_faces=0,
    )  # fmt: skip
    manifest = json.loads((tmp_path / "model.json").read_text())
    assert manifest["architecture"] == "meso4, mean logit of the face and its mirror image"
    assert "mean logit of the face and its mirror image" in (tmp_path / "README.md").read_text()
    views = np.random.default_rng(1).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)
    for file in ("model.tflite", "model.keras"):
        model = load_model(tmp_path / file)
        said = [
            model.backend.scores(preprocessing.scale(v, model.manifest.input))
            for v in (views, mirror_image(views))
        ]
        assert said[0].raw == pytest.approx(said[1].raw, abs=1e-5)
        assert np.ptp(said[0].raw) > 1e-4
        evidence = [scores.evidence for scores in said]
        assert evidence[0] == pytest.approx(evidence[1][:, :, ::-1], abs=1e-4)


@pytest.mark.parametrize("name", ["meso4", "mobilenetv3-small"])
def test_training_goes_on_from_an_averaged_file(name, tmp_path):
    from deepfake.networks.flip_averaging import flip_averaged
    from deepfake.networks.starting_weights import load_weights

    network, other = (networks.build(name, SIDE) for _ in range(2))
    flip_averaged(network).save(tmp_path / "model.keras")
    assert load_weights(other, tmp_path / "model.keras")
    assert all(map(np.array_equal, network.get_weights(), other.get_weights()))
