"""`deepfake train` from the command line, on a tiny set, to a model that serves."""

import json
import shutil

import numpy as np
import pytest

from deepfake import Detector
from deepfake.cli import main
from deepfake.errors import TrainingError
from deepfake.evaluation import report
from deepfake.settings import Settings
from tests.programs import free_port

pytestmark = pytest.mark.usefixtures("eagerly")

OPTIONS = ["--epochs", "2", "--steps", "2", "--batch-size", "4", "--image-size", "64",
           "--weights", "none"]  # fmt: skip
# The default network takes minutes to build; what it is made of is tested in tests/networks.
WHOLE = ["--architecture", "cnn", "--image-size", "32", "--epochs", "2", "--steps", "2",
         "--batch-size", "4", "--name", "tiny"]  # fmt: skip
# Without the tables that take longest.
SMALL = [*WHOLE, "--grid", "0", "--edits", "0"]


@pytest.fixture(scope="module")
def run(labelled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "tiny"
    assert main(["train", str(labelled), "-o", str(folder), *WHOLE]) == 0
    return folder


@pytest.fixture(scope="module")
def small_run(run, tmp_path_factory):
    """A copy, for tests that change it."""
    return shutil.copytree(run, tmp_path_factory.mktemp("small") / "run")


def test_the_run_folder_is_a_model(run, portrait, capsys):
    assert main(["detect", "--json", "--model", str(run), str(portrait)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["model"]["name"] == "tiny"
    assert 0 <= report["p_fake"] <= 1


def test_the_keras_file_says_what_the_served_file_says(run, portrait):
    import keras

    from deepfake import preprocessing, verdict

    detector = Detector(run, settings=Settings())
    face = detector.detect(portrait).faces[0]
    manifest = detector.model.manifest
    network = keras.saving.load_model(run / "model.keras", compile=False)
    outputs = network.predict_on_batch(preprocessing.scale(face.crop[None], manifest.input))
    p_fake = verdict.calibrate(outputs["logit"][:, 0].astype(float), manifest.calibration)
    assert p_fake[0] == pytest.approx(face.p_fake, abs=5e-3)
    assert np.abs(outputs["evidence"][0] - face.evidence).max() < 0.1


def test_the_card_and_manifest_hold_what_was_measured(run):
    manifest = json.loads((run / "model.json").read_text())
    assert manifest["metrics"]["test"]["reals"] == 2
    assert len(manifest["operating_points"]["points"]) == 101
    card = (run / "README.md").read_text()
    assert f"{manifest['metrics']['test']['roc_auc']:.3f}" in card


def test_a_finished_run_is_not_trained_again(run, labelled):
    history = (run / "history.csv").read_text()
    assert len(history.splitlines()) == 3
    assert main(["train", str(labelled), "-o", str(run), *SMALL]) == 0
    assert (run / "history.csv").read_text() == history


def test_other_options_are_not_mixed_into_a_run(run, labelled, capsys):
    assert main(["train", str(labelled), "-o", str(run), *SMALL, "--seed", "5"]) == 1
    assert "other options" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--batch-size", "3"], "even number"), (["--weights", "x"], "imagenet"),
     (["--image-size", "65"], "multiple of 32"), (["--blend-share", "2"], "0..1"),
     (["--architecture", "resnet"], "Choose one of"), (["--warm-up-epochs", "2"], "at least one"),
     (["--architecture", "cnn", "--weights", "imagenet"], "no ImageNet weights"),
     (["--architecture", "cnn", "--warm-up-epochs", "1"], "no pretrained backbone"),
     (["--resynthesis-share", "0.6"], "together with the blend share"),
     (["--patience", "-1"], "negative"), (["--crop", "0"], "0.5..4.0 face boxes"),
     (["--crop", "nan"], "finite"), (["--learning-rate", "inf"], "finite"),
     (["--blend-share", "nan"], "finite"), (["--seed", "-1"], "seed must be in 0..4294967295"),
     (["--grid", "-1"], "at least 0")],
)  # fmt: skip
def test_bad_options_get_a_sentence(labelled, tmp_path, capsys, options, expected):
    assert main(["train", str(labelled), "-o", str(tmp_path / "x"), *OPTIONS, *options]) == 1
    assert expected in capsys.readouterr().err


def test_a_run_that_diverges_says_so_and_leaves_its_folder_to_a_better_command(
    labelled, tmp_path, capsys
):
    run = tmp_path / "run"
    command = ["train", str(labelled), "-o", str(run), *SMALL]
    assert main([*command, "--learning-rate", "1e30"]) == 1
    assert "diverged" in capsys.readouterr().err
    assert main(command) == 0
    assert json.loads((run / "config.json").read_text())["learning_rate"] == 6e-4
    assert len((run / "history.csv").read_text().splitlines()) == 3


def test_a_finished_run_ships_again_when_other_things_are_said_of_the_model(
    small_run, labelled, capsys
):
    command = ["train", str(labelled), "-o", str(small_run), *SMALL]
    network = (small_run / "network.keras").read_bytes()
    assert main([*command, "--name", "other", "--threshold-rule", "half"]) == 0
    assert "is finished" not in capsys.readouterr().out
    manifest = json.loads((small_run / "model.json").read_text())
    assert (manifest["name"], manifest["threshold"]) == ("other", 0.5)
    assert (small_run / "network.keras").read_bytes() == network
    assert main([*command, "--name", "other", "--threshold-rule", "half"]) == 0
    assert "is finished" in capsys.readouterr().out
    assert main([*command, "--flip-average"]) == 0
    assert "is finished" not in capsys.readouterr().out
    assert "mirror image" in (small_run / "model.json").read_text()
    assert "--flip-average" in (small_run / "README.md").read_text()
    assert main([*command, "--flip-average"]) == 0
    assert "is finished" in capsys.readouterr().out


def test_a_run_that_fails_while_it_ships_again_is_not_taken_for_finished(
    small_run, labelled, portrait, monkeypatch, capsys
):
    command = ["train", str(labelled), "-o", str(small_run), *SMALL]
    assert main(command) == 0
    assert "mirror image" not in (small_run / "model.json").read_text()

    def fail(*_, **__):
        raise TrainingError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(report, "build", fail)
        assert main([*command, "--flip-average"]) == 1
    capsys.readouterr()
    assert main(command) == 0
    assert "is finished" not in capsys.readouterr().out
    assert main(["detect", "--model", str(small_run), str(portrait)]) == 0


def test_a_finished_run_needs_its_starting_weights_no_more(small_run, labelled, tmp_path, capsys):
    start, run = tmp_path / "start.keras", tmp_path / "run"
    start.write_bytes((small_run / "network.keras").read_bytes())
    command = ["train", str(labelled), "-o", str(run), *SMALL, "--weights", str(start)]
    assert main(command) == 0
    start.unlink()
    assert main(command) == 0
    assert "is finished" in capsys.readouterr().out


def test_the_page_serves_a_trained_run(run, portrait):
    from gradio_client import Client, handle_file

    from tests.web.conftest import serve

    for served in serve(Settings(model=str(run), port=free_port())):
        client = Client(served.url, verbose=False)
        report = client.predict(handle_file(portrait), api_name="/detect")
    assert report["model"]["name"] == "tiny"
    expected = Detector(run, settings=Settings()).detect(portrait)
    assert report["p_fake"] == pytest.approx(expected.p_fake, abs=1e-6)


def nothing(folder, portrait, faceless):
    folder.mkdir()


def one_class(folder, portrait, faceless):
    for index in range(6):
        put(portrait, folder / "real" / f"{index}.png")


def no_faces(folder, portrait, faceless):
    for index in range(6):
        for label in ("real", "fake"):
            put(faceless, folder / label / f"{index}.png")


def no_pictures(folder, portrait, faceless):
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
        for index in range(6):
            (folder / label / f"{index}.png").write_bytes(f"no picture {index}".encode())


def unknown_words(folder, portrait, faceless):
    for label in ("cats", "dogs"):
        put(portrait, folder / label / "0.png")


def put(source, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    # So that they are no copies of each other.
    path.write_bytes(source.read_bytes() + path.as_posix().encode())


@pytest.mark.parametrize("make", [nothing, one_class, no_faces, no_pictures, unknown_words])
def test_every_bad_folder_gets_a_sentence(make, portrait, faceless, tmp_path, capsys):
    make(tmp_path / "data", portrait, faceless)
    assert main(["train", str(tmp_path / "data"), "-o", str(tmp_path / "run"), *SMALL]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said and said.strip().endswith((".", "”"))


def test_a_folder_with_other_files_is_not_written_into(labelled, tmp_path, capsys):
    (tmp_path / "README.md").write_text("mine")
    assert main(["train", str(labelled), "-o", str(tmp_path), *OPTIONS]) == 1
    assert "other files" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_missing_folder_gets_a_sentence(tmp_path, capsys):
    assert main(["train", str(tmp_path / "none"), "-o", str(tmp_path / "x")]) == 1
    assert "no folder" in capsys.readouterr().err


def test_sources_can_be_left_out_and_are_measured_afterwards(two_makers, tmp_path, capsys):
    run = tmp_path / "run"
    command = ["train", str(two_makers), "-o", str(run), *SMALL]
    assert main([*command, "--leave-out", "maker_2"]) == 1
    assert "camera, maker_0, maker_1" in capsys.readouterr().err
    assert main([*command, "--leave-out", "maker_1"]) == 0
    said = capsys.readouterr().out
    assert "left out: maker_1, 4 faces: ROC-AUC" in said and "over 1" in said
    document = json.loads((run / "evaluation" / "report.json").read_text())
    (row,) = document["protocols"]
    assert (row["held_out"], row["kind"], row["count"]) == ("maker_1", "generator", 4)
    assert "maker_1" not in json.loads((run / "model.json").read_text())["training_data"]
    card = (run / "README.md").read_text()
    assert "--leave-out maker_1" in card and "--epochs 2" in card and str(tmp_path) not in card
