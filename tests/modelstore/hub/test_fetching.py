"""Models of the Hub, through its real client, from a server on this machine."""

import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from deepfake.modelstore.hub.convention import read_convention
from tests import default_model
from tests.modelstore.hub_server import TOKEN, HubServer, sha256

ROOT = Path(__file__).parents[3]
SCRIPT = """
import json, sys
from deepfake.errors import ModelError
from deepfake.modelstore.hub.address import HubAddress
from deepfake.modelstore.hub.fetching import fetch
from deepfake.settings import Settings
for address, update in json.loads(sys.argv[1]):
    try:
        found = fetch(HubAddress.parse(address), Settings.from_environment(), update=update)
        record = found.record
        print(json.dumps({
            "address": str(record.address), "commit": record.commit, "private": record.private,
            "note": record.note, "sha256": found.sha256, "file": str(found.file),
            "folder": str(found.folder), "manifest": bool(found.manifest),
        }))
    except ModelError as error:
        print(json.dumps(str(error)))
"""
WEIGHTS = bytes(range(256)) * 2000


class Client:
    """A user of the Hub, with a cache of their own."""

    def __init__(self, hub, home):
        self.home = home
        self.environment = {
            **os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home / "hf"),
            "DEEPFAKE_CACHE": str(home / "deepfake"), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": "",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }  # fmt: skip

    def run(self, *command, **environment):
        """In a process of its own: the Hub's client reads its settings when imported."""
        return subprocess.run(
            [sys.executable, *command], env={**self.environment, **environment},
            cwd=self.home, capture_output=True, text=True,
        )  # fmt: skip

    def fetch(self, *addresses, update=False, **environment):
        asked = json.dumps([(address, update) for address in addresses])
        done = self.run("-c", SCRIPT, asked, **environment)
        assert done.returncode == 0, done.stderr
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return found[0] if len(found) == 1 else found

    def deepfake(self, *arguments, **environment):
        return self.run("-m", "deepfake", *arguments, **environment)


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


@pytest.fixture
def client(hub, tmp_path):
    return Client(hub, tmp_path)


def shipped(*names):
    folder = default_model.FOLDER
    return {name: (folder / name).read_bytes() for name in names}


def test_only_what_is_needed_is_fetched_and_pinned_to_a_commit(hub, client):
    files = shipped("model.json", "model.tflite", "README.md")
    repo = hub.add("team/faces", {**files, "model.keras": b"PK", "data.bin": b"never"})
    found = client.fetch("hf://team/faces")
    assert found["address"] == f"hf://team/faces@{repo.refs['main']}"
    assert found["sha256"] == sha256(files["model.tflite"])
    assert Path(found["file"]).read_bytes() == files["model.tflite"] and found["manifest"]
    assert {path.rpartition("/")[2] for path in hub.downloads()} == set(files)
    assert Path(found["file"]).is_relative_to(client.home / "hf" / "hub")


def test_a_model_of_the_hub_gives_the_same_scores(hub, client, portrait, detector):
    hub.add("team/faces", shipped("model.json", "model.tflite", "README.md"))
    done = client.deepfake("detect", "--json", "--model", "hf://team/faces", str(portrait))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["p_fake"] == pytest.approx(detector.detect(portrait).p_fake)


def test_the_second_start_asks_nobody_and_keeps_the_commit(hub, client):
    repo = hub.add("team/faces", {"model.tflite": WEIGHTS})
    first = client.fetch("hf://team/faces")
    repo.commit({"model.tflite": WEIGHTS + b"newer"})
    hub.log.clear()
    again = client.fetch("hf://team/faces")
    assert hub.log == [] and again["commit"] == first["commit"]
    assert first["commit"][:12] in again["note"] and "models pull" in again["note"]
    hub.stop()
    assert client.fetch("hf://team/faces")["file"] == first["file"]
    stays = client.fetch("hf://team/faces", update=True)
    assert "cannot be reached" in stays and first["commit"][:12] in stays


def test_only_a_pull_follows_the_branch(hub, client):
    repo = hub.add("team/faces", {"model.tflite": WEIGHTS}, licence="mit")
    old = repo.refs["main"]
    client.fetch("hf://team/faces")
    new = repo.commit({"model.tflite": WEIGHTS + b"newer"})
    done = client.deepfake("models", "pull", "hf://team/faces")
    assert done.returncode == 0, done.stderr
    assert f"{new} (was {old[:12]})" in done.stdout and "mit" in done.stdout
    assert sha256(WEIGHTS + b"newer") in done.stdout
    assert client.fetch("hf://team/faces")["commit"] == new
    assert client.fetch(f"hf://team/faces@{old}")["commit"] == old


