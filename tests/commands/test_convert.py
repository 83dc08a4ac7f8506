import json
import shutil

import pytest

from deepfake import cli
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.compiling import conversion, parity
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings
from tests.modelstore.conversion_files import SIZE, keras_files

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `deepfake convert` within an empty folder; (exit code, stdout, stderr)."""
    monkeypatch.setenv("DEEPFAKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = cli.main(["convert", *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


def test_a_folder_gets_both_files_and_a_manifest_and_can_be_served(run, tmp_path):
    old = keras_files() / "plain.h5"
    before = old.read_bytes()
    code, out, err = run(old, "new", "--positive", "real", "--scale=-1..1", "--crop", "full")
    assert (code, err) == (0, "")
    assert out.count("largest difference is") == 2
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "model.json", "model.keras", "model.tflite",
    ]  # fmt: skip
    assert old.read_bytes() == before
    loaded = load_model(tmp_path / "new", Settings(cache=str(tmp_path / "cache")))
    assert loaded.backend.name == "LiteRT"
    assert loaded.manifest.labels.order == ("fake", "real")
    assert (loaded.manifest.input.mean[0], loaded.manifest.input.crop) == (127.5, "full")


def test_without_all_outputs_the_score_alone_is_kept_and_with_it_the_map(run, tmp_path):
    folder = shutil.copytree(keras_files(), tmp_path / "old")
    code, out, _ = run(folder / "with_evidence.keras", "score/a.tflite")
    assert code == 0 and "Left out: evidence" in out
    # Without a label order there is no manifest, and it says how to get one.
    assert "No model.json was written" in out and "--positive" in out
    assert [path.name for path in (tmp_path / "score").iterdir()] == ["a.tflite"]
    arguments = ("all/a.tflite", "--positive", "fake", "--all-outputs")
    code, out, _ = run(folder / "with_evidence.keras", *arguments)
    assert code == 0 and "Left out" not in out
    settings, batch = Settings(cache=str(tmp_path / "cache")), parity.inputs_for(SIZE, (0, 1))
    score = load_model(tmp_path / "score", settings, answers=Answers(positive="fake")).backend
    both = load_model(tmp_path / "all", settings).backend
    assert score.scores(batch).evidence is None
    assert both.scores(batch).evidence.shape[0] == len(batch)
    assert score.scores(batch).raw == pytest.approx(both.scores(batch).raw, abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("plain.h5", "there.tflite", "--force", id="new is there"),
        pytest.param("plain.h5", "a.onnx", ".tflite or .keras", id="another kind"),
        pytest.param("with_evidence.keras", "link.keras", "never changed", id="old itself"),
        pytest.param("gone.h5", "a.tflite", "no model", id="no such model"),
        pytest.param("plain.h5", "other/a.tflite", "another model", id="a foreign manifest"),
    ],
)
def test_refusals_say_what_to_do(run, tmp_path, old, new, expected):
    (tmp_path / "there.tflite").write_bytes(b"mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.json").write_text(json.dumps({}))
    (tmp_path / "link.keras").symlink_to(keras_files() / "with_evidence.keras")
    code, _, err = run(keras_files() / old, new)
    assert code == 1 and expected in err
    assert (tmp_path / "there.tflite").read_bytes() == b"mine"


def test_a_litert_file_needs_no_conversion(run):
    code, _, err = run("default", "a.keras")
    assert code == 1 and "LiteRT file already" in err


def test_a_foreign_manifest_is_named_with_its_folder(run, tmp_path):
    (tmp_path / "model.json").write_text("{}")
    code, _, err = run(keras_files() / "plain.h5", "a.tflite")
    # Not "in .. Write": a dot of the folder reads as one of the sentence.
    assert code == 1 and f"in the folder '{tmp_path}'. Write" in err


def test_what_is_wrong_with_the_old_model_is_said_first(run, tmp_path):
    keras_files()  # skips without Keras, which brings h5py
    import h5py

    from tests.modelstore.hostile_files import lambda_layer

    (tmp_path / "old").mkdir()
    with h5py.File(tmp_path / "old" / "old.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(lambda_layer(tmp_path / "canary"))
    (tmp_path / "model.json").write_text("{}")
    code, _, err = run("old/old.h5", "a.tflite")
    assert code == 1 and "Lambda" in err and "another model" not in err


def test_what_fails_leaves_nothing_behind(run, tmp_path, monkeypatch):
    def fail(source, folder, *_, **__):
        (folder / "model.tflite").write_bytes(b"half")
        raise parity.NoLiteRTError(f"{conversion.NO_LITERT}: Erfinv.")

    # That a network is beyond LiteRT is converted for in test_compiled.
    monkeypatch.setattr(conversion, "in_sandbox", fail)
    code, _, err = run(keras_files() / "beyond_litert.keras", "new/a.tflite")
    assert code == 1 and "LiteRT cannot" in err
    assert list((tmp_path / "new").iterdir()) == []
