import json

import pytest

from deepfake.errors import ModelError, UnknownLabelsError
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.protocol import Network
from deepfake.modelstore.hub.convention import read_convention
from deepfake.modelstore.resolve import NOTHING_SAID

VIT = {
    "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "ViTImageProcessor", "image_std": [0.5, 0.5, 0.5], "resample": 2,
    "rescale_factor": 0.00392156862745098, "size": {"height": 224, "width": 224},
}  # fmt: skip


def read(folder, names=("Real", "Fake"), processor=VIT, file="preprocessor_config.json", **more):
    labels = {str(index): name for index, name in enumerate(names)}
    (folder / "config.json").write_text(json.dumps({"id2label": labels, **more}))
    (folder / file).write_text(json.dumps(processor))
    return read_convention(folder)


def complete(found, answers=NOTHING_SAID, **network):
    network = {"size": found.size or 224, "kind": "logits", "classes": len(found.names), **network}
    return answers.complete(Network(**network), "it", {"m.onnx": "0" * 64}, convention=found)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("Real", "Fake"), ("real", "fake")),
        (("Fake", "Real"), ("fake", "real")),
        (("Realism", "Deepfake"), ("real", "fake")),
        (("artificial", "human"), ("fake", "real")),
        (("ai", "hum"), ("fake", "real")),
        (("AI-generated", "authentic"), ("fake", "real")),
        (("spoof", "live"), ("fake", "real")),
        (("bonafide", "attack"), ("real", "fake")),
        (("Bona Fide", "Spoofed"), ("real", "fake")),
        (("Artificial", "Deepfake", "Real"), ("Artificial", "Deepfake", "Real")),
        (("LABEL_0", "LABEL_1"), None),
        (("Fake", "Not Fake"), None),
        (("Fake", "Deepfake"), None),
        (("real", "cat"), None),
        (("live", "print", "replay"), None),
        (("real", "fake", "other"), None),
    ],
)
def test_labels_are_taken_from_their_names_and_never_guessed(tmp_path, names, order):
    found = read(tmp_path, names)
    assert found.labels == order
    if order is None:
        with pytest.raises(UnknownLabelsError, match=r"config.json.*--positive") as refused:
            complete(found)
        assert repr(names[0]) in str(refused.value)
    else:
        assert complete(found).labels.order == order


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"label2id": {"spoof": 1, "live": 0}}, ("live", "spoof")),
        ({"label2id": {"spoof": "0", "live": "1"}}, ("spoof", "live")),
        ({"label_names": ["fake", "real"], "num_classes": 2}, ("fake", "real")),
        ({"pretrained_cfg": {"label_names": ["real", "fake"], "input_size": [3, 64, 64]}},
         ("real", "fake")),
        ({"id2label": {"10": "c", "9": "b", "2": "a"}}, ("a", "b", "c")),
    ],
)  # fmt: skip
def test_labels_need_no_processor(tmp_path, config, names):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_convention(tmp_path).names == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0 Real\n1 Fake\n", ("Real", "Fake")),
        ("0 Live person\r\n1 Print attack\r\n2 Replay\r\n",
         ("Live person", "Print attack", "Replay")),
        ("spoof\nlive", ("spoof", "live")),
        ("1 Real\n0 Fake", ("1 Real", "0 Fake")),
        ("only one", None),
        ("", None),
    ],
)  # fmt: skip
def test_labels_txt_of_teachable_machine_is_read(tmp_path, text, names):
    (tmp_path / "labels.txt").write_text(text, newline="")
    (tmp_path / "keras_model.h5").write_bytes(b"x")
    found = read_convention(tmp_path)
    assert (found and found.names) == names
    (tmp_path / "other.tflite").write_bytes(b"x")
    assert read_convention(tmp_path) is None, "of which of the two models?"


