"""Hostile model files: each is refused with a sentence, and its canary never appears."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from deepfake.errors import ModelError
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.resolve import load_model
from deepfake.modelstore.safety import hdf5, inspection, keras_zip
from deepfake.modelstore.safety.keras_config import inspect_config, parse_config
from deepfake.settings import Settings
from tests.modelstore import hostile_files as hostile

ROOT = Path(__file__).parents[3]
FACE_MODEL = ROOT / "models/face/face_detection_back.tflite"
LIMIT = 100_000_000
ANSWERS = Answers(positive="fake", size=32)
# A fixed name, because the names of the cases are needed before there is a folder.
NO_CANARY = Path("/tmp/deepfake-canary-never-written")


@pytest.fixture
def canary(tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "canary"
    yield path
    assert not path.exists()


@pytest.fixture
def settings(tmp_path):
    return Settings(cache=str(tmp_path / "cache"), max_model_bytes=LIMIT)


def refused(check, *arguments, match=None):
    """The sentence of the refusal, which is one for people."""
    with pytest.raises(ModelError, match=match) as failure:
        check(*arguments)
    sentence = str(failure.value)
    assert "Traceback" not in sentence
    assert len(sentence.split()) > 5
    assert sentence.endswith((".", ")"))
    return sentence


@pytest.mark.parametrize("case", hostile.configs(NO_CANARY))
def test_descriptions_that_name_more_than_layers(case, canary):
    refused(inspect_config, hostile.configs(canary)[case])


def test_what_keras_writes_is_not_refused():
    """The allow-list is no use if it is too short; test_keras.py loads the many kinds."""
    activation = {"module": "builtins", "class_name": "function", "config": "relu"}
    policy = hostile.layer("DTypePolicy", "keras", name="float32")
    inspect_config(
        hostile.network(
            hostile.layer("Rescaling", scale=1 / 255, dtype=policy),
            hostile.layer("Dense", "keras.src.layers.core.dense", activation=activation),
            hostile.layer("Dense", "tf_keras.src.layers", units=1),
            hostile.layer("Dense", None, units=1),
            hostile.layer("TrueDivide", "keras.src.ops.numpy"),
            # The model's own loss is never read.
            compile_config={"loss": hostile.function("mine", "focal_loss")},
        )
    )
    model = ROOT / "models/default/model.keras"
    with zipfile.ZipFile(model) as archive:
        inspect_config(json.loads(archive.read("config.json")))
    keras_zip.inspect_archive(model, LIMIT)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{", '{"a":' * 5_000 + "1" + "}" * 5_000])
def test_descriptions_that_break_readers(text):
    refused(lambda: inspect_config(parse_config(text, "model.h5")))


def test_hdf5_files_that_reach_out_or_blow_up(tmp_path):
    files = hostile.bad_hdf5(tmp_path)
    assert len(files) >= 16
    for name, path in files.items():
        sentence = refused(hdf5.inspect_hdf5_file, path, LIMIT)
        assert path.name in sentence, name


def test_archives_that_reach_out_or_blow_up(tmp_path, canary):
    files = hostile.bad_archives(tmp_path, canary)
    assert len(files) >= 14
    for name, path in files.items():
        sentence = refused(keras_zip.inspect_archive, path, LIMIT)
        assert path.name in sentence, name


def test_a_list_of_texts_that_all_are_the_same_long_one(tmp_path, settings):
    """One long text in the file, and a note that repeats it until memory is full."""
    import h5py

    path, long, times = hostile.hdf5(tmp_path / "list.h5"), 1_000_003, 3_000
    with h5py.File(path, "a") as file:
        names = ["x" * long] + ["s"] * times
        file["model_weights"].attrs.create("names", names, dtype=h5py.string_dtype())
    content = path.read_bytes()
    # HDF5 points to a text by its length, the address of a heap, and a number in the heap.
    at = content.index(long.to_bytes(4, "little"))
    descriptor = content[at : at + 16]
    end = at + 16 * (times + 1)
    path.write_bytes(content[:at] + descriptor * (times + 1) + content[end:])
    # HDF5 itself says that it could not read on, where memory was limited.
    refused(inspection.inspect_hdf5, path, settings, match="memory|damaged")


@pytest.mark.tensorflow
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_pickles_are_not_run(tmp_path, canary, settings, protocol):
    path = hostile.bad_pickle(tmp_path / "model.pkl", canary, protocol)
    refused(load_model, path, settings, ANSWERS)


@pytest.mark.tensorflow
def test_a_pickle_of_nine_bytes_does_not_fill_memory(tmp_path, settings):
    path = tmp_path / "model.pkl"
    for content, _ in hostile.PICKLES_THAT_FILL_MEMORY.values():
        path.write_bytes(content)
        refused(load_model, path, settings, ANSWERS)


@pytest.mark.slow
def test_litert_files_with_broken_offsets(tmp_path, settings):
    for path in hostile.bad_litert(tmp_path, FACE_MODEL):
        assert "again" in refused(load_model, path, settings, ANSWERS)


@pytest.mark.parametrize(
    "what",
    [
        {"location": "/etc/passwd"},
        {"location": "../data.bin"},
        {"location": "a/../../data.bin"},
        {"location": "C:\\data.bin"},
        {"location": "..\\data.bin"},
        {"location": "link.bin"},
        {"location": "missing.bin"},
        {"location": "a\0b"},
        {"location": "a" * 5000},
        {"location": ""},
        {"location": "/etc/passwd", "in_branch": True},
        {"location": "/etc/passwd", "in_function": "node"},
        {"location": "/etc/passwd", "in_function": "default"},
        {"domain": "evil.ops", "in_function": "node"},
        {"domain": "evil.ops"},
        {"domain": "evil.ops", "in_branch": True},
        {"shape": (10**6, 10**6)},
        {"shape": (2,) * 30},
        {"shape": (2**63 + 1,)},
    ],
    ids=lambda what: str(what)[:60],
)
def test_onnx_files_that_reach_out_or_blow_up(tmp_path, settings, what):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "data.bin").write_bytes(bytes(8))
    (folder / "link.bin").symlink_to(tmp_path / "data.bin")
    path = hostile.onnx(folder / "model.onnx", **what)
    refused(inspection.inspect_onnx, path, settings)
    refused(load_model, path, settings, ANSWERS)


@pytest.mark.parametrize("number", [1, 5], ids=["nodes", "arrays"])
def test_an_onnx_file_of_parts_without_end_is_not_read_to_its_end(tmp_path, settings, number):
    parts = hostile.message((number, b"")) * 300_001
    path = tmp_path / "model.onnx"
    path.write_bytes(hostile.message((1, 8), (7, parts)))
    assert "300,000 parts" in refused(inspection.inspect_onnx, path, settings)


def test_an_onnx_array_of_dimensions_without_end_is_not_read_to_its_end(tmp_path, settings):
    array = hostile.message((1, b"\x01" * 300_001))
    path = tmp_path / "model.onnx"
    path.write_bytes(hostile.message((1, 8), (7, hostile.message((5, array)))))
    assert "300,000 parts" in refused(inspection.inspect_onnx, path, settings)


def test_onnx_data_beside_the_model_is_allowed(tmp_path, settings):
    (tmp_path / "model.onnx.data").write_bytes(bytes(8))
    path = hostile.onnx(tmp_path / "model.onnx", location="model.onnx.data")
    assert inspection.inspect_onnx(path, settings) == (tmp_path / "model.onnx.data",)


@pytest.mark.parametrize("part", ["node", "default"])
def test_functions_in_an_onnx_file_are_no_damage(tmp_path, settings, part):
    path = hostile.onnx(tmp_path / "model.onnx", in_function=part)
    assert inspection.inspect_onnx(path, settings) == ()


def test_an_onnx_file_that_is_cut_anywhere_is_a_sentence(tmp_path, settings):
    path = hostile.onnx(tmp_path / "model.onnx")
    content = path.read_bytes()
    for length in range(1, len(content)):
        path.write_bytes(content[:length])
        try:
            inspection.inspect_onnx(path, settings)
        except ModelError:
            continue


@pytest.mark.parametrize(
    "operation",
    [
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "PyFunc",
        "EagerPyFunc",
        "TFRecordDataset",
        "RestoreV2",
        "SaveV2",
        "InitializeTableFromTextFileV2",
        "WholeFileReaderV2",
        "DebugIdentityV2",
        "RpcCall",
        "CreateSummaryFileWriter",
        "PrintV2",
        # Those that take the name of a file as a note, and those that end the process.
        "ImmutableConst",
        "GenerateVocabRemapping",
        "FixedUnigramCandidateSampler",
        "RecordInput",
        "Skipgram",
        "Abort",
        "AnOperationOfTomorrow",
    ],
)
@pytest.mark.parametrize("in_function", [False, True])
def test_saved_models_that_reach_for_files_and_programs(tmp_path, settings, operation, in_function):
    folder = hostile.saved_model(tmp_path / "m", "Conv2D", operation, in_function=in_function)
    if operation in ("RestoreV2", "SaveV2") and not in_function:
        return  # The part that reads variables/; a test of its own is below.
    refused(inspection.inspect_saved_model, folder, settings, match=operation)


def test_the_part_that_saves_must_not_serve(tmp_path, settings):
    """Each SavedModel can save itself; one that does so when it is asked for a score is hostile."""
    folder = hostile.saved_model_that_serves(tmp_path / "m", "SaveV2")
    refused(inspection.inspect_saved_model, folder, settings, match="SaveV2")
    inspection.inspect_saved_model(hostile.saved_model(tmp_path / "n", "SaveV2"), settings)


def test_what_networks_are_made_of_is_not_refused(tmp_path, settings):
    """The allow-list is no use if it is too short; test_keras.py loads what Keras exports."""
    operations = ("Conv2D", "FusedBatchNormV3", "Erfc", "StatelessWhile", "ResizeBilinear")
    for in_function in (False, True):
        folder = hostile.saved_model(
            tmp_path / str(in_function), *operations, in_function=in_function
        )
        inspection.inspect_saved_model(folder, settings)


def test_a_function_must_not_find_variables_by_name(tmp_path, settings):
    """They would be those of other models in the process."""
    beside = hostile.saved_model(tmp_path / "m", "VarHandleOp")
    inspection.inspect_saved_model(beside, settings)
    folder = hostile.saved_model(tmp_path / "n", "VarHandleOp", in_function=True)
    refused(inspection.inspect_saved_model, folder, settings, match="VarHandleOp")


def test_of_two_nodes_with_one_name_both_are_looked_at(tmp_path, settings):
    folder = hostile.saved_model(tmp_path / "m", "ReadFile", "Relu", doubled=True)
    refused(inspection.inspect_saved_model, folder, settings, match="ReadFile")


@pytest.mark.parametrize("what", [{"version": 1}, {"copies": 2}], ids=str)
def test_saved_models_whose_loader_runs_what_they_name(tmp_path, settings, what):
    """TensorFlow takes them for version 1: it runs the nodes that the file names on loading."""
    folder = hostile.saved_model(tmp_path / "m", "SaveV2", **what)
    refused(inspection.inspect_saved_model, folder, settings, match="TensorFlow 2")


@pytest.mark.parametrize(
    "mask",
    [
        b"\x15Relu",  # field 2 of fixed width, which TensorFlow does not know and skips
        b"\x92\x80\x80\x80\x20\x04Relu",  # a number that has 33 bits
    ],
)
def test_an_operation_cannot_hide_behind_a_field_that_is_read_otherwise(tmp_path, settings, mask):
    folder = hostile.saved_model_behind_a_mask(tmp_path / "m", mask)
    refused(inspection.inspect_saved_model, folder, settings, match="ReadFile|damaged")


def test_functions_that_call_each_other_without_end(tmp_path, settings):
    calls = {
        "itself": {"a": "a"},
        "in a circle": {"a": "b", "b": "c", "c": "a"},
        "doubling": {f"f{depth}": [f"f{depth + 1}"] * 2 for depth in range(40)},
        "deep": {f"f{depth}": [f"f{depth + 1}"] for depth in range(5_000)},
    }
    for name, functions in calls.items():
        folder = hostile.saved_model_that_calls(tmp_path / name, **functions)
        refused(inspection.inspect_saved_model, folder, settings, match="without end")
    harmless = hostile.saved_model_that_calls(tmp_path / "m", a=["b", "b"], b=["c"], c=[])
    inspection.inspect_saved_model(harmless, settings)


def test_files_over_the_limit_are_not_opened(tmp_path):
    small = Settings(max_model_bytes=100)
    path = hostile.archive(tmp_path / "m.keras")
    for check in (inspection.inspect_keras_zip, inspection.inspect_hdf5, inspection.inspect_onnx):
        refused(check, path, small, match="DEEPFAKE_MAX_MODEL_BYTES")


@pytest.mark.tensorflow
@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize("case", ["lambda", "os.system as layer", "keras.utils.get_file"])
def test_through_the_front_door(tmp_path, canary, settings, case, ending):
    """As a user would name the file; nothing of it runs on the way to the sentence."""
    config = hostile.configs(canary)[case]
    path = tmp_path / f"model{ending}"
    hostile.hdf5(path, config) if ending == ".h5" else hostile.archive(path, config)
    refused(load_model, path, settings, ANSWERS)


def test_a_saved_model_whose_functions_can_be_exchanged(tmp_path, settings):
    folder = hostile.saved_model_with_another_implementation(tmp_path / "m")
    refused(inspection.inspect_saved_model, folder, settings, match="api_implements")


@pytest.mark.tensorflow
def test_a_saved_model_through_the_front_door(tmp_path, canary, settings):
    folder = hostile.saved_model(tmp_path / "m", "WriteFile")
    (folder / "variables").mkdir()
    refused(load_model, folder, settings, ANSWERS, match="WriteFile")


def test_an_unfenced_check_refuses(tmp_path, settings, monkeypatch):
    """Where the fence cannot be put up, the file is not opened."""
    monkeypatch.setattr(os, "getpid", lambda: 1_234_567)  # the child sees another parent
    path = hostile.hdf5(tmp_path / "m.h5", hostile.network())
    refused(inspection.inspect_hdf5, path, settings, match="could not be fenced in")
