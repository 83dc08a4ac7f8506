import json

import pytest

from deepfake.errors import ModelError
from deepfake.modelstore.hub.convention import read_convention

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


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("Real", "Fake"), ("real", "fake")),
        (("Fake", "Real"), ("fake", "real")),
        (("Realism", "Deepfake"), ("real", "fake")),
        (("artificial", "human"), ("fake", "real")),
        (("ai", "hum"), ("fake", "real")),
        (("AI-generated", "authentic"), ("fake", "real")),
        (("LABEL_0", "LABEL_1"), None),
        (("Fake", "Not Fake"), None),
        (("Fake", "Deepfake"), None),
        (("real", "cat"), None),
        (("Artificial", "Deepfake", "Real"), None),
    ],
)
def test_labels_are_taken_from_their_names_and_never_guessed(tmp_path, names, order):
    found = read(tmp_path, names)
    assert found.labels == order
    assert bool(found.labels_problem) == (order is None)
    if order is None:
        assert repr(names[0]) in found.labels_problem
        assert "--labels" in found.labels_problem or "two classes" in found.labels_problem


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
        ({"size": {"shortest_edge": 256}, "crop_size": 192}, (192, 127.5, 127.5, "bilinear")),
        ({"do_normalize": False}, (224, 0, 255, "bilinear")),
        ({"do_rescale": False, "do_normalize": False, "resample": 0}, (224, 0, 1, "nearest")),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False,
          "image_processor_type": "EfficientNetImageProcessor"}, (224, 127.5, 127.5, "bilinear")),
        ({"image_processor_type": "EfficientNetImageProcessor", "resample": 1},
         (224, 127.5, 63.75, "lanczos")),
    ],
)  # fmt: skip
def test_preparation_is_taken_over(tmp_path, changes, expected):
    found = read(tmp_path, processor={**VIT, **changes})
    size, mean, std, resample = expected
    assert (found.size, found.resample) == (size, resample)
    assert found.mean == pytest.approx((mean,) * 3) and found.std == pytest.approx((std,) * 3)


def test_channels_keep_their_own_values(tmp_path):
    changes = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    found = read(tmp_path, processor={**VIT, **changes})
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
        ({"size": {"longest_edge": 224}}, "--size"),
        ({"size": 4000}, "4000 pixels"),
        ({"image_mean": [0.5]}, "1 channels"),
        ({"image_std": [0, 0, 0]}, "standard deviation"),
        ({"rescale_factor": 0}, "--scale"),
        ({"image_mean": "half"}, "--scale"),
    ],
)
def test_what_is_not_known_gets_a_sentence(tmp_path, changes, expected):
    with pytest.raises(ModelError, match=expected):
        read(tmp_path, processor={**VIT, **changes})


def test_a_damaged_file_gets_a_sentence(tmp_path):
    read(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        read_convention(tmp_path)
