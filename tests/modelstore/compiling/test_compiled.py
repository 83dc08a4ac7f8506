import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from deepfake.errors import ModelError
from deepfake.files.digest import sha256_of
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.litert import LiteRTBackend
from deepfake.modelstore.backends.protocol import Network, Scores
from deepfake.modelstore.compiling import compiled, conversion, parity
from deepfake.settings import Settings
from tests.modelstore.conversion_files import SIZE, keras_files

BATCH = parity.inputs_for(SIZE, (0.0, 1.0))
PATIENCE = 600


def opened(name):
    from deepfake.modelstore.backends.keras import open_keras

    path = keras_files() / name
    found = open_keras(path, Settings())
    sha256 = sha256_of(path)
    manifest = Answers(positive="fake").complete(found.network, name, {name: sha256})
    return path, sha256, manifest, found.backend(manifest, Settings())


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model with an evidence map: its Keras backend and two that share a cache, compiled."""
    settings = Settings(cache=str(tmp_path_factory.mktemp("cache")))
    path, sha256, manifest, keras_backend = opened("with_evidence.keras")
    pair = [
        compiled.CompiledBackend(keras_backend, path, sha256, manifest, settings) for _ in range(2)
    ]
    first = [(backend.name, backend.scores(BATCH)) for backend in pair]
    assert [backend.ready(PATIENCE) for backend in pair] == [True, True], pair[0].why
    return settings, sha256, manifest, keras_backend, pair, first


def test_it_is_served_by_keras_at_once_and_by_litert_later(model):
    *_, keras_backend, pair, first = model
    expected = keras_backend.scores(BATCH)
    for (name, early), backend in zip(first, pair, strict=True):
        assert (name, backend.name, backend.why) == ("Keras", "LiteRT", "")
        late = backend.scores(BATCH)
        for scores in (early, late):
            assert scores.raw == pytest.approx(expected.raw, abs=1e-4)
            assert scores.evidence == pytest.approx(expected.evidence, abs=1e-4)


def test_two_at_once_leave_one_compiled_file_and_no_litter(model):
    folder = compiled.cache_folder(model[0]) / compiled.FOLDER
    lock, made = sorted(path.name for path in folder.iterdir())
    assert lock == compiled.LOCK_FILE and made.startswith(model[1])


def test_the_next_start_needs_no_tensorflow(model):
    settings, sha256, manifest, keras_backend, *_ = model
    code = f"""
import sys
import numpy as np
from deepfake.modelstore.compiling import compiled, parity
from deepfake.manifest import ModelManifest
from deepfake.settings import Settings
manifest = ModelManifest.model_validate_json({manifest.model_dump_json()!r})
backend = compiled.cached({sha256!r}, manifest, Settings(cache={settings.cache!r}))
print(backend.name, "tensorflow" in sys.modules, "keras" in sys.modules)
print(backend.scores(parity.inputs_for({SIZE}, (0.0, 1.0))).raw.tolist())
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    first, second = result.stdout.splitlines()
    assert first == "LiteRT False False"
    assert json.loads(second) == pytest.approx(keras_backend.scores(BATCH).raw, abs=1e-4)


def test_a_damaged_compiled_file_is_not_used(model, tmp_path):
    settings, sha256, manifest, *_ = model
    shutil.copytree(settings.cache, tmp_path, dirs_exist_ok=True)
    damaged = Settings(cache=str(tmp_path))
    assert isinstance(compiled.cached(sha256, manifest, damaged), LiteRTBackend)
    (weights,) = (tmp_path / compiled.FOLDER).glob(f"{sha256}*/model.tflite")
    with weights.open("r+b") as file:
        file.seek(200)
        file.write(b"damaged")
    assert compiled.cached(sha256, manifest, damaged) is None


def test_what_cannot_be_compiled_stays_on_keras_and_is_tried_again_by_new_versions(tmp_path):
    settings = Settings(cache=str(tmp_path))
    path, sha256, manifest, keras_backend = opened("beyond_litert.keras")
    backend = compiled.CompiledBackend(keras_backend, path, sha256, manifest, settings)
    assert not backend.ready(PATIENCE)
    assert backend.name == "Keras" and "LiteRT cannot" in backend.why
    assert np.isfinite(backend.scores(BATCH).raw).all()

    # Were it tried again, the missing file would be another reason.
    litter = tmp_path / compiled.FOLDER / "part-litter"
    litter.mkdir()
    gone = tmp_path / "gone.keras"
    again = compiled.CompiledBackend(keras_backend, gone, sha256, manifest, settings)
    assert not again.ready(PATIENCE) and again.why == backend.why
    assert not litter.exists()

    (failure,) = (tmp_path / compiled.FOLDER).glob("*.failed.json")
    record = json.loads(failure.read_text())
    failure.write_text(json.dumps({**record, "versions": {"tensorflow": "1.0"}}))
    newer = compiled.CompiledBackend(keras_backend, gone, sha256, manifest, settings)
    assert not newer.ready(PATIENCE) and newer.why != backend.why


def without_network(size=SIZE, architecture="any"):
    """SHA-256 and manifest of a file that nothing opens."""
    network = Network(size, "sigmoid", architecture=architecture)
    sha256 = "0" * 64
    return sha256, Answers(positive="fake").complete(network, "n", {"n.keras": sha256})


