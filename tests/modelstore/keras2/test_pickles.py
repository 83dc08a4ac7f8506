"""Pickles are read without running them."""

import io
import os
import pickle
import tracemalloc

import numpy as np
import pytest

from deepfake.errors import ModelError
from deepfake.modelstore.keras2.pickles import read_archive
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings
from tests.modelstore import hostile_files as hostile

# As Keras 3 pickles a model, in the text form of pickle: BytesIO's state, then the call.
ARCHIVE = b"PK\x03\x04 an archive"


class _Call:
    """Pickles as the call of a function."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def pickled_by_keras(content):
    # What keras.src.models.sequential.Sequential._unpickle_model(BytesIO(content)) pickles to.
    head = b"\x80\x04cbuiltins\ngetattr\n"
    head += b"(ckeras.src.models.sequential\nSequential\nX\x0f\x00\x00\x00_unpickle_modeltR"
    buffer = b"c_io\nBytesIO\n)\x81(B" + len(content).to_bytes(4, "little") + content + b"K\x00Ntb"
    return head + buffer + b"\x85R."


def read(tmp_path, content, **options):
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    return read_archive(path, Settings(**options))


def test_the_archive_in_a_pickled_model_is_handed_out(tmp_path):
    assert read(tmp_path, pickled_by_keras(ARCHIVE)) == ARCHIVE


@pytest.mark.tensorflow
@pytest.mark.parametrize("protocol", [4, 5])
def test_a_model_that_keras_pickled_gives_its_archive(tmp_path, protocol):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    archive = read(tmp_path, pickle.dumps(model, protocol))
    assert archive.startswith(b"PK\x03\x04")


@pytest.mark.parametrize("function", [os.system, eval, exec, __import__, open])
def test_a_reducer_is_refused_and_does_not_run(tmp_path, function):
    canary = tmp_path / "canary"
    argument = f"touch {canary}" if function is os.system else f"open({str(canary)!r}, 'w')"
    content = pickle.dumps(_Call(function, str(canary) if function is open else argument))
    with pytest.raises(ModelError, match=r"model\.save\('model\.keras'\)"):
        read(tmp_path, content)
    assert not canary.exists()


@pytest.mark.parametrize(
    "call",
    [
        # getattr of anything but the one method leads to everything.
        _Call(getattr, io.BytesIO, "__subclasses__"),
        _Call(getattr, "", "format"),
    ],
)
def test_getattr_leads_nowhere_else(tmp_path, call):
    with pytest.raises(ModelError, match="not a pickled Keras model"):
        read(tmp_path, pickle.dumps(call))


def test_a_pickle_cannot_change_the_names_that_it_gets(tmp_path):
    # BUILD on the function itself, to give it other attributes.
    content = b"\x80\x04cbuiltins\ngetattr\n}X\x04\x00\x00\x00nameK\x01sb."
    with pytest.raises(ModelError, match="changes a name"):
        read(tmp_path, content)
    assert read(tmp_path, pickled_by_keras(ARCHIVE)) == ARCHIVE


@pytest.mark.parametrize("held", [{"model": 1}, [1, 2], "text", None])
def test_other_pickles_say_what_they_hold(tmp_path, held):
    with pytest.raises(ModelError, match=f"it holds a {type(held).__name__}"):
        read(tmp_path, pickle.dumps(held))


@pytest.mark.parametrize("compress", [0, 3])
def test_a_classifier_of_scikit_learn_is_named_however_joblib_wrote_it(tmp_path, compress):
    import joblib
    from sklearn.linear_model import LogisticRegression

    path = tmp_path / "model.joblib"
    numbers = np.random.default_rng(0).normal(size=(40, 300))
    joblib.dump(LogisticRegression().fit(numbers, [0, 1] * 20), path, compress=compress)
    with pytest.raises(ModelError, match=r"scikit-learn model|compressed"):
        load_model(path, Settings(cache=str(tmp_path)))


@pytest.mark.parametrize("case", sorted(hostile.PICKLES_THAT_FILL_MEMORY))
def test_a_pickle_that_fills_memory_is_refused_before_it_is_read(tmp_path, monkeypatch, case):
    monkeypatch.setattr("deepfake.modelstore.keras2.pickles._KerasUnpickler", None)
    content, reason = hostile.PICKLES_THAT_FILL_MEMORY[case]
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=reason):
            read(tmp_path, content)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_names_that_are_nested_do_not_fill_the_sentence(tmp_path):
    """The name that is asked for is a tuple of twice the same tuple, and so on."""
    nested = b"N" + b"q\x00h\x00\x86" * 15
    with pytest.raises(ModelError) as failure:
        read(tmp_path, b"\x80\x04cbuiltins\ngetattr\nN" + nested + b"\x86R.")
    assert len(str(failure.value)) < 1000


@pytest.mark.parametrize("content", [b"\x80\x04", b"\x80\x04\x95\xff\xff\xff", b"garbage\n"])
def test_a_damaged_pickle_gets_a_sentence(tmp_path, content):
    with pytest.raises(ModelError, match="pickle"):
        read(tmp_path, content)


def test_a_pickle_over_the_limit_is_not_opened(tmp_path):
    with pytest.raises(ModelError, match="DEEPFAKE_MAX_MODEL_BYTES"):
        read(tmp_path, pickled_by_keras(bytes(2000)), max_model_bytes=1000)
