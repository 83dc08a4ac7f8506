"""What kind of file it is, by its bytes."""

import bz2
import gzip
import lzma
import pickle
import tracemalloc
import zipfile
import zlib

import h5py
import numpy as np
import pytest

from deepfake.errors import ModelError
from deepfake.modelstore import formats
from deepfake.modelstore.backends import keras
from deepfake.modelstore.keras2 import archives
from deepfake.modelstore.safety import keras_zip
from deepfake.modelstore.safety.kinds import kind_of
from deepfake.settings import Settings, models_folder

DEFAULT = models_folder() / "default"


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    return path


def hdf5(path, **options):
    with h5py.File(path, "w", **options) as file:
        file["weights"] = np.zeros(1000)
    return path


def onnx_bytes():
    # ModelProto: ir_version = 8, producer_name = "pytorch", graph of ten bytes.
    return b"\x08\x08\x12\x07pytorch" + b"\x3a\x0a" + b"\x00" * 10


def test_the_shipped_model_is_litert_and_keras():
    assert kind_of(DEFAULT / "model.tflite") is formats.LITERT
    assert kind_of(DEFAULT / "model.keras") is formats.KERAS


def test_the_name_of_a_file_does_not_matter(tmp_path):
    renamed = tmp_path / "model.h5"
    renamed.write_bytes((DEFAULT / "model.tflite").read_bytes())
    assert kind_of(renamed) is formats.LITERT


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_hdf5_of_any_version_is_known_whole_and_cut_short(tmp_path, libver):
    path = hdf5(tmp_path / "model.h5", libver=libver)
    assert kind_of(path) is formats.HDF5
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ModelError, match="cut short"):
        kind_of(path)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_known(tmp_path, protocol):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"model": 1}, protocol))
    assert kind_of(path) is formats.PICKLE


def test_onnx_is_known_whole_and_cut_short(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_bytes())
    assert kind_of(path) is formats.ONNX
    path.write_bytes(onnx_bytes()[:-3])
    with pytest.raises(ModelError, match="cut short"):
        kind_of(path)


def test_a_folder_with_a_saved_model_is_known(tmp_path):
    with pytest.raises(ModelError, match=r"saved_model\.pb"):
        kind_of(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    assert kind_of(tmp_path) is formats.SAVED_MODEL
    with pytest.raises(ModelError, match="Name its folder"):
        kind_of(tmp_path / "saved_model.pb")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("model.h5", b"", "is empty"),
        ("model.h5", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        ("model.h5", b"\n<!DOCTYPE html><html>", "web page"),
        ("model.keras", b"PK\x03\x04" + bytes(100), "cut short"),
        ("model.pkl", pickle.dumps([1, 2])[:-1], "cut short"),
        ("model.pkl", b"x\x9c" + bytes(20), "compressed"),
        ("model.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", r"torch\.onnx\.export"),
        ("model.pt", b"\x80\x02}.", r"torch\.onnx\.export"),
        ("model.safetensors", b"\x40\0\0\0\0\0\0\0" + b'{"weight":{}}', "safetensors"),
        ("model.json", b'{"class_name": "Sequential"}', "without its weights"),
        ("model.h5.gz", b"\x1f\x8b" + bytes(20), "Unpack"),
        ("model.h5", b"Not found", "not what its name says"),
        ("model.ckpt.index", b"\0" * 40, "checkpoint"),
        ("model.xml", b'<?xml version="1.0"?>\n<net name="x" version="11">', "OpenVINO"),
        ("page.xml", b'<?xml version="1.0"?><html>', "web page"),
        ("photo.jpg", b"\xff\xd8\xff\xe0" + bytes(40), "Name one of these"),
        ("one.tflite", b"\x08", "not what its name says"),
    ],
)
def test_what_is_no_model_gets_a_sentence(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=expected):
        kind_of(path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["archive/data.pkl", "archive/version"], r"torch\.onnx\.export"),
        (["kernel.npy"], "NumPy arrays"),
        (["model/saved_model.pb"], "Unpack it and name the folder"),
        (["model.h5"], "Unpack it"),
    ],
)
def test_other_archives_get_a_sentence(tmp_path, names, expected):
    with pytest.raises(ModelError, match=expected):
        kind_of(zipped(tmp_path / "model.zip", *names))


def test_a_missing_file_gets_a_sentence(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        kind_of(tmp_path / "model.h5")


class _Named:
    """Pickles as an object of another library, which need not be installed."""

    def __init__(self, module, name="Model"):
        self.line = f"c{module}\n{name}\n".encode()

    def pickled(self):
        return b"\x80\x02" + self.line + b")\x81."


@pytest.mark.parametrize("pack", [bytes, zlib.compress, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("sklearn.svm._classes", "scikit-learn model.*judges a list of numbers"),
        ("xgboost.sklearn", "XGBoost model.*decision trees"),
        ("torch.nn.modules.container", r"PyTorch file.*torch\.onnx\.export"),
        ("torch._utils", r"PyTorch weights.*load_state_dict"),
        ("ultralytics.nn.tasks", "YOLO file.*yolo export"),
        ("fastai.learner", "Learner of fastai.*load_learner"),
    ],
)
def test_pickles_of_other_libraries_are_named_and_get_advice_that_fits(
    tmp_path, module, expected, pack
):
    path = tmp_path / "model.pkl"
    path.write_bytes(pack(_Named(module).pickled()))
    with pytest.raises(ModelError, match=expected):
        keras.inspect(path, Settings())


@pytest.mark.parametrize(
    ("names", "content", "expected"),
    [
        (["m/data.pkl", "m/version"], _Named("torchvision.models.resnet").pickled(), "PyTorch fil"),
        (["m/data.pkl", "m/version"], _Named("torch._utils").pickled(), "PyTorch weights"),
        (["m/data.pkl", "m/version"], _Named("ultralytics.nn.tasks").pickled(), "yolo export"),
        (["m/data.pkl", "m/code/__torch__.py"], b"", r"TorchScript.*torch\.jit\.load"),
    ],
)
def test_files_of_pytorch_are_told_apart(tmp_path, names, content, expected):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    with pytest.raises(ModelError, match=expected):
        kind_of(path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("model.json", b'{ "learner": {}}', "XGBoost"),
        ("model.json", b'{"version": [3, 0, 0], "learner" : {}}', "XGBoost"),
        ("model.ubj", b"{L\0\0\0\0\0\0\0\x07learner", "XGBoost"),
        ("model.txt", b"tree\nversion=v4\n", "LightGBM"),
        ("model.cbm", b"CBM1\0\0", "CatBoost"),
    ],
)
def test_files_of_decision_trees_are_named(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"{expected} model.*`deepfake train`"):
        kind_of(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_what_is_packed_in_other_ways_than_deflate_is_not_unpacked(tmp_path, method):
    path, bomb = tmp_path / "model.pt", bytes(20_000_000)
    for name, look in (("m/data.pkl", kind_of), ("metadata.json", version_or_refusal)):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("config.json", "{}")
            archive.writestr(name, bomb)
        tracemalloc.start()
        with pytest.raises(ModelError):
            look(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
        tracemalloc.stop()


def version_or_refusal(path):
    assert archives.version_of(path) == ""
    keras_zip.inspect_archive(path, 10**9)


def test_a_damaged_file_of_pytorch_is_named_all_the_same(tmp_path):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", _Named("torch._utils").pickled() * 50)
    content = bytearray(path.read_bytes())
    content[45:60] = bytes(15)
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"PyTorch.*torch\.onnx\.export"):
        kind_of(path)
