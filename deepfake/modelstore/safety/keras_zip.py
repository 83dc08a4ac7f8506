"""Checks a `.keras` archive before Keras unpacks it."""

from __future__ import annotations

import re
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from deepfake.errors import HostileModelError, ModelError
from deepfake.files.members import open_member
from deepfake.modelstore.safety.hdf5 import inspect_hdf5_file
from deepfake.modelstore.safety.keras_config import MAX_CONFIG_BYTES, inspect_config, parse_config

MAX_MEMBERS = 100
MAX_METADATA_BYTES = 1_000_000
MAX_RATIO = 200
SMALL = 4_000_000
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
BLOCK = 1 << 20
AGAIN = (
    "It was not loaded. Save the model again with model.save('model.keras'), or get the file from "
    "its author again."
)


def inspect_archive(path: Path, limit: int, *, description: bool = True) -> None:
    """Refuse a `.keras` archive with anything in it that Keras would not write for a picture model.

    Args:
        path: Path. The file; its size was compared with the limit.
        limit: int. How many bytes its members may have together.
        description: bool. Whether the network that it describes is checked, too. Defaults to True.

    Raises:
        ModelError: its members lead outside, are too large or too many or not Keras's; it describes
            a network that is not Keras's own; or its weights are refused.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _inspect_members(archive, path, limit)
            if CONFIG not in archive.namelist():
                raise ModelError(
                    f"{path.name} has no {CONFIG}, so it is not a model that Keras saved. {AGAIN}"
                )
            parse_config(_read(archive, METADATA, MAX_METADATA_BYTES), path.name)
            config = parse_config(_read(archive, CONFIG, MAX_CONFIG_BYTES), path.name)
            if description:
                inspect_config(config)
            if WEIGHTS in archive.namelist():
                _inspect_weights(archive, path, limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise ModelError(
            f"{path.name} is damaged or cut short: it cannot be unpacked. Get the file again."
        ) from error


def _inspect_members(archive: zipfile.ZipFile, path: Path, limit: int) -> None:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise HostileModelError(f"{path.name} holds {len(members):,} files. {AGAIN}")
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise HostileModelError(f"{path.name} holds two files of the same name. {AGAIN}")
    for member in members:
        name = member.filename
        # What the archive says, not what zipfile made of it (it cuts names at a null byte).
        if name != member.orig_filename or re.search(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|:", name):
            raise HostileModelError(
                f"{path.name} holds a file with a path that leads outside of it "
                f"({_short(member.orig_filename)}). Do not trust it. {AGAIN}"
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise HostileModelError(f"{path.name} holds a link in place of a file. {AGAIN}")
        if member.flag_bits & 0x1:
            raise ModelError(f"{path.name} is locked with a password. {AGAIN}")
        if member.file_size > SMALL and member.file_size > MAX_RATIO * member.compress_size:
            raise HostileModelError(
                f"{path.name} holds a file that would grow from {member.compress_size:,} to "
                f"{member.file_size:,} bytes. {AGAIN}"
            )
        if name not in (CONFIG, METADATA, WEIGHTS):
            raise HostileModelError(_unexpected(path, name))
    if sum(member.compress_size for member in members) > path.stat().st_size:
        raise HostileModelError(f"The files in {path.name} overlap. {AGAIN}")
    total = sum(member.file_size for member in members)
    if total > limit:
        raise ModelError(
            f"{path.name} would take {total:,} bytes unpacked, over the limit of {limit:,} for "
            "models (DEEPFAKE_MAX_MODEL_BYTES). Use a smaller model or raise it."
        )


def _unexpected(path: Path, name: str) -> str:
    if name.startswith("assets/"):
        return (
            f"{path.name} brings further files ({_short(name)}), such as the words of a "
            "text model. A model for pictures has none. Remove the layer that needs them and save "
            "it again."
        )
    if name.endswith((".npy", ".npz")):
        return (
            f"{path.name} holds NumPy arrays ({_short(name)}), which Keras models do not. If it is "
            "a file of weights, load them in Keras and save the whole model as .keras."
        )
    return f"{path.name} holds a file that Keras does not write ({_short(name)}). {AGAIN}"


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        with open_member(archive, name) as member:
            # One byte more tells a file that is larger than it says.
            content = member.read(limit + 1)
    except KeyError:
        return b"{}"
    if len(content) > limit:
        raise HostileModelError(f"The file's {name} has over {limit:,} bytes. {AGAIN}")
    return content


def _inspect_weights(archive: zipfile.ZipFile, path: Path, limit: int) -> None:
    with tempfile.TemporaryDirectory(prefix="deepfake-") as folder:
        # Named like the model, for the messages.
        weights = Path(folder) / path.name
        written = 0
        with open_member(archive, WEIGHTS) as source, weights.open("wb") as target:
            while block := source.read(BLOCK):
                written += len(block)
                if written > limit:
                    raise HostileModelError(f"{path.name} grows beyond {limit:,} bytes. {AGAIN}")
                target.write(block)
        inspect_hdf5_file(weights, limit)


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:79] + "…")
