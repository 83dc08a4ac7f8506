"""Two local worker processes train one network."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys

import numpy as np
import pytest

from deepfake.cli import main

pytestmark = pytest.mark.tensorflow

OPTIONS = ["--architecture", "meso4", "--epochs", "2", "--steps", "3", "--batch-size", "8",
           "--image-size", "32", "--strategy", "multiworker"]  # fmt: skip

# The command itself, with a note of what this worker saw and ended with.
WORKER = """
import sys
import numpy as np
from deepfake import cli
from deepfake.training import batches, trainer

folder, arguments = sys.argv[1], sys.argv[2:]
seen = []
read, fit = batches.PairBatches.__getitem__, trainer.fit

def noting_batches(self, step):
    batch = read(self, step)
    seen.append(float(batch[0].sum()))
    return batch

def noting_weights(*arguments):
    network = fit(*arguments)
    np.savez(folder, *network.get_weights(), seen=sorted(set(seen)))
    return network

batches.PairBatches.__getitem__ = noting_batches
trainer.fit = noting_weights
sys.exit(cli.main(arguments))
"""


def free_ports(count):
    """Ports below those that the system hands out, so that nobody else gets one in between."""
    ports = []
    for port in random.sample(range(20_000, 30_000), 1000):
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise OSError("no free ports")


def start(index, ports, notes, arguments):
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(notes), *arguments],
        env={**os.environ, "TF_CONFIG": json.dumps(config), "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_two_workers_train_one_network_on_different_batches(keras, labelled, tmp_path):
    run = tmp_path / "run"
    arguments = ["train", str(labelled), "-o", str(run), *OPTIONS]
    ports = free_ports(2)
    notes = [tmp_path / f"worker{index}.npz" for index in range(2)]
    workers = [start(index, ports, notes[index], arguments) for index in range(2)]
    results = [worker.communicate(timeout=300) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], results

    chief, other = (np.load(path) for path in notes)
    names = [name for name in chief.files if name != "seen"]
    assert len(names) > 20
    assert all(np.array_equal(chief[name], other[name]) for name in names)
    assert len(chief["seen"]) >= 6 and not set(chief["seen"]) & set(other["seen"])

    # One run folder, written by the chief: a model that serves.
    assert len((run / "history.csv").read_text().splitlines()) == 3
    assert len(json.loads((run / "environment.json").read_text())) == 1
    assert (run / "model.json").is_file()
    saved = keras.saving.load_model(run / "network.keras", compile=False).get_weights()
    assert all(np.array_equal(a, chief[name]) for a, name in zip(saved, names, strict=True))
    assert "model is the chief's" in results[1][0]


@pytest.mark.slow
def test_a_worker_that_disagrees_stops_all_with_a_sentence(labelled, tmp_path):
    arguments = ["train", str(labelled), "-o", str(tmp_path / "run"), *OPTIONS]
    ports = free_ports(2)
    workers = [
        start(index, ports, tmp_path / f"{index}.npz", [*arguments, "--seed", str(index)])
        for index in range(2)
    ]
    errors = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [1, 1], errors
    assert "Another worker has gone away" in errors[0]
    assert "other options, data or teachers" in errors[1]
    assert not any("Traceback" in error for error in errors)


@pytest.mark.parametrize(
    "config",
    [
        None,
        "{",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}, '
        '"task": {"type": "worker", "index": 0}}',
    ],
)
def test_workers_that_are_not_described_get_a_sentence(
    labelled, tmp_path, capsys, monkeypatch, config
):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    assert main(["train", str(labelled), "-o", str(tmp_path / "run"), *OPTIONS]) == 1
    assert "TF_CONFIG" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
