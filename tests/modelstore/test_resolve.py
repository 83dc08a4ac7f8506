import pytest

from deepfake.errors import ModelError
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings, models_folder


@pytest.mark.parametrize("name", ["default", "default/model.tflite", "default/model.json"])
def test_a_model_is_found_by_any_of_its_names(name):
    path = name if name == "default" else models_folder() / name
    assert load_model(path, Settings()).manifest.labels.fake == "fake"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("no/such/folder", "no model"), ("hf://owner/repo", "Hub"), (__file__, ".tflite")],
)
def test_other_names_get_a_sentence(name, expected):
    with pytest.raises(ModelError, match=expected):
        load_model(name, Settings())


def test_a_folder_without_manifest_gets_a_sentence(tmp_path):
    with pytest.raises(ModelError, match=r"model\.json"):
        load_model(tmp_path, Settings())
