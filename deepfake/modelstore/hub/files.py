"""Which files of a repository on the Hub make up its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from deepfake.errors import ModelError, ModelNotFoundError
from deepfake.manifest import MANIFEST_NAME, ModelManifest
from deepfake.modelstore.formats import (
    KERAS,
    LITERT,
    SAVED_MODEL,
    SEARCHED,
    SUFFIXES,
    Format,
    by_name,
    served,
)

Kind = Literal["file", "saved_model", "unpacked_keras"]
# Small files that say how to use the model, and its card.
COMPANIONS = ("config.json", "preprocessor_config.json", "processor_config.json", MANIFEST_NAME)
CARD = "README.md"
# What `model.save("hf://…")` of Keras 3 uploads: a .keras archive that is not packed.
UNPACKED_KERAS = ("config.json", "metadata.json", "model.weights.h5")
# Weights of transformers' TensorFlow classes, which need its code.
TRANSFORMERS_H5 = "tf_model.h5"
SHOWN = 12


@dataclass(frozen=True)
class RemoteFile:
    """A file as the Hub lists it.

    Attributes:
        path: str. In the repository.
        size: int. In bytes; None where the Hub does not say.
        sha256: str. Of large files (Git-LFS); "" for others.
        blob: str. Git's SHA-1 of the small ones; "" where the Hub does not say.
    """

    path: str
    size: int | None
    sha256: str = ""
    blob: str = ""


@dataclass(frozen=True)
class Choice:
    """What to fetch.

    Attributes:
        main: str. The model's file, or its folder ("" is the repository's root).
        kind: Kind. What `main` is.
        model: tuple of str. All files that the model is made of.
        companions: tuple of str. The small files beside it.
    """

    main: str
    kind: Kind
    model: tuple[str, ...]
    companions: tuple[str, ...]


def choose(
    repository: str,
    listing: Mapping[str, RemoteFile],
    path: str = "",
    manifest: ModelManifest | None = None,
) -> Choice:
    """Choose a repository's model.

    Args:
        repository: str. Its name, for messages.
        listing: dict. Path → file.
        path: str. What the address names: a file or a folder; "" for nothing.
        manifest: ModelManifest. What `model.json` says, where it is one of ours.

    Raises:
        ModelError: there is no such file, no model, or several and none is the obvious one.
    """
    if path in listing:
        return _named(listing, path)
    folder = f"{path}/" if path else ""
    within = [name for name in listing if name.startswith(folder)]
    if not within:
        raise ModelNotFoundError(
            f"{repository} has no file {path!r} at this revision. {_offer(repository, listing)}"
        )
    if manifest is not None:
        return _listed(repository, listing, folder, manifest)
    return _obvious(repository, listing, folder, within)


def _named(listing: Mapping[str, RemoteFile], path: str) -> Choice:
    folder, slash, name = path.rpartition("/")
    if name == SAVED_MODEL.marker:
        return _saved_model(listing, folder + slash)
    return _file(listing, path)


def _listed(
    repository: str, listing: Mapping[str, RemoteFile], folder: str, manifest: ModelManifest
) -> Choice:
    name = served([name for name in manifest.files if folder + name in listing])
    if name is not None:
        return _file(listing, folder + name)
    raise ModelNotFoundError(
        f"The {MANIFEST_NAME} of {repository} lists {', '.join(sorted(manifest.files))}, but none "
        "of these model files is there. Tell its owners, or name a file."
    )


def _obvious(
    repository: str, listing: Mapping[str, RemoteFile], folder: str, within: list[str]
) -> Choice:
    if folder + LITERT.usual[0] in listing:
        return _file(listing, folder + LITERT.usual[0])
    for row, ending in SEARCHED:
        main = _one(repository, folder, within, row, ending)
        if row is SAVED_MODEL and main:
            return _saved_model(listing, main.removesuffix(row.marker))
        if main:
            return _file(listing, main)
        parts = [folder + name for name in UNPACKED_KERAS]
        if row is KERAS and all(name in listing for name in parts):
            assets = [name for name in within if name.startswith(f"{folder}assets/")]
            parts += [name for name in assets if not name.endswith((".png", ".jpg"))]
            beside = _beside(listing, folder)
            return Choice(folder.rstrip("/"), "unpacked_keras", tuple(parts), beside)
    raise ModelError(_nothing(repository, within))


def _one(repository: str, folder: str, within: Iterable[str], row: Format, ending: str) -> str:
    """The file with an ending, or the one that marks a folder; "" where there is none."""
    if ending == row.marker:
        names = [name for name in within if PurePosixPath(name).name == ending]
    else:
        names = [name for name in within if name.lower().endswith(ending) and _is_whole(name)]
    usual = [folder + name for name in row.usual if folder + name in names]
    if len(names) > 1 and not usual:
        raise _several(repository, names)
    return (usual or names or [""])[0]


def _is_whole(name: str) -> bool:
    return not name.endswith(".weights.h5") and PurePosixPath(name).name != TRANSFORMERS_H5


def _file(listing: Mapping[str, RemoteFile], path: str) -> Choice:
    folder, slash, name = path.rpartition("/")
    endings = by_name(name).beside
    stem = path.rpartition(".")[0]
    beside = {stem + ending for ending in endings}
    external = sorted(
        other
        for other in listing
        if endings and other != path and (other.startswith(path) or other in beside)
    )
    return Choice(path, "file", (path, *external), _beside(listing, folder + slash))


def _saved_model(listing: Mapping[str, RemoteFile], folder: str) -> Choice:
    whole = [part for part in (SAVED_MODEL.marker, *SAVED_MODEL.parts) if not part.endswith("/")]
    below = tuple(folder + part for part in SAVED_MODEL.parts if part.endswith("/"))
    files = [folder + part for part in whole]
    parts = [name for name in listing if name in files or name.startswith(below)]
    return Choice(folder.rstrip("/"), "saved_model", tuple(parts), _beside(listing, folder))


def _beside(listing: Mapping[str, RemoteFile], folder: str) -> tuple[str, ...]:
    names = dict.fromkeys([*(folder + name for name in COMPANIONS), *COMPANIONS[:-1], CARD])
    return tuple(name for name in names if name in listing)


def _several(repository: str, names: Iterable[str]) -> ModelError:
    listed = sorted(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ModelError(
        f"{repository} holds several models: {', '.join(listed[:SHOWN])}{more}. Name one, such as "
        f"hf://{repository}/{listed[0]}."
    )


def _offer(repository: str, listing: Mapping[str, RemoteFile]) -> str:
    models = sorted(name for name in listing if name.lower().endswith(SUFFIXES))
    if not models:
        return "It holds no model file that can be read."
    return f"It holds: {', '.join(models[:SHOWN])}."


def _nothing(repository: str, within: Iterable[str]) -> str:
    names = sorted(within)
    foreign = [
        name
        for name in names
        if name.endswith((".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".weights.h5"))
        or PurePosixPath(name).name == TRANSFORMERS_H5
    ]
    if foreign:
        return (
            f"{repository} holds only weights that need code from elsewhere ({foreign[0]}). Export "
            "it to ONNX on a machine with optimum: `optimum-cli export onnx --model "
            f"{repository} FOLDER`, and name FOLDER/model.onnx. Or look for a repository of the "
            "same model with “ONNX” in its name."
        )
    return (
        f"{repository} holds no model that can be read: no {', '.join(SUFFIXES)} file and no "
        "SavedModel. Check the name."
    )
