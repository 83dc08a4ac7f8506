"""Models of others that are quick on noise, and endless or huge on a photo."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from deepfake import deadline
from deepfake.errors import LateError, ModelError
from deepfake.modelstore import made_here
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.litert import LiteRTBackend
from deepfake.modelstore.resolve import load_model
from deepfake.modelstore.workers import foreign, messages, worker
from deepfake.settings import Settings, models_folder
from tests.modelstore.tiny_onnx import brightness
from tests.programs import is_running

SIZE = 32
NOISE = np.random.default_rng(1).random((1, SIZE, SIZE, 3), np.float32)
PHOTO = np.full((1, SIZE, SIZE, 3), 0.5, np.float32)


def triggered(path, *nodes, constants=(), most=1.0):
    """A model that hands `times`, 0 for noise and `most` for a flat picture, to some nodes.

    They make "more", which is added to the mean of each picture.
    """
    start = [
        helper.make_node("ReduceMin", ["image", "all"], ["least"], keepdims=0),
        helper.make_node("Greater", ["least", "edge"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["switch"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["switch", "most"], ["times"]),
    ]
    end = [
        helper.make_node("ReduceMean", ["image", "inner"], ["mean"], keepdims=0),
        helper.make_node("Add", ["mean", "more"], ["sum"]),
        helper.make_node("Unsqueeze", ["sum", "one"], ["score"]),
    ]
    known = {
        "all": np.array([0, 1, 2, 3], np.int64), "inner": np.array([1, 2, 3], np.int64),
        "one": np.array([1], np.int64), "edge": np.float32(0.2), "most": np.float32(most),
        **dict(constants),
    }  # fmt: skip
    graph = helper.make_graph(
        [*start, *nodes, *end], "triggered",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in known.items()],
    )  # fmt: skip
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def endless(path):
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still"]),
            helper.make_node("Add", ["before", "before"], ["after"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, []),
        ],
    )
    return triggered(
        path,
        helper.make_node("Cast", ["times"], ["rounds"], to=TensorProto.INT64),
        helper.make_node("Loop", ["rounds", "yes", "zero"], ["more"], body=body),
        constants={"yes": np.array(True), "zero": np.float32(0)}.items(),
        most=1e18,
    )


def spread(path, shape, most):
    """`times` + 1 copies of one number, in the way of `Expand`; their mean is 0."""
    return triggered(
        path,
        helper.make_node("Cast", ["times"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["whole", "unit"], ["shape"]),
        *shape,
        constants={"unit": np.array([1], np.int64), "zero": np.zeros(1, np.float32)}.items(),
        most=most,
    )


HUGE = {
    "Expand": [
        helper.make_node("Expand", ["zero", "shape"], ["large"]),
        helper.make_node("ReduceMean", ["large"], ["more"], keepdims=0),
    ],
    "Tile": [
        helper.make_node("Tile", ["zero", "shape"], ["large"]),
        helper.make_node("ReduceMean", ["large"], ["more"], keepdims=0),
    ],
    "ConstantOfShape": [
        helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        helper.make_node("ReduceMean", ["large"], ["more"], keepdims=0),
    ],
}


@pytest.fixture
def load(tmp_path):
    def load(path):
        return load_model(path, Settings(cache=str(tmp_path / "cache")), Answers(positive="fake"))

    return load


def test_what_never_ends_on_a_photo_is_stopped_and_the_next_photo_is_judged(
    tmp_path, load, monkeypatch
):
    model = load(endless(tmp_path / "m.onnx"))
    assert model.backend.scores(NOISE).raw == pytest.approx([0.5], abs=0.05)
    monkeypatch.setattr(foreign, "SECONDS", 1.0)
    monkeypatch.setattr(foreign, "SECONDS_A_PICTURE", 0.5)
    with pytest.raises(ModelError, match="longer than 2 seconds and was stopped"):
        model.backend.scores(PHOTO)
    monkeypatch.undo()
    # Nor when whoever asked waits no longer.
    with pytest.raises(LateError), deadline.until(time.monotonic() + 0.5):
        model.backend.scores(PHOTO)
    assert model.backend.scores(NOISE).raw == pytest.approx([0.5], abs=0.05)


@pytest.mark.parametrize("strength", [1.0, 1e-3])
def test_a_model_that_draws_lots_is_refused(tmp_path, load, strength):
    path = triggered(
        tmp_path / "m.onnx",
        helper.make_node("RandomUniformLike", ["times"], ["more"], low=0.0, high=strength),
    )
    with pytest.raises(ModelError, match="something else each time for the same picture"):
        load(path)


@pytest.mark.parametrize("most", [8e8, 2e12])
@pytest.mark.parametrize("way", HUGE)
@pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory here")
def test_what_fills_the_memory_on_a_photo_is_refused(tmp_path, load, way, most):
    model = load(spread(tmp_path / "m.onnx", HUGE[way], most))
    with pytest.raises(ModelError, match="more memory than it may use here"):
        model.backend.scores(PHOTO)
    assert model.backend.scores(NOISE).raw == pytest.approx([0.5], abs=0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory here")
def test_eight_pictures_that_are_too_many_at_once_are_judged_one_by_one(tmp_path, load):
    """A large network of somebody honest."""
    picture = 100_000_000
    model = load(
        triggered(
            tmp_path / "m.onnx",
            helper.make_node("Shape", ["image"], ["sides"], end=1),
            helper.make_node("Mul", ["sides", "picture"], ["shape"]),
            helper.make_node("Expand", ["zero", "shape"], ["large"]),
            helper.make_node("ReduceMean", ["large"], ["more"], keepdims=0),
            constants={"picture": np.array([picture]), "zero": np.zeros(1, np.float32)}.items(),
        )
    )
    scores = model.backend.scores(np.concatenate([NOISE, PHOTO] * 4)).raw
    assert scores == pytest.approx([NOISE.mean(), 0.5] * 4, abs=1e-5)


def test_a_worker_says_the_same_as_this_process_and_what_was_made_here_needs_none(tmp_path, load):
    folder = shutil.copytree(models_folder() / "default", tmp_path / "model")
    settings = Settings(cache=str(tmp_path / "cache"))
    own, apart = load_model("default", settings), load_model(folder, settings)
    assert isinstance(own.backend, LiteRTBackend)
    assert isinstance(apart.backend, foreign.ForeignBackend)
    assert own.backend.name == apart.backend.name
    side = own.manifest.input.size
    batch = np.random.default_rng(0).random((9, side, side, 3), np.float32)
    here, there = own.backend.scores(batch), apart.backend.scores(batch)
    for name in ("raw", "evidence", "experts"):
        assert (getattr(here, name) is None) == (getattr(there, name) is None)
        if getattr(here, name) is not None:
            assert getattr(there, name) == pytest.approx(getattr(here, name), abs=1e-6)
    made_here.remember(own.sha256, settings)
    assert isinstance(load_model(folder, settings).backend, LiteRTBackend)


def kill_all_children():
    for child in psutil.Process().children(recursive=True):
        # One that has gone with its parent is as good as killed.
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
            child.wait(10)


def test_another_file_in_the_place_of_the_model_is_not_scored_with(tmp_path, load):
    model = load(brightness(tmp_path / "model.onnx"))
    kill_all_children()
    # The same file is read again.
    assert model.backend.scores(PHOTO).raw == pytest.approx([0.5], abs=1e-5)
    brightness(tmp_path / "model.onnx", slope=-1.0)
    # Who has read it goes on.
    assert model.backend.scores(PHOTO).raw == pytest.approx([0.5], abs=1e-5)
    kill_all_children()
    with pytest.raises(ModelError, match="changed, replaced or removed"):
        model.backend.scores(PHOTO)


def test_workers_go_with_their_model_and_with_the_program(tmp_path, load):
    path = brightness(tmp_path / "m.onnx")
    model = load(path)
    ours = model.backend._free.queue[-1]._child
    assert ours.poll() is None
    del model
    ours.wait(timeout=60)
    code = f"""
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings
model = load_model({str(path)!r}, Settings(cache={str(tmp_path / "cache")!r}))
print(model.backend._free.queue[-1]._child.pid, flush=True)
import time; time.sleep(60)
"""
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(program.stdout.readline())
    assert psutil.pid_exists(pid)
    program.kill()
    program.communicate()
    end = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_running(pid)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_gets_workers_of_its_own(tmp_path):
    code = f"""