def test_what_is_deleted_from_the_cache_is_fetched_at_the_same_commit(hub, client):
    repo = hub.add("team/faces", {"model.tflite": WEIGHTS})
    first = client.fetch("hf://team/faces")
    repo.commit({"model.tflite": WEIGHTS + b"newer"})
    Path(first["file"]).resolve().write_bytes(b"changed by something else")
    again = client.fetch("hf://team/faces")
    assert again["commit"] == first["commit"]
    assert Path(again["file"]).read_bytes() == WEIGHTS


def record_of(client):
    (path,) = (client.home / "deepfake" / "hub").glob("*.json")
    return path


def test_what_was_compared_when_it_was_fetched_is_not_hashed_again(hub, client):
    hub.add("team/faces", {"model.tflite": WEIGHTS})
    client.fetch("hf://team/faces")
    # Were the file hashed, this hash would be found wrong and the file fetched anew.
    path = record_of(client)
    path.write_text(path.read_text().replace(sha256(WEIGHTS), "a" * 64))
    hub.log.clear()
    assert client.fetch("hf://team/faces")["sha256"] == "a" * 64 and hub.log == []


def test_a_change_is_noticed_even_if_size_and_date_are_as_before(hub, client):
    hub.add("team/faces", {"model.tflite": WEIGHTS})
    file = Path(client.fetch("hf://team/faces")["file"])
    found = file.stat()
    file.resolve().write_bytes(WEIGHTS[::-1])
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert client.fetch("hf://team/faces")["sha256"] == sha256(WEIGHTS)
    assert file.read_bytes() == WEIGHTS


def test_a_copied_cache_is_hashed_once_and_not_fetched(hub, client):
    hub.add("team/faces", {"model.tflite": WEIGHTS})
    file = Path(client.fetch("hf://team/faces")["file"])
    before = record_of(client).read_text()
    os.utime(file, (1e9, 1e9))
    hub.log.clear()
    assert client.fetch("hf://team/faces")["sha256"] == sha256(WEIGHTS) and hub.log == []
    after = record_of(client).read_text()
    assert str(int(1e18)) in after and after != before


def test_the_token_opens_a_private_repository_and_stays_on_the_hub(hub, client):
    hub.add("team/secret", {"model.tflite": WEIGHTS}, private=True)
    assert "or it is private" in client.fetch("hf://team/secret")
    found = client.fetch("hf://team/secret", HF_TOKEN=TOKEN)
    assert found["private"]
    sent = [headers for _, path, headers, _ in hub.log if path.startswith("/cdn/")]
    assert sent and all("Authorization" not in headers for headers in sent)


def test_a_cut_download_goes_on_where_it_ended(hub, client):
    # The client writes in blocks of 10 MiB, and what was written stays.
    weights = WEIGHTS * 48
    hub.add("team/faces", {"model.tflite": weights}, cut={"model.tflite"})
    found = client.fetch("hf://team/faces")
    assert Path(found["file"]).read_bytes() == weights
    gets = [h for m, path, h, _ in hub.log if m == "GET" and path.startswith("/cdn/")]
    assert [headers.get("Range") for headers in gets] == [None, f"bytes={10 * 2**20}-"]


@pytest.mark.parametrize("name", ["model.tflite", "config.json"])
def test_a_file_with_another_hash_is_refused_and_deleted(hub, client, name):
    files = {"model.tflite": WEIGHTS, "config.json": b'{"id2label": {}}'}
    repo = hub.add("team/faces", files, wrong={name})
    refused = client.fetch("hf://team/faces")
    assert name in refused and "not the file that the Hub lists" in refused
    left = [path for path in (client.home / "hf").rglob("*") if path.is_file()]
    assert all(path.read_bytes() not in (files[name], files[name][::-1]) for path in left)
    repo.wrong.clear()
    assert client.fetch("hf://team/faces")["sha256"] == sha256(WEIGHTS)


def test_what_is_too_large_is_not_fetched(hub, client):
    hub.add("team/faces", {"model.tflite": WEIGHTS, "config.json": b"{}"})
    refused = client.fetch("hf://team/faces", DEEPFAKE_MAX_MODEL_BYTES="1000")
    assert "more than the limit" in refused and "DEEPFAKE_MAX_MODEL_BYTES=" in refused
    assert hub.downloads() == []


