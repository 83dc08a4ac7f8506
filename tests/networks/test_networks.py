import numpy as np
import pytest

from deepfake import networks, preprocessing
from deepfake.errors import TrainingError
from deepfake.manifest import Input
from deepfake.networks.architectures import APPLICATIONS

pytestmark = pytest.mark.usefixtures("eagerly")

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network(keras):
    keras.utils.set_random_seed(0)
    return networks.build("efficientnet-lite0", 64)


def pictures(size, count=2):
    return RANDOM.integers(0, 256, (count, size, size, 3)).astype(np.uint8)


def scaled(name, crops):
    mean, std = networks.architecture(name).scaling
    spec = Input(size=crops.shape[1], crop=1.3, mean=mean, std=std)
    return preprocessing.scale(crops, spec)


@pytest.mark.parametrize(
    "name", ["efficientnet-lite0", "efficientnet-lite0-experts", "mobilenetv3-small", "resnet50"]
)
def test_the_evidence_map_averages_to_the_logit(name):
    outputs = networks.build(name, 64).predict_on_batch(scaled(name, pictures(64)))
    assert outputs["logit"].shape == (2, 1)
    assert outputs["evidence"].mean(axis=(1, 2)) == pytest.approx(outputs["logit"][:, 0], abs=1e-4)


@pytest.mark.parametrize(("name", "side"), [("cnn", 8), ("meso4", 2), ("mesoinception4", 2)])
def test_the_map_of_a_dense_network_holds_what_each_place_added(keras, name, side):
    keras.utils.set_random_seed(0)
    model = networks.build(name, 64)
    for bias in ("hidden_bias", "score_bias"):
        layer = model.get_layer(bias)
        layer.set_weights([np.full_like(layer.get_weights()[0], 0.1)])
    crops = scaled(name, pictures(64))
    outputs = model.predict_on_batch(crops)
    # The same network by hand: features → Flatten → Dense → (leaky) ReLU → Dense.
    features = keras.Model(model.input, model.get_layer("dropout_features").input)
    flat = features.predict_on_batch(crops).reshape(2, -1)
    kernel = model.get_layer("hidden_places").get_weights()[0]
    hidden = flat @ kernel.reshape(-1, kernel.shape[-1]) + 0.1
    gate = np.where(hidden > 0, 1.0, 0.0 if name == "cnn" else 0.1)
    score = model.get_layer("score").get_weights()[0][:, 0]
    assert outputs["logit"][:, 0] == pytest.approx((hidden * gate) @ score + 0.1, abs=1e-4)
    assert outputs["evidence"].shape == (2, side, side)
    biases = (0.1 * gate) @ score + 0.1
    assert outputs["evidence"].mean(axis=(1, 2)) + biases == pytest.approx(
        outputs["logit"][:, 0], abs=1e-4
    )


def test_imagenet_weights_reach_every_layer_of_the_backbone(network):
    before = {layer.name: layer.get_weights() for layer in network.layers if layer.weights}
    networks.load_imagenet(network)
    for layer in network.layers:
        if layer.weights:
            same = all(map(np.array_equal, before[layer.name], layer.get_weights()))
            assert same == layer.name.startswith(("tap", "evidence")), layer.name


