import json
import shutil

import pytest

from deepfake.errors import ModelError
from deepfake.manifest import read_manifest, read_weights
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings, models_folder


@pytest.fixture
def model(tmp_path):
    """A copy of the default model that a test may spoil."""
    for name in ("model.json", "model.tflite"):
        shutil.copy(models_folder() / "default" / name, tmp_path)
    return tmp_path


def rewrite(folder, change):
    path = folder / "model.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_the_shipped_model_loads(model):
    loaded = load_model(model, Settings())
    assert loaded.manifest.labels.fake == "fake"
    assert loaded.sha256 == loaded.manifest.files["model.tflite"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda d: d.pop("labels"), "which output means fake", id="no labels"),
        pytest.param(lambda d: d["labels"].pop("fake"), "which output means fake", id="no fake"),
        pytest.param(lambda d: d["labels"].update(fake="x"), "must be one of", id="other fake"),
        pytest.param(lambda d: d["labels"].update(order=["fake", "fake"]), "different", id="same"),
        pytest.param(lambda d: d.update(threshold=2), "threshold", id="threshold"),
        pytest.param(lambda d: d.update(uncertain_band=[0.9, 1.0], threshold=0.5), "uncertain_band",
                     id="band"),
        pytest.param(lambda d: d["files"].update({"../x": "00"}), "beside the manifest", id="path"),
        pytest.param(lambda d: d["input"].update(std=[0, 1, 1]), "std", id="std"),
        pytest.param(lambda d: d.update(extra=1), "extra", id="unknown field"),
        pytest.param(lambda d: d["calibration"].update(temperature=0), "temperature", id="T"),
        pytest.param(lambda d: d["calibration"].update(bias=float("nan")), "bias", id="no number"),
        pytest.param(lambda d: d["calibration"].update(temperature=float("inf")), "temperature",
                     id="endless"),
    ],
)  # fmt: skip
def test_incomplete_manifests_are_refused_with_a_sentence(model, change, expected):
    rewrite(model, change)
    with pytest.raises(ModelError, match=expected):
        read_manifest(model)


def test_a_changed_weight_file_is_refused(model):
    with (model / "model.tflite").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match="SHA-256"):
        load_model(model, Settings())


def test_a_file_that_the_manifest_does_not_list_is_refused(model):
    (model / "other.tflite").write_bytes(b"x")
    with pytest.raises(ModelError, match="does not list"):
        read_weights(model, read_manifest(model), "other.tflite")


@pytest.mark.parametrize("text", ["", "[]", "not json", "{}"])
def test_files_that_are_no_manifest_are_refused(tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ModelError, match="cannot be used"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"test": {"reals": 5, "fakes": 4, "roc_auc": 0.9}, "sources": {"ffhq": [1, 2]}},
        {
            "measured_on": "x",
            "test": {"reals": 5, "fakes": 0, "roc_auc": None, "f1": 0.9},
            "mine": 0.5,
        },
        # It only informs: whatever stands there, the model can be used.
        {"test": None},
        {"test": 0.98, "measured_on": "x"},
        {"measured_on": None, "litert_keras_largest_logit_difference": "small"},
        {"test": {"reals": 5, "fakes": 4, "roc_auc": "n/a", "roc_auc_95": [0.9]}},
        {"test_blended": [], "test_web": {"reals": None}, "test_hard": "as test_web"},
    ],
)
def test_what_was_measured_is_kept_as_it_was_written(model, metrics):
    rewrite(model, lambda manifest: manifest.update(metrics=metrics))
    manifest = read_manifest(model)
    assert json.loads(manifest.model_dump_json())["metrics"] == metrics
    figures = metrics.get("test")
    reals = figures.get("reals", 0) if isinstance(figures, dict) else 0
    assert manifest.metrics.test.reals == reals


def test_the_shipped_manifest_is_written_as_it_was(model):
    text = (model / "model.json").read_text()
    assert read_manifest(model).model_dump_json(indent=1) + "\n" == text