def test_what_has_no_room_on_the_disk_is_not_fetched(hub, client):
    size = 10**17
    hub.add("team/faces", {"model.tflite": WEIGHTS}, listed_sizes={"model.tflite": size})
    refused = client.fetch("hf://team/faces", DEEPFAKE_MAX_MODEL_BYTES=str(size))
    assert "Make room" in refused and hub.downloads() == []


def test_a_repository_that_moved_is_followed(hub, client):
    hub.add("team/new", {"model.tflite": WEIGHTS})
    hub.moved["team/old"] = "team/new"
    assert client.fetch("hf://team/old")["sha256"] == sha256(WEIGHTS)


def test_what_another_program_fetched_is_used_without_a_network(hub, client):
    repo = hub.add("team/faces", {"model.tflite": WEIGHTS})
    get = "import huggingface_hub as h; h.hf_hub_download('team/faces', 'model.tflite')"
    assert client.run("-c", get).returncode == 0
    found = client.fetch("hf://team/faces", HF_HUB_OFFLINE="1")
    assert found["commit"] == repo.refs["main"] and found["sha256"] == sha256(WEIGHTS)


def test_what_cannot_be_had_gets_a_sentence(hub, client):
    hub.add("team/gated", {"model.tflite": WEIGHTS}, gated=True)
    hub.add("team/faces", {"model.tflite": WEIGHTS})
    hub.add("team/many", {"a.onnx": b"1", "b/c.onnx": b"2"})
    hub.add("team/torch", {"model.safetensors": b"1", "config.json": b"{}"})
    hub.add("team/words", {"README.md": b"# Words"})
    cases = {
        "hf://team/nothing": "The Hub has no model team/nothing",
        "hf://team/gated": "Ask for access",
        "hf://team/faces@nope": "no revision 'nope'",
        "hf://team/faces/other.onnx": "no file 'other.onnx' at this revision. It holds: model.t",
        "hf://team/many": "several models: a.onnx, b/c.onnx. Name one, such as hf://team/many/a",
        "hf://team/torch": "optimum-cli export onnx --model team/torch",
        "hf://team/words": "no model that can be read",
        "hf://team": "hf://owner/repo",
        "hf://datasets/team/faces": "is not a model",
        "hf://team/faces/../../etc": "no path within a repository",
        "hf://team/-bad-": "no name that the Hub allows",
    }  # fmt: skip
    for (address, expected), told in zip(cases.items(), client.fetch(*cases), strict=True):
        assert isinstance(told, str) and expected in told, (address, told)
    told = client.fetch("hf://team/faces", HF_TOKEN="hf_old")
    assert "does not accept your token" in told
    hub.stop()
    assert "holds no full copy" in client.fetch("hf://team/faces")


def test_an_unpacked_keras_model_is_packed(hub, client):
    parts = {"config.json": b'{"class_name": "Sequential"}', "metadata.json": b"{}"}
    files = {**parts, "model.weights.h5": WEIGHTS, "assets/summary_plot.png": b"png"}
    hub.add("team/keras", files)
    found = client.fetch("hf://team/keras")
    with zipfile.ZipFile(BytesIO(Path(found["file"]).read_bytes())) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    assert packed == {**parts, "model.weights.h5": WEIGHTS}
    assert client.fetch("hf://team/keras")["sha256"] == found["sha256"]


def test_a_saved_model_comes_without_the_files_around_it(hub, client):
    files = {"saved_model.pb": b"graph", "variables/variables.index": b"index"}
    hub.add("team/saved", {**files, "README.md": b"# Card", "train.csv": b"never"})
    folder = Path(client.fetch("hf://team/saved")["file"])
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there == set(files)


def test_a_model_json_of_tensorflow_js_is_not_taken_for_a_manifest(hub, client):
    hub.add("team/js", {"model.json": b'{"format": "layers-model"}', "model.tflite": WEIGHTS})
    found = client.fetch("hf://team/js")
    assert found["sha256"] == sha256(WEIGHTS) and not found["manifest"]


