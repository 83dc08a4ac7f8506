"""Learning from trained models: what they say of a view is a part of its target."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from deepfake import load_model, preprocessing, verdict
from deepfake.cli import main
from deepfake.errors import TrainingError
from deepfake.training import checkpoint
from deepfake.training.batches import PairBatches
from deepfake.training.config import TrainingConfig
from deepfake.training.dataset import FaceReader, find_samples
from deepfake.training.teachers import load_teachers

SPEC = TrainingConfig().input
SMALL = ["--architecture", "cnn", "--image-size", "32", "--epochs", "2", "--steps", "2",
         "--batch-size", "4", "--blend-share", "0"]  # fmt: skip


@pytest.fixture(scope="module")
def views(portrait, other_portrait):
    pictures = [Image.open(path).convert("RGB") for path in (portrait, other_portrait)]
    return np.stack([np.asarray(p.resize((SPEC.size, SPEC.size))) for p in pictures])


@pytest.fixture
def stubborn(make_model):
    """Names of two models that always say 0.9 and 0.2, whatever the picture."""

    def always(p_fake):
        bias = float(np.log(p_fake / (1 - p_fake)))
        calibration = {"temperature": 1e9, "bias": bias, "fitted_on": "nothing"}
        return str(make_model(f"says-{p_fake}", calibration=calibration))

    return always(0.9), always(0.2)


def test_a_teacher_says_of_a_view_what_it_says_when_it_serves(views):
    model = load_model()
    logits = model.backend.scores(preprocessing.scale(views, model.manifest.input)).raw
    served = verdict.calibrate(logits, model.manifest.calibration)
    assert load_teachers("default", SPEC).p_fake(views) == pytest.approx(served, abs=1e-6)


def test_several_teachers_are_averaged(views, stubborn):
    together = load_teachers(", ".join(stubborn), SPEC).p_fake(views)
    assert together == pytest.approx([0.55, 0.55], abs=1e-6)


def test_a_student_may_be_larger_or_smaller_than_its_teacher(views):
    larger = np.stack([np.asarray(Image.fromarray(v).resize((288, 288))) for v in views])
    spec = TrainingConfig(image_size=288).input
    same = load_teachers("default", SPEC).p_fake(views)
    assert load_teachers("default", spec).p_fake(larger) == pytest.approx(same, abs=0.1)


def test_a_teacher_with_another_crop_is_refused():
    with pytest.raises(TrainingError, match=r"default 1\.\d\.\d looks at a crop of 1\.3.*--crop"):
        load_teachers("default", replace(TrainingConfig(), crop=1.6).input)


def test_a_target_lies_between_label_and_teachers(labelled, stubborn):
    spec = TrainingConfig(image_size=64).input
    faces = FaceReader(spec).training_faces(find_samples(labelled))
    teachers = load_teachers(stubborn[0], spec)
    plain = PairBatches(faces, spec, 4, 1, 0.5, 1)
    taught = PairBatches(faces, spec, 4, 1, 0.5, 1, teachers=teachers, teacher_share=0.7)
    (views, labels), (same, targets) = plain[0], taught[0]
    assert np.array_equal(views, same)
    assert np.array_equal(targets[:, :1], labels)
    assert targets[:, 1] == pytest.approx([0.63, 0.93, 0.63, 0.93], abs=1e-6)


def test_a_network_becomes_what_its_teacher_says(labelled, stubborn, tmp_path, caplog):
    run = tmp_path / "run"
    command = ["train", str(labelled), "-o", str(run), *SMALL, "--steps", "40", "--batch-size",
               "8", "--learning-rate", "0.003", "--label-smoothing", "0",
               "--teachers", stubborn[1], "--teacher-share", "1"]  # fmt: skip
    assert main(command) == 0
    assert json.loads((run / "config.json").read_text())["teachers"] == stubborn[1]
    with (run / "history.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    # Of labels alone the loss would go to 0; the entropy of 0.2 is 0.50. It calls all real.
    assert float(last["loss"]) == pytest.approx(0.5, abs=0.05)
    assert float(last["accuracy"]) == pytest.approx(0.5)
    card = (run / "README.md").read_text()
    assert "--teachers says-0.2" in card and str(tmp_path.parent) not in card


def test_a_checkpoint_with_teachers_can_be_gone_on_with(labelled, tmp_path):
    run = tmp_path / "run"
    command = ["train", str(labelled), "-o", str(run), *SMALL, "--teachers", "default"]
    assert main(command) == 0
    (run / "network.keras").unlink()
    model, reached = checkpoint.load(run / "last.keras")
    assert reached.epoch == 2
    views, targets = np.zeros((2, 32, 32, 3), np.float32), np.array([[0, 0.3], [1, 0.6]])
    model.evaluate(views, targets, verbose=0)
    assert main(command) == 0
    assert (run / "network.keras").is_file()


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--teachers", "nobody"], "nobody"), (["--teachers", "default,"], "commas between"),
     (["--teachers", "default", "--crop", "2"], "looks at a crop of 1.3"),
     (["--teachers", "default", "--teacher-share", "1.5"], "must be in 0..1"),
     (["--teachers", "default", "--teacher-share", "nan"], "must be in 0..1")],
)  # fmt: skip
def test_bad_teachers_get_a_sentence(labelled, tmp_path, capsys, options, expected):
    assert main(["train", str(labelled), "-o", str(tmp_path / "x"), *SMALL, *options]) == 1
    error = capsys.readouterr().err
    assert expected in error and "Traceback" not in error


def test_a_run_of_a_version_without_teachers_can_be_gone_on_with(labelled, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", str(labelled), "-o", str(run), *SMALL]) == 0
    config = json.loads((run / "config.json").read_text())
    del config["teachers"], config["teacher_share"]
    (run / "config.json").write_text(json.dumps(config))
    assert main(["train", str(labelled), "-o", str(run), *SMALL]) == 0
    assert "is finished" in capsys.readouterr().out
