import numpy as np
import pytest

from deepfake import verdict
from deepfake.errors import ModelError, SettingError
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.protocol import Network
from deepfake.modelstore.classes import unlabelled

FILES = {"model.h5": "ab" * 32}
ONE = Network(size=128, kind="sigmoid")
TWO = Network(size=224, kind="softmax")


def p_fake(manifest, scores):
    logits = verdict.fake_logits(np.array(scores), manifest)
    return verdict.calibrate(logits, manifest.calibration)


@pytest.mark.parametrize(
    ("given", "network", "scores", "expected"),
    [
        (Answers(positive="fake"), ONE, [0.9, 0.2], [0.9, 0.2]),
        (Answers(positive="real"), ONE, [0.9, 0.2], [0.1, 0.8]),
        (Answers(labels="fake,real"), ONE, [0.9], [0.1]),
        (Answers(labels="Real, Deepfake"), TWO, [[0.7, 0.3]], [0.3]),
        (Answers(labels="fake,real"), TWO, [[0.7, 0.3]], [0.7]),
        (Answers(positive="fake"), Network(64, "logits"), [[-1.0, 1.0]], [0.880797]),
    ],
)
def test_the_answers_say_what_a_score_means(given, network, scores, expected):
    manifest = given.complete(network, "model", FILES)
    np.testing.assert_allclose(p_fake(manifest, scores), expected, atol=1e-6)


@pytest.mark.parametrize("network", [ONE, TWO])
def test_without_an_answer_the_label_order_is_not_guessed(network):
    with pytest.raises(ModelError, match="--positive"):
        Answers(scale="0..1").complete(network, "model.h5", FILES)


def test_a_real_below_rule_is_a_threshold_on_the_other_class():
    manifest = Answers(positive="real", real_below=0.7).complete(ONE, "model", FILES)
    scores = p_fake(manifest, [0.69, 0.71])
    assert [bool(p >= manifest.threshold) for p in scores] == [True, False]


@pytest.mark.parametrize(
    ("scale", "black", "white"),
    [("0..1", 0, 1), ("-1..1", -1, 1), ("0..255", 0, 255), ("imagenet", -2.1179, 2.2489)],
)
def test_the_scale_is_what_the_network_gets(scale, black, white):
    from deepfake import preprocessing

    manifest = Answers(positive="fake", scale=scale).complete(ONE, "model", FILES)
    spec = manifest.input
    pixels = np.array([[[[0, 0, 0]], [[255, 255, 255]]]], np.uint8)
    values = preprocessing.scale(pixels, spec)[0, :, 0, 0]
    np.testing.assert_allclose(values, [black, white], atol=1e-3)
    # What is compiled is compared on such values, whoever said them; else on usual ones.
    said = (Answers(scale=scale).span(None), Answers().span(manifest))
    if scale != "imagenet":
        assert said == ((black, white),) * 2
    assert Answers().span(None) is None


def test_a_network_that_scales_its_input_gets_whole_numbers_and_a_warning_otherwise():
    network = Network(128, "sigmoid", rescaling="Rescaling(scale=0.0039)")
    untold, doubled = Answers(positive="fake"), Answers(positive="fake", scale="0..1")
    assert untold.complete(network, "m", FILES).input.std == (1.0, 1.0, 1.0)
    assert "once too often" in " ".join(doubled.remarks(network))
    assert "once too often" not in " ".join(untold.remarks(network))


def test_what_was_taken_without_being_told_is_said():
    assert "--scale" in " ".join(Answers(positive="fake").remarks(ONE))
    assert "--resize squash" in " ".join(
        Answers(positive="fake", scale="0..1", crop="full").remarks(ONE)
    )
    assert not Answers(positive="fake", scale="0..1", resize="squash").remarks(ONE)
    assert not Answers(positive="fake", recipe="vit").remarks(ONE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"positive": "print,"},
        {"recipe": "pizza"},
        {"resize": "stretch"},
        {"resize": "crop:9"},
        {"resize": "none:256"},
        {"resize": "none", "crop": "face"},
        {"resample": "sharp"},
        {"channels": "cmyk"},
        {"scale": "caffe", "channels": "rgb"},
        {"recipe": "caffe", "channels": "rgb"},
        {"labels": "live,print,print"},
        {"labels": "live,print,replay", "positive": "mask"},
        {"labels": "live,spoof", "positive": "live,spoof"},
        {"labels": "fake"},
        {"labels": "cat,dog"},
        {"labels": "fake,deepfake"},
        {"labels": "fake,real", "positive": "fake"},
        {"scale": "0..2"},
        {"crop": "9"},
        {"crop": "nose"},
        {"size": 3},
        {"real_below": 1.5},
        {"real_below": float("nan")},
    ],
)
def test_a_wrong_answer_gets_a_sentence(wrong):
    with pytest.raises(SettingError, match=r"Received|give one|whole pictures|must mean real"):
        Answers(**wrong)


def test_what_is_said_later_is_put_over_what_was_said_before():
    before = Answers(labels="fake,real", scale="-1..1", real_below=0.7)
    assert Answers(crop="full").over(before) == Answers(
        labels="fake,real", scale="-1..1", real_below=0.7, crop="full"
    )
    assert Answers(positive="fake").over(before).labels == ""


def test_a_guess_at_the_output_is_said_and_can_be_put_right():
    network = Network(64, "sigmoid", guessed=True)
    assert "--returns logit" in " ".join(Answers(positive="fake").remarks(network))
    manifest = Answers(positive="fake", returns="logit").complete(network, "m", FILES)
    assert p_fake(manifest, [0.3])[0] == pytest.approx(0.574443, abs=1e-6)


