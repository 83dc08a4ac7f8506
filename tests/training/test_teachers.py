"""Learning from trained models: what they say of a view is a part of its target."""

import csv
import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from deepfake import Detector, load_model
from deepfake.cli import main
from deepfake.datasets.dataset import find_dataset
from deepfake.errors import ModelError, TrainingError
from deepfake.forging.face_reader import FaceReader
from deepfake.settings import Settings, models_folder
from deepfake.training.config import TrainingConfig
from deepfake.training.teachers import Teachers, load_teachers

pytestmark = pytest.mark.usefixtures("eagerly")

SIZE = load_model("default").manifest.input.size
SPEC = TrainingConfig(image_size=SIZE).input
SMALL = ["--architecture", "cnn", "--image-size", "32", "--epochs", "2", "--steps", "2",
         "--batch-size", "4", "--blend-share", "0", "--grid", "0", "--edits", "0"]  # fmt: skip


@pytest.fixture(scope="module")
def views(portrait, other_portrait):
    """What the default model sees of the two portraits."""
    detector = Detector("default", settings=Settings())
    return np.stack([detector.detect(path).faces[0].crop for path in (portrait, other_portrait)])


@pytest.fixture
def stubborn(make_model):
    """Names of two models that always say 0.9 and 0.2, whatever the picture."""

    def always(p_fake):
        bias = float(np.log(p_fake / (1 - p_fake)))
        calibration = {"temperature": 1e9, "bias": bias, "fitted_on": "nothing"}
        return str(make_model(f"says-{p_fake}", calibration=calibration))

    return always(0.9), always(0.2)


@pytest.mark.parametrize(
    "changes",
    [{}, {"labels": {"order": ["fake", "real"], "fake": "fake"}},
     {"input": {"size": SIZE, "crop": 1.3, "mean": [90, 90, 90], "std": [200, 200, 200],
                "align": "eyes", "exposure": "level"}}],
    ids=["default", "reversed labels", "another scaling"],
)  # fmt: skip
def test_a_teacher_says_of_a_view_what_it_says_when_it_serves(
    views, portrait, other_portrait, make_model, changes
):
    teacher = make_model("teacher", **changes)
    detector = Detector(teacher, settings=Settings())
    served = [detector.detect(path).p_fake for path in (portrait, other_portrait)]
    assert load_teachers(str(teacher), SPEC).p_fake(views) == pytest.approx(served, abs=1e-6)


def test_several_teachers_are_averaged_by_their_weight(views, stubborn, make_model):
    together = load_teachers(", ".join(stubborn), SPEC).p_fake(views)
    assert together == pytest.approx([0.55, 0.55], abs=1e-6)
    calibration = {"temperature": 1e9, "bias": 0, "fitted_on": "nothing"}
    heavy = make_model("says-half", calibration=calibration, ensemble_weight=3)
    together = load_teachers(f"{heavy},{stubborn[0]}", SPEC).p_fake(views)
    assert together == pytest.approx([0.6, 0.6], abs=1e-6)


def test_a_student_may_see_more_pixels_than_its_teacher(views):
    collins = views[:1]
    spec = TrainingConfig(image_size=288).input
    assert spec.size > SIZE
    larger = np.asarray(Image.fromarray(collins[0]).resize((spec.size, spec.size)))[None]
    same = load_teachers("default", SPEC).p_fake(collins)
    assert load_teachers("default", spec).p_fake(larger) == pytest.approx(same, abs=0.1)


def test_a_target_lies_between_label_and_teachers(labelled, stubborn):
    from deepfake.training.batches import PairBatches

    config = TrainingConfig(
        image_size=64, batch_size=4, steps=1, seed=1, label_smoothing=0.0, teachers=stubborn[0],
        teacher_share=0.7,
    )  # fmt: skip
    faces = FaceReader(config.input).training_faces(find_dataset(labelled).samples)
    teachers = load_teachers(config.teachers, config.input)
    plain = PairBatches(faces, config)
    taught = PairBatches(faces, config, teachers=teachers)
    (views, labels), (same, targets) = plain[0], taught[0]
    assert np.array_equal(views, same)
    assert np.array_equal(targets[:, :1], labels)
    assert targets[:, 1] == pytest.approx([0.63, 0.93, 0.63, 0.93], abs=1e-6)
    # Only the labels are smoothed.
    smoothed = replace(config, label_smoothing=0.1)
    smooth = PairBatches(faces, smoothed, teachers=teachers)[0][1]
    assert smooth[:, 1] == pytest.approx([0.645, 0.915, 0.645, 0.915], abs=1e-6)


