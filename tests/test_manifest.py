import json
import shutil

import pytest

from deepfake import verdict
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
    assert loaded.manifest.labels.fake == ("fake",)
    assert loaded.sha256 == loaded.manifest.files["model.tflite"]


POINTS = [
    {"threshold": 0.4, "false_positive_rate": 0.2, "true_positive_rate": 0.7},
    {"threshold": 0.6, "false_positive_rate": 0.1, "true_positive_rate": 0.5},
]


def elsewhere(**entries):
    """A change that adds figures from elsewhere, right but for `entries`."""
    figures = {"measured_on": "x", "reals": 30, "fakes": 40, "real_sources": 3,
               "fake_sources": 4, "points": POINTS, **entries}  # fmt: skip
    return lambda document: document.update(operating_points_elsewhere=figures)


def test_figures_from_elsewhere_may_be_missing_and_are_read(model):
    rewrite(model, lambda document: document.pop("operating_points_elsewhere", None))
    manifest = read_manifest(model)
    assert verdict.operating_point(manifest, 0.6, elsewhere=True) is None
    rewrite(model, elsewhere())
    point = verdict.operating_point(read_manifest(model), 0.6, elsewhere=True)
    assert (point.false_positive_rate, point.true_positive_rate) == (0.1, 0.5)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda d: d.pop("labels"), "which output means fake", id="no labels"),
        pytest.param(lambda d: d["labels"].pop("fake"), "which output means fake", id="no fake"),
        pytest.param(lambda d: d["labels"].update(fake="x"), "one of different", id="other fake"),
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
        pytest.param(elsewhere(reals=2), "more sources than faces", id="sources"),
        pytest.param(elsewhere(reals=0), "reals", id="no reals"),
        pytest.param(elsewhere(points=POINTS[::-1]), "rising", id="falling points"),
        pytest.param(elsewhere(points=[{**POINTS[0], "false_positive_rate": 1.2}]),
                     "false_positive_rate", id="rate"),
        pytest.param(elsewhere(worst_real_source={"name": "x" * 10_000, "reals": 3,
                                                  "false_positive_rate": 0.5}), "name", id="name"),
        pytest.param(elsewhere(worst_real_source={"name": "x", "reals": 31,
                                                  "false_positive_rate": 0.5}),
                     "more faces than", id="worst"),
        pytest.param(elsewhere(by_kind={"gan": {"true_positive_rate": 0.5, "fakes": 41,
                                                "sources": 1}}), "more of 'gan'", id="kind"),
        pytest.param(elsewhere(by_kind={str(i): {"true_positive_rate": 0.5, "fakes": 1,
                                                 "sources": 1} for i in range(99)}),
                     "by_kind", id="kinds without end"),
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
