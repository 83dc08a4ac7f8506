"""What kind of model file it is, by its first bytes and never by its name alone.

A download that went wrong keeps the right name: Git-LFS pointers, pages of a login and half files
are told apart here, before anything tries to read them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from deepfake.errors import ModelError, ModelNotFoundError

SAVED_MODEL_FILE = "saved_model.pb"
# In the order in which one is chosen where a manifest lists several: the fastest to start first.
SUFFIXES = (".tflite", ".onnx", ".keras", ".h5", ".hdf5", ".pkl", ".pickle")
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
LITERT_IDENTIFIER = b"TFL3"  # at byte 4, as FlatBuffers put it
# The first pickle of PyTorch's format before 1.6 is this number (torch/serialization.py).
OLD_PYTORCH = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
PICKLE_PROTOCOLS = (2, 3, 4, 5)
# Fields of ModelProto (onnx/onnx.proto); 7 is the graph.
ONNX_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
ONNX_GRAPH = 7
HEAD = 512
KNOWN = ".keras, .h5, a SavedModel folder, .tflite, .onnx, or a .pkl of a Keras 3 model"
AGAIN = "Download it again"
FROM_PYTORCH = (
    "Export it where PyTorch is installed, with torch.onnx.export(model, pictures, 'model.onnx'), "
    "and name the .onnx file."
)


class FileKind(Enum):
    """The kinds of model files that can be read."""

    KERAS = "Keras archive"
    HDF5 = "HDF5"
    SAVED_MODEL = "SavedModel"
    LITERT = "LiteRT"
    ONNX = "ONNX"
    PICKLE = "pickle"


def kind_of(path: Path) -> FileKind:
    """Tell what a model file is.

    Args:
        path: Path. A file, or a SavedModel folder.

    Raises:
        ModelError: it is missing, empty, cut short, not a model at all (a Git-LFS pointer, a web
            page), or of a kind that cannot be read (PyTorch, safetensors, others).
    """
    try:
        if path.is_dir():
            return _kind_of_folder(path)
        with path.open("rb") as file:
            head = file.read(HEAD)
        size = path.stat().st_size
    except OSError as error:
        raise ModelNotFoundError(
            f"{path} cannot be read ({error.strerror}). Check the name of the model file.",
            path=path,
        ) from error
    _refuse_what_is_no_model(path, head)
    if head.startswith(HDF5_SIGNATURE):
        if size < _hdf5_end(head):
            raise _cut_short(path)
        return FileKind.HDF5
    if head.startswith(b"PK"):
        return _kind_of_zip(path)
    if head[4:8] == LITERT_IDENTIFIER:
        return FileKind.LITERT
    if _is_pickle(path, head):
        return _pickle(path, head, size)
    if head[0] == 0x08:
        found = _onnx(path, size)
        if found is not None:
            return found
    raise _unknown(path, head)


def _kind_of_folder(path: Path) -> FileKind:
    if (path / "saved_model.pb").is_file():
        return FileKind.SAVED_MODEL
    if (path / "config.json").is_file() and (path / "model.weights.h5").is_file():
        raise ModelError(
            f"{path} is an unpacked .keras file. Pack its files into one zip archive whose name "
            "ends with .keras, and name that.",
            path=path,
        )
    raise ModelError(
        f"There is no model in the folder {path}. A SavedModel folder holds saved_model.pb; "
        "for other models, name the file.",
        path=path,
    )


def _refuse_what_is_no_model(path: Path, head: bytes) -> None:
    if not head:
        raise ModelError(f"{path} is empty. {AGAIN}.", path=path)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs"):
        raise ModelError(
            f"{path} is not the model but a Git-LFS pointer, a note of where the model lies. "
            "Run `git lfs pull` in its folder, or download the file itself from its web page.",
            path=path,
        )
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise ModelError(
            f"{path} is a web page, not a model: the download address led to a page (often one "
            f"that asks to log in or to confirm). {AGAIN} in a browser.",
            path=path,
        )


def _kind_of_zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _cut_short(path) from error
    if "config.json" in names and "metadata.json" in names:
        return FileKind.KERAS
    if any(name.endswith("/data.pkl") for name in names):
        raise _pytorch(path)
    if any(name.endswith(".npy") for name in names):
        raise ModelError(
            f"{path} holds NumPy arrays, not a model. Save the whole model: "
            "model.save('model.keras').",
            path=path,
        )
    if any(name.endswith("saved_model.pb") for name in names):
        raise ModelError(
            f"{path} is a packed SavedModel. Unpack it and name the folder.", path=path
        )
    raise ModelError(
        f"{path} is a zip archive, but not a Keras model (config.json and metadata.json are "
        "missing). Unpack it, and name the model file that is inside.",
        path=path,
    )


def _is_pickle(path: Path, head: bytes) -> bool:
    if head[:1] == b"\x80" and head[1:2] and head[1] in PICKLE_PROTOCOLS:
        return True
    # The pickles of protocols 0 and 1 have no first byte of their own.
    return head[:1] in (b"(", b"c", b"]", b"}") and path.suffix in (".pkl", ".pickle", ".joblib")


def _pickle(path: Path, head: bytes, size: int) -> FileKind:
    if OLD_PYTORCH in head[:32] or path.suffix.lower() in (".pth", ".pt"):
        raise _pytorch(path)
    with path.open("rb") as file:
        file.seek(size - 1)
        if file.read(1) != b".":  # the opcode that ends each pickle
            raise _cut_short(path)
    return FileKind.PICKLE


def _hdf5_end(head: bytes) -> int:
    """Where the file ends, as its superblock says (HDF5 File Format Specification, II.A)."""
    version = head[8] if len(head) > 8 else 0
    place = 40 if version == 0 else 44 if version == 1 else 28
    width = head[13] if version < 2 and len(head) > 13 else head[9] if len(head) > 9 else 8
    if width not in (4, 8):
        return 0
    if version < 2:
        place += 2 * (width - 8)
    elif width == 4:
        place = 20
    if len(head) < place + width:
        return len(head) + 1
    return int.from_bytes(head[place : place + width], "little")


def _onnx(path: Path, size: int) -> FileKind | None:
    """Walk over the outermost fields of a protobuf message, without reading what is in them."""
    with path.open("rb") as file:
        graph = False
        while file.tell() < size:
            tag = _varint(file.read(1), file.read)
            if tag is None or tag >> 3 not in ONNX_FIELDS:
                return None
            wire = tag & 7
            if wire == 0:
                if _varint(file.read(1), file.read) is None:
                    return None
            elif wire == 2:
                length = _varint(file.read(1), file.read)
                if length is None:
                    return None
                if file.tell() + length > size:
                    if path.suffix.lower() == ".onnx":
                        raise _cut_short(path)
                    return None
                file.seek(length, 1)
                graph = graph or tag >> 3 == ONNX_GRAPH
            else:
                return None
    return FileKind.ONNX if graph else None


def _varint(first: bytes, read: Callable[[int], bytes]) -> int | None:
    value, shift, byte = 0, 0, first
    while byte and shift < 64:
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
        byte = read(1)
    return None


def _unknown(path: Path, head: bytes) -> ModelError:
    name = path.name.lower()
    if head[8:9] == b"{" and b'"' in head[9:12]:
        return ModelError(
            f"{path} is a safetensors file: weights without a network. Name the model's .onnx or "
            f".keras file. If it was made with PyTorch: {FROM_PYTORCH}",
            path=path,
        )
    if name.endswith((".pth", ".pt", ".ckpt")):
        return _pytorch(path)
    if name.endswith((".pkl", ".pickle", ".joblib")):
        return ModelError(
            f"{path} is a compressed or damaged pickle. Where it was made, save the model with "
            "model.save('model.keras') instead.",
            path=path,
        )
    if name == "saved_model.pb":
        return ModelError(
            f"{path} is a part of a SavedModel. Name its folder: {path.parent}.", path=path
        )
    if name.endswith((".index", ".pb")) or ".data-0" in name:
        return ModelError(
            f"{path} is a part of a TensorFlow checkpoint or graph. Load it where it was made and "
            "save the whole model: model.save('model.keras').",
            path=path,
        )
    if head.lstrip()[:1] == b"{":
        return ModelError(
            f"{path} is a JSON file: at most the plan of a model, without its weights. Name the "
            "file that model.save('model.keras') wrote.",
            path=path,
        )
    if head.startswith((b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ")):
        return ModelError(
            f"{path} is a packed archive. Unpack it, and name the file inside.", path=path
        )
    if name.endswith((".h5", ".hdf5", ".keras", ".tflite", ".onnx")):
        return ModelError(
            f"{path} is not what its name says: its first bytes belong to no model file. The "
            f"download is damaged or was something else. {AGAIN}.",
            path=path,
        )
    return ModelError(
        f"{path} is not a model file that can be read. Name one of these: {KNOWN}.", path=path
    )


def _pytorch(path: Path) -> ModelError:
    return ModelError(f"{path} is a PyTorch file, which holds code. {FROM_PYTORCH}", path=path)


def _cut_short(path: Path) -> ModelError:
    return ModelError(
        f"{path} is cut short: the download was not finished, or the disk was full. {AGAIN}.",
        path=path,
    )
