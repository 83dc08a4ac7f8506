import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from deepfake.errors import ModelError
from deepfake.modelstore.compiling import compiled, conversion, parity
from deepfake.modelstore.compiling.conversion import Conversion
from deepfake.settings import Settings
from tests.modelstore.conversion_files import keras_files


@pytest.fixture(scope="module")
def any_size(tmp_path_factory):
    """A network of any size, converted for 32: settings, folder, Conversion."""
    settings = Settings(cache=str(tmp_path_factory.mktemp("cache")))
    work = tmp_path_factory.mktemp("work")
    made = conversion.in_sandbox(keras_files() / "any_size.keras", work, settings, size=32)
    return settings, work, made


@pytest.mark.tensorflow
def test_a_network_of_any_size_is_converted_for_the_size_in_use(any_size):
    settings, work, made = any_size
    assert (made.network.size, made.network.kind) == (32, "softmax")
    assert compiled.check(work, settings)[1] <= parity.MAX_DIFFERENCE


@pytest.mark.tensorflow
def test_outputs_that_differ_are_refused_for_good(any_size, tmp_path):
    settings, converted, _ = any_size
    work = shutil.copytree(converted, tmp_path / "work")
    with np.load(work / parity.PARITY_FILE) as arrays:
        inputs, output = arrays["inputs"], arrays["output0"]
    parity.write(work, inputs, {"": output + 2 * parity.MAX_DIFFERENCE})
    with pytest.raises(parity.NoLiteRTError, match="something else"):
        compiled.check(work, settings)


def fifo(path):
    os.mkfifo(path)


def link(path):
    path.symlink_to("/etc/passwd")


def sparse(path):
    with path.open("wb") as file:
        file.truncate(10**13)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.parametrize("left", [fifo, link, sparse, Path.mkdir, lambda path: None])
@pytest.mark.parametrize("name", [conversion.LITERT_FILE, parity.PARITY_FILE])
def test_only_a_plain_file_of_some_size_is_read_of_what_was_left(tmp_path, name, left):
    left(tmp_path / name)
    with pytest.raises(
        ModelError, match=rf"The conversion left .*{name}.* Compile it again"
    ) as error:
        if name == parity.PARITY_FILE:
            parity.litert_difference(tmp_path, b"", 1)
        else:
            compiled.check(tmp_path, Settings(cache=str(tmp_path / "cache")))
    assert str(tmp_path) not in str(error.value)


def test_what_cannot_be_read_is_said_without_where_it_lies(tmp_path, monkeypatch):
    parity.write(tmp_path, np.zeros(1), {"": np.zeros(1)})

    def fail(*_, **__):
        raise OSError(5, "Input/output error", str(tmp_path))

    monkeypatch.setattr(np, "load", fail)
    with pytest.raises(ModelError, match=r"cannot be read \(Input/output error\). Comp") as error:
        parity.litert_difference(tmp_path, b"", 1)
    assert str(tmp_path) not in error.value.public


@pytest.mark.skipif(not hasattr(os, "nice"), reason="no priorities here")
def test_whoever_waits_for_a_score_comes_before_a_conversion():
    code = """
import os
from types import SimpleNamespace
from deepfake.modelstore.compiling import conversion
before = os.nice(0)
made = SimpleNamespace(to_json=lambda: os.nice(0) - before)
conversion.convert = lambda _: made
conversion.main(["model.h5", "folder", "--max-model-bytes", "1"])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == f"{conversion.NICE}\n"


def test_a_missing_model_gets_a_sentence(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        conversion.in_sandbox(tmp_path / "gone.h5", tmp_path, Settings())


class UnsavedError(Exception):
    """As some parts of TensorFlow and Keras wrap what others raise."""


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("cause", "lasting"),
    [
        pytest.param(ValueError("erfinv"), True, id="an operation LiteRT lacks"),
        pytest.param(MemoryError(), False, id="memory"),
        pytest.param(FileNotFoundError(2, "gone"), False, id="a folder that is gone"),
    ],
)
def test_an_export_that_was_cut_short_says_nothing_of_the_network(keras, tmp_path, cause, lasting):
    class Layer(keras.layers.Layer):
        broken = False

        def call(self, picture):
            if self.broken:
                raise UnsavedError("Conversion failed") from cause
            return picture

    layer = Layer()
    picture = keras.Input((8, 8, 3))
    model = keras.Model(picture, layer(picture))
    layer.broken = True
    with pytest.raises(ModelError) as raised:
        conversion._export(model, tmp_path / "model.tflite")
    assert isinstance(raised.value, parity.NoLiteRTError) is lasting
    assert str(raised.value).startswith(conversion.NO_LITERT) is lasting


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["class", "bild größe", "输入", "x.y"])
def test_an_input_of_any_name_and_variables_of_nobody_are_converted(keras, tmp_path, name):
    import tensorflow as tf

    class Layer(keras.layers.Layer):
        def call(self, picture):
            return picture * hidden[0]

    hidden = [tf.Variable(3.0)]
    picture = keras.Input((8, 8, 3), name=name)
    model = keras.Model(picture, {"logit": Layer()(picture)[:, 0, 0, :1]})
    conversion._export(model, tmp_path / "model.tflite")
    runner = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("serving_default")
    (taken,) = runner.get_input_details()
    batch = np.full((1, 8, 8, 3), 2, np.float32)
    assert runner(**{taken: batch})["logit"].item() == pytest.approx(6)


@pytest.mark.tensorflow
def test_a_full_disk_is_not_the_networks_fault(keras, tmp_path, monkeypatch):
    import tensorflow as tf

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    picture = keras.Input((8, 8, 3))
    with pytest.raises(ModelError, match="Free some memory") as raised:
        conversion._export(keras.Model(picture, picture), tmp_path / "model.tflite")
    assert not isinstance(raised.value, parity.NoLiteRTError)


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"network": {}}', "Segmentation fault"])
def test_a_child_that_says_something_else_is_not_believed(said):
    with pytest.raises(ModelError, match="cannot be understood"):
        Conversion.from_json(said)


@pytest.mark.parametrize(
    ("found", "expected", "difference"),
    [
        pytest.param([0.5], [0.4], 0.1, id="probabilities as they are"),
        pytest.param([300.3], [300.0], 0.001, id="large logits as a share"),
        pytest.param([np.nan], [0.0], np.inf, id="no number"),
        pytest.param([1.0, 2.0], [1.0], np.inf, id="another shape"),
    ],
)
def test_differences(found, expected, difference):
    measured = parity.largest_difference(np.array(found), np.array(expected))
    assert measured == pytest.approx(difference)


@pytest.mark.parametrize("size", [16, 33, 224])
def test_inputs_are_in_the_networks_range_and_the_same_each_time(size):
    inputs = parity.inputs_for(size, (-1.0, 3.0))
    assert inputs.shape == (8, size, size, 3) and inputs.dtype == np.float32
    assert -1 <= inputs.min() < -0.5 and 2.5 < inputs.max() <= 3
    assert (inputs == parity.inputs_for(size, (-1.0, 3.0))).all()
