import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from deepfake import Detector
from deepfake.errors import ModelError, SettingError
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.hub.address import HubAddress
from deepfake.modelstore.located import place_of
from deepfake.modelstore.resolve import introduce, load_model
from deepfake.settings import Settings, models_folder
from tests.modelstore.tiny_onnx import brightness

WHITE = np.ones((1, 32, 32, 3), np.float32)


@pytest.fixture
def settings(tmp_path):
    return Settings(cache=str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git-LFS pointer"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"", "empty"),
    ],
)
@pytest.mark.parametrize("ending", ["onnx", "tflite", "keras", "h5"])
def test_what_stands_in_the_place_of_a_model_is_named(
    content, expected, ending, tmp_path, settings
):
    path = tmp_path / f"model.{ending}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=expected) as refused:
        load_model(path, settings)
    assert f"model.{ending}" in str(refused.value)


def test_half_an_onnx_file_is_said_to_be_cut_short_by_its_name(tmp_path, settings):
    path = brightness(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ModelError, match=r"model\.onnx is cut short"):
        load_model(path, settings)


@pytest.mark.parametrize(
    "said", [{"class_name": "Sequential", "config": []}, {"modelTopology": {}}]
)
def test_a_model_json_of_keras_is_no_manifest(said, tmp_path, settings):
    (tmp_path / "model.json").write_text(json.dumps(said))
    with pytest.raises(ModelError, match="without its weights"):
        load_model(tmp_path, settings)
    path = brightness(tmp_path / "mine.onnx")
    for name in (path, tmp_path):
        assert load_model(name, settings, answers=Answers(positive="fake")).manifest.name == "mine"


@pytest.mark.parametrize("name", ["default", "default/model.tflite", "default/model.json"])
def test_a_model_is_found_by_any_of_its_names(name):
    path = name if name == "default" else models_folder() / name
    assert load_model(path, Settings()).manifest.labels.fake == ("fake",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("no/such/folder", "no model"), ("hf://owner", "hf://owner/repo"), (__file__, "model")],
)
def test_other_names_get_a_sentence(name, expected, settings):
    with pytest.raises(ModelError, match=expected):
        load_model(name, settings)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default", models_folder() / "default"),
        ("runs/mine", Path("runs/mine")),
        ("~/m.h5", Path.home() / "m.h5"),
        ("hf://a/b/c.onnx@main", HubAddress("a/b", "c.onnx", "main")),
        (Path("hf://a/b"), HubAddress("a/b")),
    ],
)
def test_a_name_is_a_place_on_the_disk_or_on_the_hub(name, expected):
    assert place_of(name) == expected


def test_a_folder_without_manifest_gets_a_sentence(tmp_path):
    with pytest.raises(ModelError, match=r"model\.json"):
        load_model(tmp_path, Settings())


def test_a_lone_file_is_asked_about_once(tmp_path, settings):
    file = brightness(tmp_path / "classifier.onnx")
    with pytest.raises(ModelError, match="--positive"):
        load_model(file, settings)
    told = load_model(file, settings, Answers(positive="real"))
    again = load_model(file, settings)
    assert again.manifest == told.manifest
    assert again.manifest.labels.order == ("fake", "real")
    assert again.backend.scores(WHITE).raw == pytest.approx([1.0])


def test_answers_can_be_changed(tmp_path, settings):
    file = brightness(tmp_path / "classifier.onnx")
    load_model(file, settings, Answers(positive="real"))
    load_model(file, settings, Answers(positive="fake", crop="full"))
    kept = load_model(file, settings).manifest
    assert (kept.labels.order, kept.input.crop) == (("real", "fake"), "full")


def test_one_answer_is_changed_without_repeating_the_others(tmp_path, settings):
    file = brightness(tmp_path / "classifier.onnx")
    load_model(file, settings, Answers(positive="real", scale="-1..1"))
    kept = load_model(file, settings, Answers(crop="full")).manifest
    assert (kept.labels.order, kept.input.crop) == (("fake", "real"), "full")
    assert kept.input.std == (127.5,) * 3


def repository(folder, labels):
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    file = brightness(folder / "onnx" / "model.onnx", columns=2)
    names = {str(index): name for index, name in enumerate(labels)}
    (folder / "config.json").write_text(json.dumps({"id2label": names}))
    size = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(size))
    return file


def test_what_one_repository_says_is_not_taken_for_another_or_kept(tmp_path, settings):
    swapped = repository(tmp_path / "swapped", ["fake", "real"])
    right = repository(tmp_path / "right", ["real", "fake"])
    assert load_model(swapped, settings).manifest.labels.order == ("fake", "real")
    assert load_model(right, settings).manifest.labels.order == ("real", "fake")
    repository(tmp_path / "swapped", ["real", "fake"])
    assert load_model(swapped, settings).manifest.labels.order == ("real", "fake")


def test_a_changed_file_is_another_model_and_is_asked_about_again(tmp_path, settings):
    file = brightness(tmp_path / "classifier.onnx")
    load_model(file, settings, Answers(positive="real"))
    brightness(file, slope=2.0)
    with pytest.raises(ModelError, match="--positive"):
        load_model(file, settings)


def test_a_folder_with_one_model_file_is_that_model(tmp_path, settings):
    brightness(tmp_path / "classifier.onnx")
    assert load_model(tmp_path, settings, Answers(positive="fake")).manifest.name == "classifier"


def test_a_folder_with_several_model_files_is_not_chosen_from(tmp_path, settings):
    brightness(tmp_path / "a.onnx")
    brightness(tmp_path / "b.onnx")
    with pytest.raises(ModelError, match=r"a\.onnx, b\.onnx"):
        load_model(tmp_path, settings, Answers(positive="fake"))


def test_a_repository_that_was_downloaded_by_hand_says_its_labels_itself(tmp_path, settings):
    file = repository(tmp_path, ["Deepfake", "Real"])
    manifest = load_model(file, settings).manifest
    assert manifest.labels.order == ("fake", "real")
    assert manifest.input.mean == pytest.approx((127.5,) * 3)


def test_a_model_with_a_manifest_is_not_answered_for(settings):
    with pytest.raises(ModelError, match="comes with a"):
        load_model("default", settings, Answers(positive="real"))


def test_of_several_models_the_one_without_a_manifest_is_meant(tmp_path, settings):
    file = brightness(tmp_path / "classifier.onnx")
    introduce(["default", str(file)], settings, Answers(positive="real"))
    assert Detector(str(file), settings=settings).model.manifest.labels.order == ("fake", "real")


def test_answers_for_several_models_at_once_get_a_sentence(tmp_path, settings):
    files = [str(brightness(tmp_path / f"{i}.onnx", slope=i)) for i in (1, 2)]
    with pytest.raises(SettingError, match="one at a time"):
        introduce(files, settings, Answers(positive="real"))


def test_a_keras_model_in_a_manifest_is_compared_with_its_hash(tmp_path, settings):
    folder = tmp_path / "model"
    shutil.copytree(models_folder() / "default", folder)
    document = json.loads((folder / "model.json").read_text())
    document["files"] = {"model.keras": "0" * 64}
    (folder / "model.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="not the file that its manifest describes"):
        load_model(folder, settings)


def test_a_file_over_the_limit_is_not_opened(tmp_path):
    file = brightness(tmp_path / "classifier.onnx")
    small = Settings(cache=str(tmp_path), max_model_bytes=100)
    with pytest.raises(ModelError, match="DEEPFAKE_MAX_MODEL_BYTES"):
        load_model(file, small, Answers(positive="real"))
