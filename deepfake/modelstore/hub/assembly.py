"""Models that lie on the Hub in parts → one file or folder that can be opened."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from deepfake.errors import ModelError
from deepfake.modelstore.hub.files import Choice
from deepfake.modelstore.hub.record import FOLDER, HubRecord
from deepfake.settings import Settings, cache_folder


def is_in_parts(record: HubRecord) -> bool:
    """Whether the model is more than one file, and so not what the client's cache holds."""
    return record.choice.kind != "file" or len(record.choice.model) > 1


def assemble(record: HubRecord, folder: Path, settings: Settings) -> Path:
    """Put a model together: real files, for the client's cache holds links into another folder.

    A SavedModel comes without the files around it, an ONNX file with its weights beside it, and an
    unpacked Keras model as a .keras archive.

    Args:
        record: HubRecord. Which files it is made of.
        folder: Path. Where they were fetched to.
        settings: Settings. Where the cache is, in which it is put together.

    Raises:
        ModelError: the cache cannot be written.
    """
    choice = record.choice
    state = hashlib.sha256(f"{record.requested}\n{record.commit}".encode()).hexdigest()
    place = cache_folder(settings) / FOLDER / "made" / state[:16]
    target = place / name_of(choice)
    if target.exists():
        return target
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as part:
            made = Path(part) / "made"
            made.mkdir()
            content = _content(record, folder)
            if choice.kind == "unpacked_keras":
                _pack(made / target.name, content)
            else:
                root = made / target.name if choice.kind == "saved_model" else made
                for name, source in content.items():
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    _link(source.resolve(), root / name)
            made.replace(place)
    except OSError as error:
        if target.exists():  # made by another process at the same moment
            return target
        raise ModelError(
            f"{place.parent} cannot be written ({error.strerror}), so {record.requested} cannot be "
            "put together. Set DEEPFAKE_CACHE to another folder.",
            path=place.parent,
        ) from error
    return target


def name_of(choice: Choice) -> str:
    """What a model is called once it is put together: the name of its file or folder."""
    if choice.kind == "file":
        return choice.main.rpartition("/")[2]
    return "model.keras" if choice.kind == "unpacked_keras" else "saved_model"


def _content(record: HubRecord, folder: Path) -> Mapping[str, Path]:
    """Path in what is put together → file."""
    choice = record.choice
    root = choice.main.rpartition("/")[0] if choice.kind == "file" else choice.main
    start = f"{root}/" if root else ""
    names = list(choice.model)
    if choice.kind == "file":
        names += [name for name in choice.companions if name.rpartition("/")[0] == root]
    found = {name.removeprefix(start): folder / name for name in sorted(names)}
    # What was too large for a card was not fetched.
    return {name: path for name, path in found.items() if path.is_file()}


def _link(source: Path, target: Path) -> None:
    """A second name for the same bytes, or a copy where the disk is another."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _pack(target: Path, content: Mapping[str, Path]) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for name, source in content.items():
            # A fixed date: the same files give the same SHA-256, by which answers are remembered.
            entry = zipfile.ZipInfo(name)
            with source.open("rb") as file, archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(file, packed)