def test_an_image_classifier_runs_as_its_repository_says(hub, client, tmp_path, portrait):
    from deepfake.modelstore.backends.onnx import open_onnx
    from deepfake.settings import Settings
    from tests.modelstore.backends.test_onnx import (  # skips loudly without them
        classifier,
        manifest,
        onnxruntime,
    )

    config = {"id2label": {"0": "Fake", "1": "Real"}, "architectures": ["ViTForX"]}
    processor = {"size": {"height": 32, "width": 32}, "resample": 2, "rescale_factor": 1 / 255,
                 "image_mean": [0.5] * 3, "image_std": [0.5] * 3}  # fmt: skip
    source = classifier(tmp_path / "model.onnx", external="model.onnx_data")
    hub.add("team/vit", {
        "config.json": json.dumps(config).encode(), "README.md": b"---\nlicense: mit\n---\n",
        "preprocessor_config.json": json.dumps(processor).encode(),
        "onnx/model.onnx": source.read_bytes(), "onnx/model_quantized.onnx": b"never",
        "onnx/model.onnx_data": (tmp_path / "model.onnx_data").read_bytes(),
        "model.safetensors": b"never",
    })  # fmt: skip
    found = client.fetch("hf://team/vit")
    file = Path(found["file"])
    convention = read_convention(file.parent, Path(found["folder"]))
    assert convention.labels == ("fake", "real") and convention.size == 32
    pixels = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3)).astype(np.float32)
    scaled = (pixels - np.float32(convention.input.mean)) / np.float32(convention.input.std)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    by_hand = session.run(["logits"], {"pixel_values": (pixels / 255 - 0.5).transpose(0, 3, 1, 2)
                                       / 0.5})[0]  # fmt: skip
    opened = open_onnx(file, Settings(), size=convention.size)
    assert opened.network.kind == "logits"
    scores = opened.backend(manifest(opened.network), Settings()).scores(scaled.astype(np.float32))
    np.testing.assert_allclose(scores.raw, by_hand, atol=1e-5)
    done = client.deepfake("detect", "--json", "--model", "hf://team/vit", str(portrait))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["backend"] == "ONNX Runtime"
    assert not any("quantized" in path or "safetensors" in path for path in hub.downloads())


def test_a_model_is_pushed_with_its_card_and_evaluation_and_nothing_else(hub, client, tmp_path):
    folder = tmp_path / "run"
    (folder / "evaluation").mkdir(parents=True)
    for name, data in shipped("model.json", "model.tflite", "model.keras", "README.md").items():
        (folder / name).write_bytes(data)
    for name in ("report.json", "roc.png", "scores.csv"):
        (folder / "evaluation" / name).write_bytes(b"x")
    (folder / "last.keras").write_bytes(b"checkpoint")
    (tmp_path / "private.json").write_bytes(b"{}")
    (folder / "evaluation" / "link.json").symlink_to(tmp_path / "private.json")
    push = ("models", "push", str(folder), "team/mine", "--private")
    assert "needs a token" in client.deepfake(*push).stderr
    done = client.deepfake(*push, HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    repo = hub.repos["team/mine"]
    assert repo.private
    assert set(repo.commits[repo.refs["main"]]) == {
        "model.json", "model.tflite", "model.keras", "README.md", "evaluation/report.json",
        "evaluation/roc.png",
    }  # fmt: skip
    assert f"hf://team/mine@{repo.refs['main']}" in done.stdout
    back = client.fetch("hf://team/mine", HF_TOKEN=TOKEN)
    assert back["sha256"] == sha256((folder / "model.tflite").read_bytes())
    assert "owner/repo" in client.deepfake("models", "push", str(folder), "mine").stderr
    branch = client.deepfake(*push, "--revision", "trial", HF_TOKEN=TOKEN)
    assert branch.returncode == 0 and "trial" in repo.refs
    refused = client.deepfake(*push, HF_TOKEN="hf_old").stderr
    assert "Your token does not allow this" in refused or "not accept your token" in refused
    (folder / "model.tflite").write_bytes(b"changed")
    assert "changed or damaged" in client.deepfake(*push, HF_TOKEN=TOKEN).stderr


def test_the_models_of_this_machine_are_listed_and_shown(hub, client):
    hub.add("team/faces", shipped("model.json", "model.tflite"))
    client.fetch("hf://team/faces")
    done = client.deepfake("models", "list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].startswith("default") and "LiteRT" in lines[1]
    assert lines[2].startswith("hf://team/faces") and hub.repos["team/faces"].refs["main"][
        :12] in lines[2]  # fmt: skip
    shown = client.deepfake("models", "show", "hf://team/faces").stdout
    seen = default_model.MANIFEST.input
    assert (
        f"{seen.crop} × its box, scaled to {seen.size} × {seen.size}" in shown
        and "means fake" in shown
    )
    assert f"hf://team/faces@{hub.repos['team/faces'].refs['main']}" in shown