def test_a_network_becomes_what_its_teacher_says(labelled, stubborn, tmp_path):
    run = tmp_path / "run"
    command = ["train", str(labelled), "-o", str(run), *SMALL, "--steps", "20",
               "--learning-rate", "0.01",
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


class Fails:
    """A backend that breaks down after some calls."""

    def __init__(self, backend, calls):
        self.backend, self.calls = backend, calls

    def scores(self, batch):
        self.calls -= 1
        if self.calls < 0:
            raise ModelError("It broke down.")
        return self.backend.scores(batch)


def test_a_teacher_that_fails_is_named_and_the_run_goes_on_where_it_stopped(
    trainer, labelled, tmp_path, monkeypatch
):
    from deepfake.training import checkpoint

    samples = find_dataset(labelled).samples
    config = TrainingConfig(
        architecture="cnn", image_size=32, epochs=2, steps=12, batch_size=4, weights="none",
        blend_share=0.0, teachers="default",
    )  # fmt: skip
    unbroken = trainer.fit(samples, config, tmp_path / "unbroken")
    model = load_model("default")
    broken = Teachers([replace(model, backend=Fails(model.backend, 20))], config.input)
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "load_teachers", lambda names, spec: broken)
        with pytest.raises(TrainingError, match=r"The teacher default .* failed. It broke down"):
            trainer.fit(samples, config, run, checkpoint_minutes=1e-9)
    with zipfile.ZipFile(run / "last.keras") as archive:
        progress = json.loads(archive.read(checkpoint.PROGRESS))
    assert (progress["epoch"], progress["step"]) > (1, 0)
    resumed = trainer.fit(samples, config, run)
    for one, other in zip(resumed.get_weights(), unbroken.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_a_run_is_not_gone_on_with_under_other_teachers(labelled, tmp_path, make_model, capsys):
    run, teacher = tmp_path / "run", make_model("teacher")
    command = ["train", str(labelled), "-o", str(run), *SMALL, "--teachers", str(teacher)]
    assert main(command) == 0
    document = json.loads((run / "model.json").read_text())
    assert (
        "Learned also from other models, with a weight of 70 %: teacher 1.0 (SHA-256"
        in (document["training_data"])
    )
    (run / "network.keras").unlink()
    shutil.copyfile(run / "model.tflite", teacher / "model.tflite")
    for key in ("name", "version"):
        document[key] = {"name": "teacher", "version": "1.0"}[key]
    (teacher / "model.json").write_text(json.dumps(document))
    assert main(command) == 1
    assert "was taught by other models" in capsys.readouterr().err


def test_a_source_that_the_teachers_may_know_is_said_to_be_so(two_makers, tmp_path):
    run = tmp_path / "run"
    command = ["train", str(two_makers), "-o", str(run), *SMALL]
    assert main([*command, "--leave-out", "maker_1", "--teachers", "default"]) == 0
    document = json.loads((run / "evaluation" / "report.json").read_text())
    assert "learned from may have been trained with it" in document["protocols"][0]["note"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--teachers", "nobody"], "nobody"), (["--teachers", "default,"], "commas between"),
     (["--teachers", "default", "--crop", "2"], "looks at 1.3 face boxes"),
     (["--teachers", "default", "--exposure", "none"], "pass --exposure level"),
     (["--teachers", "default", "--align", "none"], "pass --align eyes"),
     (["--teacher-share", "0.5"], "without --teachers"),
     (["--teachers", "default", "--teacher-share", "1.5"], "must be in 0..1"),
     (["--teachers", "default", "--teacher-share", "nan"], "must be in 0..1")],
)  # fmt: skip
def test_bad_teachers_get_a_sentence(labelled, tmp_path, capsys, options, expected):
    assert main(["train", str(labelled), "-o", str(tmp_path / "x"), *SMALL, *options]) == 1
    error = capsys.readouterr().err
    assert expected in error and "Traceback" not in error


def test_a_teacher_of_which_too_little_is_known_says_where_to_say_it(labelled, tmp_path, capsys):
    teacher = tmp_path / "classifier.tflite"
    shutil.copyfile(models_folder() / "default" / "model.tflite", teacher)
    command = ["train", str(labelled), "-o", str(tmp_path / "x"), *SMALL]
    assert main([*command, "--teachers", str(teacher)]) == 1
    assert f"deepfake detect PHOTO --model {teacher}" in capsys.readouterr().err


def test_a_teacher_of_whole_pictures_is_refused(make_model):
    spec = {"size": SIZE, "crop": "full", "mean": [0, 0, 0], "std": [255, 255, 255]}
    with pytest.raises(TrainingError, match="judges whole pictures"):
        load_teachers(str(make_model("whole", input=spec)), SPEC)


def test_a_run_of_a_version_without_teachers_can_be_gone_on_with(labelled, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", str(labelled), "-o", str(run), *SMALL]) == 0
    config = json.loads((run / "config.json").read_text())
    del config["teachers"], config["teacher_share"]
    (run / "config.json").write_text(json.dumps(config))
    assert main(["train", str(labelled), "-o", str(run), *SMALL]) == 0
    assert "is finished" in capsys.readouterr().out