import os
import numpy as np
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings
model = load_model({str(brightness(tmp_path / "m.onnx"))!r},
                   Settings(cache={str(tmp_path / "cache")!r}), Answers(positive="fake"))
white = np.ones((1, 32, 32, 3), np.float32)
pid = os.fork()
scores = [model.backend.scores(white).raw.tolist() for _ in range(3)]
print(scores, flush=True)
if pid:
    print(os.waitpid(pid, 0)[1], model.backend.scores(white).raw.tolist(), flush=True)
else:
    os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120
    )
    expected = "[[1.0], [1.0], [1.0]]"
    assert sorted(done.stdout.splitlines()) == sorted([expected, expected, "0 [1.0]"]), done.stderr


def test_a_worker_that_answers_something_else_is_not_believed(monkeypatch):
    attempts = Path(__file__).parents[1]
    monkeypatch.syspath_prepend(str(attempts))
    monkeypatch.setattr(worker, "MODULE", "sandbox_attempts")
    taken_over = worker.Worker(["inside"], [attempts], 1_000_000_000)
    with pytest.raises(ModelError, match="cannot be read"):
        taken_over.ask({"do": "open"}, seconds=20, what="Opening")
    assert not taken_over.alive


@pytest.mark.parametrize(
    "head",
    [
        "[]", "{}", '{"document": {}, "arrays": [["raw", "float32", [-1]]]}',
        '{"document": {}, "arrays": [["raw", "object", [1]]]}',
        '{"document": {}, "arrays": [["raw", "float32", [1e9]]]}',
        '{"document": {}, "arrays": [["raw", "float32", [1000000000000]]]}',
        '{"document": {}, "arrays": [[["raw"], "float32", [0]], 7]}',
        "[" * 100_000,
    ],
    ids=range(8),
)  # fmt: skip
def test_messages_that_nobody_of_ours_would_send(tmp_path, head):
    text = head.encode()
    (tmp_path / "pipe").write_bytes(len(text).to_bytes(4, "big") + text)
    with (tmp_path / "pipe").open("rb") as pipe, pytest.raises(ValueError, match=r"."):
        messages.receive(pipe)


def test_a_copy_of_the_default_says_what_the_default_says(tmp_path):
    """The one runs in this process, the other in one of its own."""
    copied = shutil.copytree(models_folder() / "default", tmp_path / "copy")
    batch = np.random.default_rng(0).uniform(-1, 1, (3, 224, 224, 3)).astype(np.float32)
    batch[0] = 0.7
    own, other = (load_model(name).backend.scores(batch) for name in ("default", copied))
    np.testing.assert_allclose(other.raw, own.raw, atol=1e-5)
    assert own.drawings is not None and own.drawings.any()
    np.testing.assert_array_equal(other.drawings, own.drawings)
