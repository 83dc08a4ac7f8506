"""A run that is killed goes on as if nothing had happened."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from deepfake.cli import main
from deepfake.errors import TrainingError

pytestmark = pytest.mark.tensorflow

# Dropout and batch normalisation: what a careless checkpoint forgets. A checkpoint each batch.
OPTIONS = ["--architecture", "meso4", "--epochs", "3", "--steps", "5", "--batch-size", "4",
           "--image-size", "32", "--checkpoint-minutes", "1e-9", "--patience", "3",
           "--grid", "0", "--edits", "0"]  # fmt: skip
SECONDS = 240


@pytest.fixture(scope="module")
def unbroken(labelled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    assert main(["train", str(labelled), "-o", str(folder), *OPTIONS]) == 0
    return folder


def within_an_epoch(run: Path) -> bool:
    """There is a checkpoint from the middle of the second epoch."""
    from deepfake.training import checkpoint

    try:
        with zipfile.ZipFile(run / "last.keras") as archive:
            progress = json.loads(archive.read(checkpoint.PROGRESS))
    except FileNotFoundError:
        return False
    return progress["epoch"] == 1 and 0 < progress["step"] < 4


def while_writing(run: Path) -> bool:
    """There is a checkpoint, and the next one is half written."""
    return (run / "last.keras").exists() and (run / "part-last.keras").exists()


def kill_when(reached, data, run):
    """Start `deepfake train`, and kill it as soon as it has got so far."""
    process = subprocess.Popen(
        [sys.executable, "-m", "deepfake", "train", str(data), "-o", str(run), *OPTIONS],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    end = time.monotonic() + SECONDS
    while True:
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < end, "the run got nowhere"
        if reached(run):
            # It has gone on since we looked. Stopped, it cannot: so look again.
            os.kill(process.pid, signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            if reached(run):
                break
            os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    assert reached(run)


def table(run):
    lines = (run / "history.csv").read_text().splitlines()
    return lines[0], np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])


def test_a_run_that_is_killed_twice_ends_like_an_unbroken_one(keras, unbroken, labelled, tmp_path):
    run = tmp_path / "run"
    for reached in (while_writing, within_an_epoch):
        kill_when(reached, labelled, run)
        assert not (run / "network.keras").exists()
    assert main(["train", str(labelled), "-o", str(run), *OPTIONS]) == 0
    (columns, expected), (names, found) = table(unbroken), table(run)
    assert columns == names and len(found) == 3
    assert found == pytest.approx(expected, abs=1e-3)
    weights, others = (
        keras.saving.load_model(folder / "network.keras", compile=False).get_weights()
        for folder in (unbroken, run)
    )
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(weights, others, strict=True))
    figures, again = (
        json.loads((folder / "model.json").read_text())["metrics"]["test"]
        for folder in (unbroken, run)
    )
    assert again["roc_auc"] == pytest.approx(figures["roc_auc"], abs=1e-3)
    assert again["brier"] == pytest.approx(figures["brier"], abs=1e-3)


def test_a_finished_run_does_not_read_the_faces_again(unbroken, labelled, capsys, monkeypatch):
    monkeypatch.setattr("deepfake.forging.face_reader.FaceReader.__init__", None)
    assert main(["train", str(labelled), "-o", str(unbroken), *OPTIONS]) == 0
    assert "is finished" in capsys.readouterr().out


def test_half_a_checkpoint_gets_a_sentence_and_training_can_begin_anew(
    unbroken, labelled, tmp_path, capsys
):
    from deepfake.training import checkpoint

    run = tmp_path / "run"
    shutil.copytree(unbroken, run)
    for name in ("network.keras", "model.json"):
        (run / name).unlink()
    whole = (run / "last.keras").read_bytes()
    for part in (whole[: len(whole) // 2], b""):
        (run / "last.keras").write_bytes(part)
        with pytest.raises(TrainingError, match=r"last\.keras is damaged"):
            checkpoint.load(run / "last.keras")
    assert main(["train", str(labelled), "-o", str(run), *OPTIONS]) == 1
    assert "last.keras is damaged" in capsys.readouterr().err
    (run / "last.keras").unlink()
    assert main(["train", str(labelled), "-o", str(run), *OPTIONS]) == 0
    # The epochs of the lost checkpoint are not counted twice.
    assert len(table(run)[1]) == 3


def test_a_run_that_was_trained_but_not_exported_is_only_exported(unbroken, labelled):
    before = (unbroken / "last.keras").stat().st_mtime_ns
    manifest = json.loads((unbroken / "model.json").read_text())
    (unbroken / "model.json").unlink()
    assert main(["train", str(labelled), "-o", str(unbroken), *OPTIONS]) == 0
    assert (unbroken / "last.keras").stat().st_mtime_ns == before
    again = json.loads((unbroken / "model.json").read_text())
    assert again["calibration"] == manifest["calibration"]
