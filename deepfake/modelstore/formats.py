"""The formats of model files, one row each: whatever depends on the format is asked of its row.

Backends and checks are named as "module:function" and imported when they are used, since some of
them bring TensorFlow along. A new format is a row here and a module in `backends/`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
LITERT_IDENTIFIER = b"TFL3"  # at byte 4, as FlatBuffers put it
PICKLE_PROTOCOLS = (2, 3, 4, 5)
# Fields of ModelProto (onnx/onnx.proto); 7 is the graph.
ONNX_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
ONNX_GRAPH = 7
_BACKENDS, _SAFETY = "deepfake.modelstore.backends", "deepfake.modelstore.safety"


@dataclass(frozen=True)
class Look:
    """What is seen of a file before anything reads it.

    Attributes:
        path: Path. The file or folder.
        head: bytes. How the file begins; b"" of a folder.
        size: int. Bytes of the file.
        names: set of str. What lies in the folder, or in the zip archive; empty for other files.
    """

    path: Path
    head: bytes = b""
    size: int = 0
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Format:
    """A format of model files.

    Attributes:
        kind: str. Its key, in caches and between processes.
        name: str. For people.
        written: str. How a sentence that lists what can be read calls it.
        matches: whether a Look is of this format; by its bytes, never by its name alone.
        open: str. Place of `(path, settings, architecture, size) -> Opened`, which checks and reads
            it. May raise ModelError, as all of these.
        inspect: str. Place of `(path, settings) -> files`, which refuses what is hostile without
            running it, and returns the files beside it that hold some of its weights.
        suffixes: tuple of str. Endings of its files, the usual one first; () for folders.
        is_whole: whether a Look shows the file up to its end; a cut download has the right head.
        marker: str. The file that makes a folder one of this format; "" for files.
        parts: tuple of str. What else of such a folder belongs to it; folders end in a slash.
        beside: tuple of str. What may come behind the stem of files beside it with some of its
            weights; () where one file holds all.
        usual: tuple of str. Where repositories have it, if they hold several.
        from_bytes: str. Place of `(weights, manifest, settings) -> Backend` for a format that is
            read into memory once, so that what was compared with a hash is what runs.
        package: str. The distribution that runs it.
        is_keras: bool. Whether Keras reads it, so that it can be converted to LiteRT.
        is_program: bool. Whether it holds code, so that no stranger may choose it.
    """

    kind: str
    name: str
    written: str
    matches: Callable[[Look], bool]
    open: str
    inspect: str
    suffixes: tuple[str, ...] = ()
    is_whole: Callable[[Look], bool] = lambda _: True
    marker: str = ""
    parts: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()
    from_bytes: str = ""
    package: str = ""
    is_keras: bool = False
    is_program: bool = False


def bring(place: str) -> Any:
    """Import what a row names.

    Args:
        place: str. "module:function".
    """
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _is_pickle(look: Look) -> bool:
    if look.head[:1] == b"\x80":
        return look.head[1:2] != b"" and look.head[1] in PICKLE_PROTOCOLS
    # The pickles of protocols 0 and 1 have no first byte of their own.
    suffix = look.path.suffix
    return look.head[:1] in (b"(", b"c", b"]", b"}") and suffix in (*PICKLE.suffixes, ".joblib")


def _pickle_ends(look: Look) -> bool:
    with look.path.open("rb") as file:
        file.seek(look.size - 1)
        return file.read(1) == b"."  # the opcode that ends each pickle


def _hdf5_ends(look: Look) -> bool:
    """By the end that its superblock names (HDF5 File Format Specification, II.A)."""
    head = look.head
    version = head[8] if len(head) > 8 else 0
    place = 40 if version == 0 else 44 if version == 1 else 28
    width = head[13] if version < 2 and len(head) > 13 else head[9] if len(head) > 9 else 8
    if width not in (4, 8):
        return True
    if version < 2:
        place += 2 * (width - 8)
    elif width == 4:
        place = 20
    end = head[place : place + width]
    return len(end) == width and look.size >= int.from_bytes(end, "little")


def _is_onnx(look: Look) -> bool:
    if look.head[:1] != b"\x08":
        return False
    has_graph, end = _walk(look)
    return look.path.suffix.lower() in ONNX.suffixes if end > look.size else has_graph


def _walk(look: Look) -> tuple[bool, int]:
    """Over the outermost fields of a protobuf message, without reading what is in them.

    Returns:
        Whether one is an ONNX graph, and where the last one ends; (False, 0) if it is no ONNX file.
    """
    has_graph = False
    with look.path.open("rb") as file:
        while file.tell() < look.size:
            tag = _varint(file.read)
            length = None if tag is None or tag >> 3 not in ONNX_FIELDS else _varint(file.read)
            if tag is None or length is None or tag & 7 not in (0, 2):
                return False, 0
            if tag & 7 == 2:
                has_graph = has_graph or tag >> 3 == ONNX_GRAPH
                end = file.tell() + length
                if end > look.size:
                    return has_graph, end
                file.seek(end)
        return has_graph, file.tell()


def _varint(read: Callable[[int], bytes]) -> int | None:
    value = 0
    for shift in range(0, 64, 7):
        byte = read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None


LITERT = Format(
    "litert", "LiteRT", ".tflite",
    matches=lambda look: look.head[4:8] == LITERT_IDENTIFIER,
    open=f"{_BACKENDS}.litert:open_litert",
    inspect=f"{_SAFETY}.inspection:inspect_litert",
    suffixes=(".tflite",), usual=("model.tflite",),
    from_bytes=f"{_BACKENDS}.litert:LiteRTBackend",
    package="ai-edge-litert",
)  # fmt: skip
ONNX = Format(
    "onnx", "ONNX", ".onnx",
    matches=_is_onnx, is_whole=lambda look: _walk(look)[1] <= look.size,
    open=f"{_BACKENDS}.onnx:open_onnx",
    inspect=f"{_SAFETY}.inspection:inspect_onnx",
    suffixes=(".onnx",), usual=("onnx/model.onnx", "model.onnx"),
    # Those above 2 GB have them, and many a smaller one.
    beside=("_data", ".data", ".bin", ".weights"),
    package="onnxruntime",
)  # fmt: skip
_OF_KERAS: Any = {
    "open": f"{_BACKENDS}.keras:open_keras", "inspect": f"{_BACKENDS}.keras:inspect",
    "is_keras": True,
}  # fmt: skip
KERAS = Format(
    "keras", "Keras", ".keras",
    matches=lambda look: look.head[:2] == b"PK" and look.names >= {"config.json", "metadata.json"},
    suffixes=(".keras",), usual=("model.keras",), **_OF_KERAS,
)  # fmt: skip
HDF5 = Format(
    "hdf5", "Keras HDF5", ".h5",
    matches=lambda look: look.head.startswith(HDF5_SIGNATURE), is_whole=_hdf5_ends,
    suffixes=(".h5", ".hdf5"), usual=("model.h5",), **_OF_KERAS,
)  # fmt: skip
PICKLE = Format(
    "pickle", "Keras pickle", "a .pkl of a Keras model",
    matches=_is_pickle, is_whole=_pickle_ends,
    suffixes=(".pkl", ".pickle"), is_program=True, **_OF_KERAS,
)  # fmt: skip
SAVED_MODEL = Format(
    "saved_model", "SavedModel", "a SavedModel folder",
    matches=lambda look: not look.head and "saved_model.pb" in look.names,
    marker="saved_model.pb", usual=("saved_model.pb",),
    parts=("fingerprint.pb", "keras_metadata.pb", "variables/", "assets/", "assets.extra/"),
    is_program=True, **_OF_KERAS,
)  # fmt: skip

# In the order in which one is served where a manifest lists several: the fastest to start first.
FORMATS = (LITERT, ONNX, KERAS, HDF5, PICKLE, SAVED_MODEL)
# In the order in which a repository without a manifest is searched, and for what: other people's
# LiteRT files are often cut down for telephones, so theirs come late; rare endings come last.
SEARCHED = (
    (KERAS, ".keras"), (ONNX, ".onnx"), (HDF5, ".h5"), (SAVED_MODEL, SAVED_MODEL.marker),
    (LITERT, ".tflite"), (HDF5, ".hdf5"), (PICKLE, ".pkl"), (PICKLE, ".pickle"),
)  # fmt: skip
BY_KIND = {row.kind: row for row in FORMATS}
SUFFIXES = tuple(suffix for row in FORMATS for suffix in row.suffixes)


def by_name(name: str | PurePath) -> Format:
    """The format that a name promises; any other name promises a folder."""
    suffix = PurePath(name).suffix.lower()
    return next((row for row in FORMATS if suffix in row.suffixes), SAVED_MODEL)


def served(names: Collection[str]) -> str | None:
    """The file that is served of several of one model; None where none has a known ending."""
    found = (name for suffix in SUFFIXES for name in names if name.lower().endswith(suffix))
    return next(found, None)
