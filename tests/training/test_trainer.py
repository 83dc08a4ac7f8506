import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from deepfake import networks, preprocessing
from deepfake.datasets.dataset import find_dataset
from deepfake.errors import TrainingError
from deepfake.training import run_folder
from deepfake.training.config import TrainingConfig
from deepfake.training.face_store import FaceStore
from deepfake.training.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("eagerly")

SMALL = TrainingConfig(
    architecture="cnn", image_size=32, epochs=2, steps=2, batch_size=4, weights="none"
)


@pytest.fixture(scope="module")
def many(tmp_path_factory, portrait, other_portrait):
    """64 pictures; fakes have a grid of the kind that up-sampling leaves behind."""
    folder = tmp_path_factory.mktemp("many")
    sources = [Image.open(path).convert("RGB") for path in (portrait, other_portrait)]
    for split, count in (("train", 24), ("valid", 8)):
        for index in range(count):
            left = 40 + index % 12 * 4
            image = sources[index % 2].crop((left, 0, left + 400, 400)).resize((128, 128))
            for label in ("real", "fake"):
                pixels = np.asarray(image).astype(np.int16)
                if label == "fake":
                    pixels = (
                        pixels + 90 * ((np.indices((128, 128)).sum(axis=0) // 16 % 2)[..., None])
                    )
                path = folder / split / label / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return folder


def rows(run):
    with (run / "history.csv").open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_two_epochs_lower_the_loss(trainer, many, tmp_path):
    config = replace(SMALL, steps=12, batch_size=16, blend_share=0.0, learning_rate=2e-3)
    trainer.fit(find_dataset(many).samples, config, tmp_path / "run")
    first, second = rows(tmp_path / "run")
    assert second["loss"] < first["loss"]
    assert {"accuracy", "valid_auc", "valid_accuracy", "valid_loss"} <= set(first)


def test_the_backbone_is_frozen_first_and_then_learns(trainer, labelled, tmp_path, monkeypatch):
    from deepfake.training import phases

    config = replace(
        SMALL, architecture="mobilenetv3-small", image_size=64, warm_up_epochs=1, epochs=1 + 1
    )
    seen = []
    real = phases.prepare

    def note(model, phase, *rest):
        seen.append(model.get_layer("backbone").get_weights())
        real(model, phase, *rest)

    monkeypatch.setattr(trainer, "prepare", note)
    network = trainer.fit(find_dataset(labelled).samples, config, tmp_path / "run")
    start, warm = seen
    end = network.get_layer("backbone").get_weights()
    assert all(map(np.array_equal, start, warm))
    assert not all(map(np.array_equal, warm, end))


def test_fine_tuning_has_a_lower_rate():
    from deepfake.training import phases

    warm, fine = phases.phases(TrainingConfig(warm_up_epochs=2, epochs=5))
    assert (warm.frozen, warm.first_epoch, warm.end_epoch) == (True, 0, 2)
    assert (fine.frozen, fine.first_epoch, fine.end_epoch) == (False, 2, 5)
    assert fine.learning_rate == pytest.approx(warm.learning_rate / 10)
    given = TrainingConfig(warm_up_epochs=2, epochs=5, fine_tuning_rate=1e-5)
    assert phases.phases(given)[1].learning_rate == 1e-5


def test_early_stopping_counts_epochs_since_the_best():
    from deepfake.training.watch import best_epoch, is_stalled

    history = [{"epoch": e, "valid_auc": auc} for e, auc in enumerate((0.6, 0.8, 0.7, 0.8))]
    assert best_epoch(history) == 1
    config = TrainingConfig(patience=2)
    assert not is_stalled(history[:3], config) and is_stalled(history, config)
    assert not is_stalled(history, replace(config, patience=0))
    # The epochs of the frozen backbone do not count.
    assert not is_stalled(history, replace(config, warm_up_epochs=3))


def test_the_best_epoch_is_what_is_kept(keras, trainer, labelled, tmp_path):
    from deepfake.training.watch import best_epoch

    run = tmp_path / "run"
    config = replace(SMALL, epochs=12, patience=1, learning_rate=5e-2)
    network = trainer.fit(find_dataset(labelled).samples, config, run)
    history = rows(run)
    assert len(history) < 12, "it should have stopped early"
    best = networks.build("cnn", 32)
    logit = keras.Model(best.input, best.output["logit"])
    logit.load_weights(RunFolder(run).best(best_epoch(history)))
    assert all(map(np.array_equal, logit.get_weights(), network.get_weights()))


def test_the_folder_says_what_the_run_was_made_of(keras, trainer, labelled, tmp_path):
    run = tmp_path / "run"
    samples = find_dataset(labelled).samples
    trainer.fit(samples, SMALL, run)
    config = json.loads((run / "config.json").read_text())
    assert config["architecture"] == "cnn" and config["seed"] == 0
    assert config["data_sha256"] == run_folder.data_sha256(samples)
    (start,) = json.loads((run / "environment.json").read_text())
    assert start["packages"]["keras"] == keras.__version__
    assert start["devices"] and start["precision"] == "float32"
    assert (run / "tensorboard").is_dir() == (find_spec("tensorboard") is not None)


def test_the_fingerprint_of_the_data_is_of_its_content_not_its_place(labelled, tmp_path):
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(labelled, moved)
    here = run_folder.data_sha256(find_dataset(moved).samples)
    assert here == run_folder.data_sha256(find_dataset(labelled).samples)
    path = moved / "train" / "real" / "0.png"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert here != run_folder.data_sha256(find_dataset(moved).samples), "same size, other content"


def test_the_fingerprint_of_the_data_knows_sources_and_groups(labelled):
    samples = find_dataset(labelled).samples
    here = run_folder.data_sha256(samples)
    for change in ({"source": "elsewhere"}, {"group": "one video"}):
        assert here != run_folder.data_sha256([replace(samples[0], **change), *samples[1:]])


def test_paths_of_both_kinds_can_be_mixed(labelled, monkeypatch):
    samples = find_dataset(labelled).samples
    monkeypatch.chdir(labelled)
    first = replace(samples[0], path=samples[0].path.relative_to(labelled))
    mixed = [first, *samples[1:]]
    assert run_folder.data_sha256(mixed) == run_folder.data_sha256(samples)


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    part, path = tmp_path / "part-config.json", tmp_path / "config.json"
    part.write_text("new")
    path.write_text("old")
    synced = []
    fsync = os.fsync

    def note(handle):
        synced.append((os.fstat(handle).st_ino, path.read_text()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    inode = part.stat().st_ino
    run_folder.put_in_place(part, path)
    assert synced == [(inode, "old"), (tmp_path.stat().st_ino, "new")]


def test_a_folder_without_a_checkpoint_can_be_claimed_by_another_command(labelled, tmp_path):
    samples = find_dataset(labelled).samples
    folder = RunFolder(tmp_path / "run")
    folder.claim(SMALL, samples)
    folder.note_environment([], "float32")
    (folder.path / "history.csv").write_text("epoch\n0\n")
    folder.claim(replace(SMALL, seed=1), samples)
    assert json.loads((folder.path / "config.json").read_text())["seed"] == 1
    assert not folder.history.exists()
    for name in ("last.keras", "network.keras", "model.json", "mine.txt"):
        (folder.path / name).write_text("not to be lost")
        with pytest.raises(TrainingError, match="other options"):
            folder.claim(SMALL, samples)
        (folder.path / name).unlink()


def test_damaged_files_of_a_run_are_named(labelled, tmp_path):
    samples = find_dataset(labelled).samples
    folder = RunFolder(tmp_path / "run")
    folder.claim(SMALL, samples)
    (folder.path / "environment.json").write_text("")
    folder.note_environment([], "float32")
    assert len(json.loads((folder.path / "environment.json").read_text())) == 1
    folder.history.write_text("epoch,valid_auc\n0,0.")
    assert folder.read_history()[0]["valid_auc"] == 0
    folder.history.write_text("epoch,valid_auc\n0")
    with pytest.raises(TrainingError, match=r"history\.csv is damaged"):
        folder.read_history()
    folder.checkpoint.write_text("whole")
    (folder.path / "config.json").write_text("{")
    with pytest.raises(TrainingError, match=r"config\.json is damaged"):
        folder.claim(SMALL, samples)


def test_validation_views_are_kept_small_and_scaled_when_needed(collins, hopper):
    from deepfake.training import validation

    faces = [collins, hopper, replace(collins, label=1), replace(hopper, label=1)]
    sets = validation.validation_sets(faces, SMALL)
    assert set(sets) == {"generated", "blended"}
    assert all(part.views.dtype == np.uint8 for part in sets.values())
    seen = []

    class Network:
        def predict_on_batch(self, views):
            seen.append(views)
            return np.zeros((len(views), 1), np.float32)

    validation.measure(Network(), sets)
    views = next(iter(sets.values())).views
    assert np.array_equal(seen[0], preprocessing.scale(views, SMALL.input))


def test_faces_on_disk_are_the_faces_that_were_read(collins, hopper, tmp_path):
    store = FaceStore(tmp_path)
    for face in (collins, hopper):
        store.add(face)
    found = store.faces()
    for face, other in zip((collins, hopper), found, strict=True):
        assert np.array_equal(face.pixels, other.pixels) and face.label == other.label
        assert not other.pixels.flags.owndata
    assert not list(tmp_path.iterdir()), "nothing is left behind"
    assert FaceStore(tmp_path).faces() == []


def test_mixed_precision_trains_on_a_cpu_when_asked_to(keras, trainer, labelled, tmp_path):
    from deepfake.training import precision

    config = replace(SMALL, epochs=1, mixed_precision="on")
    network = trainer.fit(find_dataset(labelled).samples, config, tmp_path / "run")
    # What is shipped computes in 32 bits.
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    assert precision.policy("off") == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_a_network_of_ours_or_its_backbone_can_be_the_start(keras, tmp_path):
    from deepfake.networks.starting_weights import load_weights

    source = networks.build("mobilenetv3-small", 64)
    target = networks.build("mobilenetv3-small", 64)

    def backbones_agree():
        return all(
            map(np.array_equal, source.get_layer("backbone").get_weights(),
                target.get_layer("backbone").get_weights())
        )  # fmt: skip

    source.save(tmp_path / "network.keras")
    assert load_weights(target, tmp_path / "network.keras")
    assert all(map(np.array_equal, source.get_weights(), target.get_weights()))

    with_top = keras.applications.MobileNetV3Small(weights=None, include_preprocessing=False)
    for name, model in (
        ("backbone.keras", source.get_layer("backbone")), ("whole.keras", with_top),
        ("backbone.weights.h5", source.get_layer("backbone")),
    ):  # fmt: skip
        target = networks.build("mobilenetv3-small", 64)
        (model.save_weights if name.endswith(".weights.h5") else model.save)(tmp_path / name)
        assert not load_weights(target, tmp_path / name), name
        assert backbones_agree() or name == "whole.keras", name


def test_weights_of_something_else_get_a_sentence(tmp_path):
    from deepfake.networks.starting_weights import load_weights

    networks.build("cnn", 32).save(tmp_path / "cnn.keras")
    with pytest.raises(TrainingError, match="another network"):
        load_weights(networks.build("meso4", 32), tmp_path / "cnn.keras")
    (tmp_path / "page.keras").write_text("<html>")
    with pytest.raises(TrainingError, match="cannot be used"):
        load_weights(networks.build("cnn", 32), tmp_path / "page.keras")


MIRRORED = """
import sys
from pathlib import Path
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from deepfake.training import trainer
from deepfake.training.config import TrainingConfig
from deepfake.datasets.dataset import find_dataset
config = TrainingConfig(
    architecture="meso4", image_size=32, epochs=2, steps=2, batch_size=8, weights="none",
    strategy="mirrored",
)
trainer.fit(find_dataset(Path(sys.argv[1])).samples, config, Path(sys.argv[2]))
"""


def test_two_devices_of_one_machine_train_together(keras, labelled, tmp_path):
    run = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED, str(labelled), str(run)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(rows(run)) == 2
    (start,) = json.loads((run / "environment.json").read_text())
    assert len(start["devices"]) == 2
    network = keras.saving.load_model(run / "network.keras", compile=False)
    assert np.isfinite(network.predict_on_batch(np.zeros((1, 32, 32, 3)))["logit"]).all()