@pytest.mark.parametrize(
    ("name", "module"),
    [("densenet121", "densenet"), ("inceptionv3", "inception_v3"), ("mobilenetv2", "mobilenet_v2"),
     ("resnet50", "resnet50"), ("resnet50v2", "resnet_v2"), ("vgg16", "vgg16"),
     ("xception", "xception")],
)  # fmt: skip
def test_scaling_is_what_the_imagenet_weights_were_trained_with(keras, name, module):
    crops = pictures(32)
    expected = getattr(keras.applications, module).preprocess_input(crops.astype(np.float32))
    ours = scaled(name, crops)
    if APPLICATIONS[name].bgr:
        ours = ours[..., ::-1]
    assert ours == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize(
    ("name", "function"),
    [("efficientnetv2-b0", "EfficientNetV2B0"), ("mobilenetv3-small", "MobileNetV3Small")],
)
def test_scaling_outside_equals_the_scaling_layers_inside(keras, name, function):
    from deepfake.networks import applications

    keras.utils.set_random_seed(1)
    crops = pictures(64)
    inside = getattr(keras.applications, function)(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    bare = applications.backbone(name, 64, None)
    bare.set_weights(inside.get_weights())
    expected = inside.predict_on_batch(crops.astype(np.float32))
    assert bare.predict_on_batch(scaled(name, crops)) == pytest.approx(expected, abs=1e-3)


def test_efficientnet_loses_its_scaling_layers_and_nothing_else(keras):
    from deepfake.networks import applications
    from deepfake.networks.applications import BACKBONE

    keras.utils.set_random_seed(1)
    crops = pictures(64)
    inside = applications.backbone("efficientnetb0", 64, None)
    # What Keras's ImageNet file holds, with the division that Keras adds for it: together 1/std.
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    inside.get_layer(index=2).set_weights([mean, std**2, np.array(0)])
    expected = inside.predict_on_batch(crops.astype(np.float32))
    model = networks.build("efficientnetb0", 64)
    applications.fill_backbone(model, inside)
    features = model.get_layer(BACKBONE).predict_on_batch(scaled("efficientnetb0", crops))
    assert features == pytest.approx(expected, abs=1e-3)


def test_blue_comes_first_for_the_networks_that_want_it(keras):
    from deepfake.networks.applications import BACKBONE

    model = networks.build("resnet50", 64)
    crops = scaled("resnet50", pictures(64))
    direct = model.get_layer(BACKBONE).predict_on_batch(np.ascontiguousarray(crops[..., ::-1]))
    within = keras.Model(model.input, model.get_layer("dropout0").input).predict_on_batch(crops)
    assert within == pytest.approx(direct, abs=1e-4)


def test_weights_that_cannot_be_downloaded_get_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    model = networks.build("mobilenetv3-small", 64)
    with pytest.raises(TrainingError, match="--weights none"):
        networks.load_imagenet(model)


@pytest.mark.parametrize("name", ["cnn", "meso4", "mesoinception4"])
def test_networks_without_imagenet_weights_say_so(name):
    model = networks.build(name, 64)
    with pytest.raises(TrainingError, match="no ImageNet weights"):
        networks.load_imagenet(model)
    with pytest.raises(TrainingError, match="no pretrained backbone"):
        networks.freeze_backbone(model, True)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "mobilenetv3-small"])
def test_a_frozen_backbone_keeps_its_weights_and_statistics(keras, name):
    model = networks.build(name, 64)
    networks.freeze_backbone(model, True)
    trained = keras.Model(model.input, model.output["logit"], name=name)
    trained.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    before = [layer.get_weights() for layer in trained.layers if not layer.trainable]
    trained.train_on_batch(scaled(name, pictures(64, 4)), np.array([[0], [1], [0], [1]]))
    after = [layer.get_weights() for layer in trained.layers if not layer.trainable]
    assert sum(map(len, before)) > 100
    assert all(
        np.array_equal(a, b) for x, y in zip(before, after, strict=True)
        for a, b in zip(x, y, strict=True)
    )  # fmt: skip
    networks.freeze_backbone(trained, False)
    assert len(trained.trainable_variables) == len(networks.build(name, 64).trainable_weights)


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [("resnet", 64, "Choose one of"), ("efficientnet-lite0", 65, "multiple of 32"),
     ("xception", 64, "at least 71"), ("cnn", 100, "multiple of 8")],
)  # fmt: skip
def test_unknown_names_and_odd_sizes_get_a_sentence(name, size, expected):
    with pytest.raises(TrainingError, match=expected):
        networks.build(name, size)
