"""Which of a repository's files is its model."""

import pytest

from deepfake.errors import ModelError
from deepfake.modelstore.hub.files import RemoteFile, choose

SAVED = ("saved_model.pb", "variables/variables.index")
UNPACKED = ("config.json", "metadata.json", "model.weights.h5")


def chosen(*names, path=""):
    return choose("owner/name", {name: RemoteFile(name, 1) for name in names}, path)


@pytest.mark.parametrize(
    ("names", "main", "kind"),
    [
        (["a.tflite", "a.onnx", "a.h5", "a.keras"], "a.keras", "file"),
        (["a.tflite", "a.onnx", "a.h5", *UNPACKED], "", "unpacked_keras"),
        (["a.tflite", "a.h5", "a.onnx"], "a.onnx", "file"),
        (["a.tflite", *SAVED, "a.h5"], "a.h5", "file"),
        (["a.tflite", "a.hdf5", "a.pkl", *SAVED], "", "saved_model"),
        (["a.hdf5", "a.tflite", "a.pkl"], "a.tflite", "file"),
        (["a.pkl", "a.hdf5"], "a.hdf5", "file"),
        (["a.pickle", "a.pkl"], "a.pkl", "file"),
        (["a.pickle"], "a.pickle", "file"),
        (["A.HDF5"], "A.HDF5", "file"),
        # The one with the usual name is meant.
        (["model.tflite", "a.keras"], "model.tflite", "file"),
        (["a.keras", "b/model.keras", "model.keras"], "model.keras", "file"),
        (["model.onnx", "onnx/model.onnx"], "onnx/model.onnx", "file"),
        (["b/saved_model.pb", *SAVED], "", "saved_model"),
        (["b/saved_model.pb"], "b", "saved_model"),
        (["tf_model.h5", "a.weights.h5", "a.tflite"], "a.tflite", "file"),
        (["SAVED_MODEL.PB", "a.tflite"], "a.tflite", "file"),
    ],
)
def test_one_file_or_folder_is_chosen(names, main, kind):
    choice = chosen(*names)
    assert (choice.main, choice.kind) == (main, kind)
    assert choice.model


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.h5", "b.h5", *SAVED], r"several models: a\.h5, b\.h5"),
        (["a/saved_model.pb", "b/saved_model.pb"], "several models"),
        (["a.hdf5", "b.hdf5", "a.pkl"], "several models"),
        (["SAVED_MODEL.PB"], "no model that can be read"),
        (["not_saved_model.pb"], "no model that can be read"),
        (["model.safetensors"], "need code from elsewhere"),
        (["tf_model.h5"], "need code from elsewhere"),
    ],
)
def test_what_is_none_or_several_is_refused(names, expected):
    with pytest.raises(ModelError, match=expected):
        chosen(*names)


def test_only_the_named_folder_is_searched():
    assert chosen("a.keras", "b/c.h5", path="b").main == "b/c.h5"
    assert chosen("a.keras", *SAVED, path="saved_model.pb").model == SAVED