def test_a_rule_on_real_is_kept_to_the_letter():
    manifest = Answers(positive="fake", real_below=0.7).complete(ONE, "m", FILES)
    verdicts = [
        verdict.decide(p, manifest.threshold, manifest.uncertain_band) for p in (0.19, 0.25, 0.31)
    ]
    assert verdicts == ["real", "uncertain", "fake"]


THREE = Network(64, "softmax", classes=3)
SCORES = [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Answers(labels="live,print,replay", positive="print,replay"), [0.5, 0.9, 0.1]),
        (Answers(labels="live,print,replay", positive="Replay, PRINT"), [0.5, 0.9, 0.1]),
        (Answers(positive="1,2"), [0.5, 0.9, 0.1]),
        (Answers(positive="1"), [0.3, 0.8, 0.05]),
        (Answers(labels="real,fake,other", positive="fake"), [0.3, 0.8, 0.05]),
        (Answers(labels="Live,spoof,deepfake"), [0.5, 0.9, 0.1]),
        (Answers(labels="gan,diffusion,real", positive="fake"), [0.8, 0.9, 0.95]),
    ],
)
def test_of_several_classes_some_mean_fake(given, expected):
    manifest = given.complete(THREE, "model", FILES)
    np.testing.assert_allclose(p_fake(manifest, SCORES), expected, atol=1e-6)
    again = manifest.model_validate_json(manifest.model_dump_json())
    np.testing.assert_allclose(p_fake(again, SCORES), expected, atol=1e-6)
    logits = given.complete(Network(64, "logits", classes=3), "model", FILES)
    np.testing.assert_allclose(p_fake(logits, np.log(SCORES)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Answers(), "tells 3 classes apart.*--labels"),
        (Answers(labels="live,print,replay"), "--positive print,replay"),
        (Answers(labels="real,fake"), "names 2 classes"),
        (Answers(positive="real"), "those that mean fake"),
        (Answers(positive="spoof"), "--labels in their order"),
        (Answers(positive="0,1,2"), "one must mean real"),
        (Answers(positive="3"), "'3'"),
    ],
)
def test_several_classes_are_never_guessed(given, expected):
    with pytest.raises((ModelError, SettingError), match=expected):
        given.complete(THREE, "model", FILES)


def test_two_outputs_with_other_names_need_one_that_means_fake():
    manifest = Answers(labels="bona,mask", positive="mask").complete(TWO, "model", FILES)
    np.testing.assert_allclose(p_fake(manifest, [[0.7, 0.3]]), [0.3], atol=1e-6)
    names = Answers(labels="live,print,replay")
    assert Answers(positive="print").over(names).labels == "live,print,replay"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Answers(recipe="keras-224"), ("full", "squash", "nearest", "rgb", 0, 255)),
        (Answers(recipe="teachable-machine"), ("full", "crop", "lanczos", "rgb", 127.5, 127.5)),
        (Answers(recipe="opencv"), ("full", "squash", "linear", "bgr", 0, 255)),
        (Answers(recipe="caffe"), ("full", "squash", "nearest", "bgr", 103.939, 1)),
        (Answers(recipe="vit"), ("full", "squash", "bilinear", "rgb", 127.5, 127.5)),
        (Answers(recipe="opencv", crop="1.5"), (1.5, "squash", "linear", "bgr", 0, 255)),
        (Answers(recipe="vit", scale="0..1"), ("full", "squash", "bilinear", "rgb", 0, 255)),
        (Answers(resize="squash"), ("full", "squash", "bilinear", "rgb", 0, 255)),
        (Answers(scale="caffe"), (1.3, "crop", "bilinear", "bgr", 103.939, 1)),
        (Answers(channels="grey"), (1.3, "crop", "bilinear", "grey3", 0, 255)),
    ],
)
def test_recipes_and_options_say_how_pictures_are_prepared(given, expected):
    spec = Answers(positive="fake").over(given).complete(ONE, "model", FILES).input
    found = spec.crop, spec.resize, spec.resample, spec.channels, spec.mean[0], spec.std[0]
    assert found == expected and spec.size == ONE.size


def test_a_network_of_one_channel_gets_grey():
    grey = Network(64, "sigmoid", channels=1)
    assert Answers(positive="fake").complete(grey, "m", FILES).input.channels == "grey"


def test_another_recipe_is_another_whole():
    before = Answers(positive="real", scale="-1..1", crop="full", resize="crop:256")
    assert Answers(recipe="vit").over(before) == Answers(positive="real", recipe="vit")


def test_old_answers_mean_what_they_meant():
    """As of 2.0.0: the crop's middle, RGB, two classes."""
    manifest = Answers(positive="fake", crop="full").complete(ONE, "model", FILES)
    written = manifest.input.model_dump(mode="json")
    assert written == {
        "size": 128, "crop": "full", "mean": [0.0] * 3, "std": [255.0] * 3,
        "resample": "bilinear", "align": "none", "exposure": "none",
    }  # fmt: skip
    assert manifest.labels.model_dump(mode="json") == {"order": ["real", "fake"], "fake": "fake"}


def test_names_of_a_strangers_classes_are_never_codes_for_a_terminal():
    """`config.json` may hold any text, and its names stand in what a user is told to type."""
    said = unlabelled("model", 2, False, ("a\x1b[31mb", "c\x1b[2Jd"), "config.json")
    assert said.isprintable() and "--positive 1." in said
