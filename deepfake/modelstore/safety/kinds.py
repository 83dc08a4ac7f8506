"""What kind of model file it is, by its first bytes and never by its name alone.

A download that went wrong keeps the right name: Git-LFS pointers, pages of a login and half files
are told apart here, before anything tries to read them.
"""

from __future__ import annotations

import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

from deepfake.errors import ModelError, ModelNotFoundError
from deepfake.files.members import open_member
from deepfake.modelstore.formats import FORMATS, PICKLE, SAVED_MODEL, SUFFIXES, Format, Look
from deepfake.modelstore.safety import libraries

# The first pickle of PyTorch's format before 1.6 is this number (torch/serialization.py).
OLD_PYTORCH = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
PYTORCH = (".pth", ".pt")
HEAD = 512
KNOWN = ", ".join(row.written for row in FORMATS[:-1]) + f", or {FORMATS[-1].written}"
AGAIN = "Download it again"


def kind_of(path: Path) -> Format:
    """Tell what a model file is.

    Args:
        path: Path. A file, or a SavedModel folder.

    Raises:
        ModelError: it is missing, empty, cut short, not a model at all (a Git-LFS pointer, a web
            page), or of a kind that cannot be read (PyTorch, safetensors, others).
    """
    try:
        look = _look(path)
        found = next((row for row in FORMATS if row.matches(look)), None)
        is_whole = found is None or found.is_whole(look)
    except OSError as error:
        raise ModelNotFoundError(
            f"{path} cannot be read ({error.strerror}). Check the name of the model file.",
            path=path,
        ) from error
    if not is_whole:
        raise _cut_short(path)
    if found is None:
        raise _unknown(look)
    return found


def _look(path: Path) -> Look:
    if path.is_dir():
        return Look(path, names=frozenset(file.name for file in path.iterdir() if file.is_file()))
    with path.open("rb") as file:
        head = file.read(HEAD)
    _refuse_what_is_no_model(path, head)
    names: frozenset[str] = frozenset()
    if head.startswith(b"PK"):
        try:
            with zipfile.ZipFile(path) as archive:
                names = frozenset(archive.namelist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise _cut_short(path) from error
    return Look(path, head, path.stat().st_size, names)


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
    if text.startswith((b"<?xml", b"<net")) and b"<net" in text:
        raise ModelError(
            f"{path} is a network's description of OpenVINO, which is not read here. Export the "
            "network as ONNX where it was trained, and name that file.",
            path=path,
        )
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise ModelError(
            f"{path} is a web page, not a model: the download address led to a page (often one "
            f"that asks to log in or to confirm). {AGAIN} in a browser.",
            path=path,
        )
    if head[:1] == b"\x80" and (OLD_PYTORCH in head[:32] or path.suffix.lower() in PYTORCH):
        raise _of(path, libraries.of_pickle(_start(path)) or libraries.PYTORCH)


def _no_model_folder(path: Path) -> ModelError:
    if (path / "config.json").is_file() and (path / "model.weights.h5").is_file():
        return ModelError(
            f"{path} is an unpacked .keras file. Pack its files into one zip archive whose name "
            "ends with .keras, and name that.",
            path=path,
        )
    return ModelError(
        f"There is no model in the folder {path}. A SavedModel folder holds saved_model.pb; "
        "for other models, name the file.",
        path=path,
    )


def _other_zip(path: Path, names: frozenset[str]) -> ModelError:
    pickled = next((name for name in sorted(names) if name.endswith("/data.pkl")), "")
    if pickled and any("/code/" in name for name in names):
        return _of(path, libraries.TORCHSCRIPT)
    if pickled:
        content = b""
        # Damaged or locked: it is PyTorch's all the same.
        with (
            suppress(zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError),
            zipfile.ZipFile(path) as archive,
            open_member(archive, pickled) as member,
        ):
            content = member.read(libraries.MAX_BYTES)
        return _of(path, libraries.of_pickle(content) or libraries.PYTORCH)
    if any(name.endswith("/archive_format") for name in names):
        return _of(path, libraries.PYTORCH)
    if any(name.endswith(".npy") for name in names):
        return ModelError(
            f"{path} holds NumPy arrays, not a model. Save the whole model: "
            "model.save('model.keras').",
            path=path,
        )
    if any(name.endswith(SAVED_MODEL.marker) for name in names):
        return ModelError(
            f"{path} is a packed SavedModel. Unpack it and name the folder.", path=path
        )
    return ModelError(
        f"{path} is a zip archive, but not a Keras model (config.json and metadata.json are "
        "missing). Unpack it, and name the model file that is inside.",
        path=path,
    )


def _unknown(look: Look) -> ModelError:
    path, head = look.path, look.head
    name = path.name.lower()
    if not head:
        return _no_model_folder(path)
    if head.startswith(b"PK"):
        return _other_zip(path, look.names)
    if head[8:9] == b"{" and b'"' in head[9:12]:
        return _of(path, libraries.SAFETENSORS)
    if name.endswith((*PYTORCH, ".ckpt")):
        return _of(path, libraries.of_pickle(_start(path)) or libraries.PYTORCH)
    library = libraries.of_beginning(head)
    if library is not None:
        return _of(path, library)
    if name.endswith((*PICKLE.suffixes, ".joblib", ".gz", ".z", ".bz2", ".xz")):
        library = libraries.of_pickle(_start(path))
        if library is not None:
            return _of(path, library)
    if name.endswith((*PICKLE.suffixes, ".joblib")):
        return ModelError(
            f"{path} is a compressed or damaged pickle. Where it was made, save the model with "
            f"{libraries.KERAS_SAVE}.",
            path=path,
        )
    if name == SAVED_MODEL.marker:
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
    if name.endswith(SUFFIXES):
        return ModelError(
            f"{path} is not what its name says: its first bytes belong to no model file. The "
            f"download is damaged or was something else. {AGAIN}.",
            path=path,
        )
    return ModelError(
        f"{path} is not a model file that can be read. Name one of these: {KNOWN}.", path=path
    )


def _of(path: Path, library: libraries.Library) -> ModelError:
    return ModelError(f"{path} is {library.what}. {library.advice}", path=path)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(libraries.MAX_BYTES)


def _cut_short(path: Path) -> ModelError:
    return ModelError(
        f"{path} is cut short: the download was not finished, or the disk was full. {AGAIN}.",
        path=path,
    )
