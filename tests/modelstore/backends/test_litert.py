import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from deepfake import interpreters
from deepfake.errors import ModelError
from deepfake.modelstore.resolve import load_model
from deepfake.modelstore.safety.endings import is_out_of_memory
from deepfake.settings import Settings, models_folder


@pytest.fixture(scope="module")
def model():
    return load_model("default", Settings(interpreters=3, threads=1))


@pytest.fixture(scope="module")
def faces(model):
    size = model.manifest.input.size
    return np.random.default_rng(0).normal(0, 0.5, (11, size, size, 3)).astype(np.float32)


def replace_file(folder, content):
    """Another file under the same name, which the manifest knows."""
    (folder / "model.tflite").write_bytes(content)
    document = json.loads((folder / "model.json").read_text())
    document["files"]["model.tflite"] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(document))


@pytest.mark.slow
def test_a_batch_scores_like_its_faces_alone(model, faces):
    together = model.backend.scores(faces)
    alone = np.concatenate([model.backend.scores(face[None]).raw for face in faces])
    assert together.raw.shape == (11,)
    assert together.raw == pytest.approx(alone, abs=1e-4)


@pytest.mark.slow
def test_the_evidence_map_adds_up_to_the_logit(model, faces):
    scores = model.backend.scores(faces)
    assert scores.evidence.shape[0] == 11
    assert scores.evidence.mean(axis=(1, 2)) == pytest.approx(scores.raw, abs=1e-2)


def test_what_is_no_number_is_refused(faces, tmp_path):
    """As of a training that diverged; the biases of the experts are float in an int8 file, too."""
    folder = shutil.copytree(models_folder() / "default", tmp_path / "model")
    content = (folder / "model.tflite").read_bytes()
    network = Interpreter(model_content=content)
    (biases,) = (d["index"] for d in network.get_tensor_details() if "expert_maps18" in d["name"]
                 and tuple(d["shape"]) == (4,))  # fmt: skip
    before = network.get_tensor(biases)
    replace_file(folder, content.replace(before.tobytes(), np.full_like(before, np.nan).tobytes()))
    with pytest.raises(ModelError, match="NaN"):
        load_model(folder, Settings()).backend.scores(faces)


@pytest.mark.slow
def test_threads_get_their_own_answers(model, faces):
    expected = [float(model.backend.scores(face[None]).raw[0]) for face in faces]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            scores = list(pool.map(lambda face: model.backend.scores(face[None]).raw[0], faces))
            assert scores == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(lambda d: d["input"].update(size=64), "64", id="another input size"),
        pytest.param(lambda d: d["output"].update(kind="softmax"), "softmax", id="softmax"),
        pytest.param(
            lambda d: d["output"].update(evidence="logit", experts=None, drawing=None),
            "rows",
            id="evidence",
        ),
        pytest.param(lambda d: d["output"].update(score="x"), "outputs", id="another output"),
        pytest.param(
            lambda d: d["output"].update(experts={"seams": "a", "synthesis": "b"}),
            "does not have",
            id="no such experts",
        ),
        pytest.param(
            lambda d: d["output"].update(
                evidence=None, experts={"seams": "evidence", "synthesis": "logit"}
            ),
            "different outputs",
            id="expert twice",
        ),
    ],
)
def test_a_manifest_that_does_not_fit_the_file_is_refused(tmp_path, spoil, expected):
    folder = shutil.copytree(models_folder() / "default", tmp_path / "model")
    document = json.loads((folder / "model.json").read_text())
    spoil(document)
    (folder / "model.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match=expected):
        load_model(folder, Settings())


def test_a_file_that_is_no_network_is_refused(tmp_path):
    folder = shutil.copytree(models_folder() / "default", tmp_path / "model")
    replace_file(folder, b"TFL3" * 100)
    with pytest.raises(ModelError, match="is not a LiteRT model"):
        load_model(folder, Settings())


def test_memory_that_litert_does_not_get_is_no_damaged_file(monkeypatch):
    """LiteRT says nothing at all then, and the file was called missing, with no reason."""

    class Full:
        def __init__(self, **options):
            pass

        def allocate_tensors(self):
            raise RuntimeError

    monkeypatch.setattr(interpreters, "Interpreter", Full)
    with pytest.raises(ModelError) as raised, interpreters.InterpreterPool(b"", 1, 1).borrow():
        pytest.fail("it was opened")
    assert "missing" not in str(raised.value)
    # So that a worker says how much memory it may use.
    assert is_out_of_memory(str(raised.value))
