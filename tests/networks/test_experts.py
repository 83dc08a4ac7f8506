"""Two experts and their noisy-or, from the network to the report."""

import json

import numpy as np
import pytest

from deepfake import Detector, networks, preprocessing, verdict
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings
from tests.default_model import MANIFEST

pytestmark = pytest.mark.usefixtures("eagerly")

NAME, SIZE = "efficientnet-lite0-experts", 64
LOGITS = ("logit", "seam_logit", "synthesis_logit")


@pytest.fixture(scope="module")
def network(keras):
    keras.utils.set_random_seed(5)
    return networks.build(NAME, SIZE)


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).normal(size=(4, SIZE, SIZE, 3)).astype(np.float32)


def test_the_logit_is_the_noisy_or_and_the_mean_of_the_map(network, faces):
    said = network.predict_on_batch(faces)
    p_real = [1 / (1 + np.exp(said[name][:, 0].astype(float))) for name in LOGITS]
    assert p_real[0] == pytest.approx(p_real[1] * p_real[2], rel=1e-4)
    assert said["evidence"].mean(axis=(1, 2)) == pytest.approx(said["logit"][:, 0], abs=1e-4)


def test_an_expert_is_linear_in_means_and_standard_deviations(keras, network, faces):
    pooled = 0
    layers = [network.get_layer(f"expert_maps{index}") for index in range(19)]
    maps = keras.Model(network.input, [layer.input for layer in layers]).predict_on_batch(faces)
    for index, (layer, seen) in enumerate(zip(layers, maps, strict=True)):
        if index >= 12:  # of the stages; the maps before are those of taps and stages
            spread = maps[index - 7].std(axis=(1, 2))
            assert seen.mean(axis=(1, 2)) == pytest.approx(spread, abs=1e-3)
        pooled = pooled + seen.mean(axis=(1, 2)) @ layer.get_weights()[0][0, 0]
    pooled += network.get_layer("expert_maps18").get_weights()[1]
    said = network.predict_on_batch(faces)
    assert said["seam_logit"][:, 0] == pytest.approx(pooled[:, 0], abs=1e-3)
    p_real = (1 / (1 + np.exp(pooled[:, 1:]))).prod(axis=1)
    assert 1 / (1 + np.exp(said["synthesis_logit"][:, 0])) == pytest.approx(p_real, abs=1e-3)


def test_a_network_that_is_sure_does_not_overflow(keras, faces):
    sure = networks.build(NAME, SIZE)
    last = sure.get_layer("expert_maps18")
    for bias in ([90, -90, -90, -90], [-90, 90, 90, 90], [-90, -90, -90, -90]):
        last.set_weights([last.get_weights()[0], np.array(bias, np.float32)])
        said = sure.predict_on_batch(faces)
        assert all(np.isfinite(values).all() for values in said.values())
        assert np.sign(said["logit"]).tolist() == [[np.sign(max(bias))]] * 4


def test_the_mirror_image_counts_for_the_experts_too(network, faces):
    from deepfake.networks.flip_averaging import flip_averaged

    pair = [network.predict_on_batch(f) for f in (faces, np.ascontiguousarray(faces[:, :, ::-1]))]
    said = flip_averaged(network).predict_on_batch(faces)
    for name in LOGITS:
        assert said[name] == pytest.approx((pair[0][name] + pair[1][name]) / 2, abs=1e-4)


def test_drawings_are_told_by_the_means_of_the_same_features_once_that_is_fitted(keras, faces):
    network = networks.build(NAME, SIZE)
    assert (network.predict_on_batch(faces)["drawing_logit"] < 0).all()
    layer = network.get_layer("drawing")
    weights = np.random.default_rng(1).normal(size=layer.get_weights()[0].shape)
    layer.set_weights([weights.astype(np.float32), np.zeros(1, np.float32)])
    maps = [network.get_layer(f"expert_maps{index}").input for index in range(19)]
    pooled = [x.mean(axis=(1, 2)) for x in keras.Model(network.input, maps).predict_on_batch(faces)]
    expected = np.concatenate(pooled, axis=1) @ weights
    said = network.predict_on_batch(faces)["drawing_logit"]
    assert said == pytest.approx(expected, abs=1e-2)


def test_the_report_says_which_expert_spoke(network, portrait, tmp_path):
    network.save(tmp_path / "model.keras")
    from deepfake.files.digest import sha256_of

    document = MANIFEST.model_dump(mode="json")
    document["input"]["size"] = SIZE
    document["files"] = {"model.keras": sha256_of(tmp_path / "model.keras")}
    document["output"]["experts"] = {"seams": "seam_logit", "synthesis": "synthesis_logit"}
    # Whatever the network says, it is called fake.
    document.update(threshold=0.0, uncertain_band=[0.0, 0.0])
    (tmp_path / "model.json").write_text(json.dumps(document))
    model = load_model(tmp_path, Settings(cache=str(tmp_path / "cache")))
    assert model.backend.name == "LiteRT"
    report = Detector(model, settings=Settings()).detect(portrait)
    (face,) = report.faces
    batch = preprocessing.scale(face.crop[None], model.manifest.input)
    expected = network.predict_on_batch(batch)
    assert face.experts.seams == pytest.approx(expected["seam_logit"].item(), abs=1e-3)
    assert face.experts.synthesis == pytest.approx(expected["synthesis_logit"].item(), abs=1e-3)
    said = report.to_dict()
    assert said["faces"][0]["experts"]["seams"] == face.experts.seams
    signs = verdict.signs_of("fake", face.experts.seams, face.experts.synthesis)
    assert said["signs"] == said["faces"][0]["signs"] == signs
    assert report.at(1.0).signs is None