def test_labels_are_ordered_by_their_number(tmp_path):
    found = read(tmp_path)
    (tmp_path / "config.json").write_text('{"id2label": {"1": "Real", "0": "Fake"}}')
    assert found.labels == ("real", "fake") and read_convention(tmp_path).labels[0] == "fake"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (224, 127.5, 127.5, "bilinear")),
        ({"size": 384, "resample": 3}, (384, 127.5, 127.5, "bicubic")),
        ({"size": {"shortest_edge": 256}, "do_center_crop": True,
          "crop_size": {"height": 224, "width": 224}}, (224, 127.5, 127.5, "bilinear")),
        ({"size": {"shortest_edge": 256}, "crop_size": 192, "do_center_crop": True},
         (192, 127.5, 127.5, "bilinear")),
        ({"do_normalize": False}, (224, 0, 255, "bilinear")),
        ({"do_rescale": False, "do_normalize": False, "resample": 0}, (224, 0, 1, "nearest")),
        ({"resample": 4}, (224, 127.5, 127.5, "box")),
        ({"resample": 5}, (224, 127.5, 127.5, "hamming")),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False,
          "include_top": False,
          "image_processor_type": "EfficientNetImageProcessor"}, (224, 127.5, 127.5, "bilinear")),
        ({"image_processor_type": "EfficientNetImageProcessor", "resample": 1},
         (224, 127.5, 63.75, "lanczos")),
    ],
)  # fmt: skip
def test_preparation_is_taken_over(tmp_path, changes, expected):
    found = read(tmp_path, processor={**VIT, **changes}).input
    size, mean, std, resample = expected
    assert (found.size, found.resample) == (size, resample)
    assert found.mean == pytest.approx((mean,) * 3) and found.std == pytest.approx((std,) * 3)


def test_channels_keep_their_own_values(tmp_path):
    changes = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    found = read(tmp_path, processor={**VIT, **changes}).input
    assert found.mean == pytest.approx((123.675, 116.28, 103.53))
    assert found.std == pytest.approx((58.395, 57.12, 57.375))


def test_files_are_found_beside_the_model_and_above(tmp_path):
    inner = tmp_path / "onnx"
    inner.mkdir()
    read(tmp_path, architectures=["SiglipForImageClassification"])
    assert read_convention(inner, tmp_path).architecture == "SiglipForImageClassification"
    assert read_convention(inner) is None


def test_the_newer_place_of_the_processor_is_read(tmp_path):
    assert read(tmp_path, processor={"image_processor": VIT}, file="processor_config.json")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"size": {"height": 224, "width": 320}}, "224 × 320, not square"),
        ({"size": {"longest_edge": 224}}, "is missing"),
        ({"size": {"shortest_edge": 224, "longest_edge": 300}}, "longest_edge"),
        ({"size": 4000}, "4000 pixels"),
        ({"image_mean": [0.5]}, "1 channels"),
        ({"image_std": [0, 0, 0]}, "standard deviation"),
        ({"rescale_factor": 0}, "--scale"),
        ({"image_mean": "half"}, "--scale"),
        ({"do_resize": False}, "do_resize is false"),
        ({"do_pad": True}, "do_pad"),
        ({"resample": "sharp"}, "resample"),
        ({"image_processor_type": "Siglip2ImageProcessor"}, "Siglip2"),
    ],
)
def test_what_is_not_known_gets_a_sentence_and_can_be_said(tmp_path, changes, expected):
    found = read(tmp_path, processor={**VIT, **changes})
    with pytest.raises(ModelError, match=expected) as refused:
        complete(found)
    assert "--recipe" in str(refused.value)
    assert complete(found, Answers(recipe="vit")).input.resize == "squash"


def test_a_recipe_comes_before_the_repository_and_an_option_changes_one_thing(tmp_path):
    found = read(tmp_path)
    assert complete(found, Answers(recipe="opencv")).input.channels == "bgr"
    changed = complete(found, Answers(crop="face")).input
    assert (changed.crop, changed.resize, changed.mean) == (1.3, "squash", (127.5,) * 3)


def test_a_network_of_another_size_than_its_repository_says_is_asked_about(tmp_path):
    with pytest.raises(ModelError, match="--resize"):
        complete(read(tmp_path), size=256)
    assert complete(read(tmp_path), Answers(resize="squash"), size=256).input.size == 256


TIMM = {
    "input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.9, "num_classes": 2,
    "crop_mode": "center", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
    "label_names": ["fake", "real"],
}  # fmt: skip


def test_timm_says_all_in_config_json(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"architecture": "resnet18", "pretrained_cfg": TIMM})
    )
    manifest = complete(read_convention(tmp_path))
    spec = manifest.input
    assert (spec.size, spec.resize, spec.resize_to) == (224, "crop", 248)
    assert spec.resample == "bicubic" and spec.std == pytest.approx((58.395, 57.12, 57.375))
    assert manifest.labels.order == ("fake", "real")


def test_a_damaged_file_gets_a_sentence(tmp_path):
    read(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        read_convention(tmp_path)