@pytest.fixture
def served(tmp_path):
    """A CompiledBackend over a stand-in for Keras."""
    sha256, manifest = without_network()
    stand_in = SimpleNamespace(
        name="Keras", scores=lambda batch: Scores(np.zeros(len(batch)), None)
    )
    settings = Settings(cache=str(tmp_path / "cache"))
    path = tmp_path / "n.keras"
    path.write_bytes(b"model")
    return compiled.CompiledBackend(stand_in, path, sha256, manifest, settings)


def test_only_a_process_that_lives_on_starts_the_conversion(served, monkeypatch):
    started = threading.Event()
    monkeypatch.setattr(conversion, "in_sandbox", lambda *_, **__: started.set())
    for _ in range(3):
        served.scores(BATCH)
    assert not started.wait(0.2)
    monkeypatch.setattr(compiled, "LONG_LIVED_SECONDS", 0.0)
    served.scores(BATCH)
    assert started.wait(PATIENCE)
    served.ready(PATIENCE)


@pytest.mark.parametrize(
    ("error", "remembered"),
    [
        pytest.param(ModelError("It was killed (SIGKILL)."), False, id="a child that was killed"),
        pytest.param(parity.NoLiteRTError("LiteRT cannot."), True, id="beyond LiteRT"),
    ],
)
def test_only_what_another_try_would_repeat_is_remembered(
    served, monkeypatch, tmp_path, error, remembered
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(conversion, "in_sandbox", fail)
    assert not served.ready(PATIENCE) and str(error) in served.why
    left = {path.name for path in (tmp_path / "cache" / compiled.FOLDER).iterdir()}
    assert bool(left - {compiled.LOCK_FILE}) is remembered


def test_one_file_has_a_compiled_form_for_each_size_and_architecture(monkeypatch, tmp_path):
    def convert(path, part, manifest, *_):
        weights = f"{manifest.input.size} {manifest.architecture}".encode()
        record = {"format": compiled.FORMAT, "sha256": hashlib.sha256(weights).hexdigest()}
        (part / "model.tflite").write_bytes(weights)
        (part / compiled.RECORD_FILE).write_text(json.dumps(record))
        return weights

    monkeypatch.setattr(compiled, "_convert", convert)
    # Not a LiteRT file: what is looked at is which one is taken.
    monkeypatch.setattr(compiled, "LiteRTBackend", lambda weights, *_: SimpleNamespace(w=weights))
    settings = Settings(cache=str(tmp_path))
    networks = [(64, "meso4"), (96, "meso4"), (64, "../../xception")]
    for network in networks:
        sha256, manifest = without_network(*network)
        assert compiled.cached(sha256, manifest, settings) is None
        backend = compiled.CompiledBackend(None, tmp_path, sha256, manifest, settings)
        assert backend.ready(PATIENCE)
    for size, architecture in networks:
        sha256, manifest = without_network(size, architecture)
        found = compiled.cached(sha256, manifest, settings)
        assert found.w == f"{size} {architecture}".encode()


def test_a_cache_that_cannot_be_written_leaves_it_on_keras(tmp_path):
    (tmp_path / "file").write_text("")
    path, sha256, manifest, keras_backend = opened("plain.h5")
    settings = Settings(cache=str(tmp_path / "file"))
    backend = compiled.CompiledBackend(keras_backend, path, sha256, manifest, settings)
    assert not backend.ready(PATIENCE)
    assert backend.name == "Keras" and str(tmp_path) in backend.why


def test_the_end_of_the_program_ends_the_conversion(tmp_path):
    path, sha256, manifest, _ = opened("plain.h5")
    code = f"""
import time
import psutil
from pathlib import Path
from deepfake.modelstore.compiling.compiled import CompiledBackend
from deepfake.manifest import ModelManifest
from deepfake.settings import Settings
manifest = ModelManifest.model_validate_json({manifest.model_dump_json()!r})
settings = Settings(cache={str(tmp_path)!r})
CompiledBackend(None, Path({str(path)!r}), {sha256!r}, manifest, settings).ready(0)
while not psutil.Process().children():
    time.sleep(0.05)
print(*[child.pid for child in psutil.Process().children()])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    children = [int(pid) for pid in result.stdout.split()]
    assert children
    end = time.monotonic() + 30
    while any(running(pid) for pid in children) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(running(pid) for pid in children)


@pytest.mark.parametrize(
    ("level", "expected"),
    [pytest.param(None, "", id="not asked for"), pytest.param("0", "greeting\n", id="0")],
)
def test_what_tensorflow_prints_at_its_start_is_kept_off_the_terminal(tmp_path, level, expected):
    # Stand-ins, since TensorFlow takes seconds to start.
    (tmp_path / "h5py.py").write_text("")
    (tmp_path / "keras.py").write_text(
        "class backend: backend = staticmethod(lambda: 'tensorflow')"
    )
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'greeting\\n')\n"
        "class config: list_physical_devices = lambda: os.write(2, b'no GPU\\n')\n"
    )
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from deepfake.modelstore.backends.keras import _need_keras
_need_keras()
print("then", file=sys.stderr)
"""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    if level is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = level
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert result.stderr == expected + "then\n"


def running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
