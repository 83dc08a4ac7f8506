"""Checks an HDF5 file before Keras reads it: where its data lies, and how large it would become.

HDF5 files may point into other files, share objects in circles, and promise arrays of any size.
Keras's weight files do none of this.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfake.errors import HostileModelError, MissingPackageError, ModelError
from deepfake.extras import INSTALL
from deepfake.modelstore.safety.keras_config import inspect_config, parse_config

MAX_OBJECTS = 100_000
MAX_DEPTH = 100
MAX_RANK = 8
MAX_ATTRIBUTES = 1_000
MAX_ATTRIBUTE_BYTES = 64_000_000
MAX_CHUNK_BYTES = 512_000_000
# What an honest file can do: gzip on float weights saves little, on masks and zeros up to this.
MAX_RATIO = 200
SMALL = 4_000_000
# deflate, shuffle, fletcher32, szip, lzf. Others would be loaded as plug-ins, which are programs.
FILTERS = frozenset((1, 2, 3, 4, 32000))
# A bfloat16 is stored as two bytes without a meaning of their own.
NUMBERS = "biufcV"
AGAIN = "It was not loaded. Save the model again with Keras, or get the file from its author again."


@dataclass
class _Count:
    """What was seen on the way through the file."""

    objects: int = 0
    bytes: int = 0


def inspect_hdf5_file(path: Path, limit: int, *, description: bool = True) -> None:
    """Refuse an HDF5 file with anything in it that Keras would not write.

    Args:
        path: Path. The file; its size was compared with the limit.
        limit: int. How many bytes its arrays may have together.
        description: bool. Whether the description of the network is checked, too. Defaults to True.

    Raises:
        ModelError: it points outside, promises more than it holds, describes a network that is
            not Keras's own, is damaged; or h5py is missing.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingPackageError(
            f"Reading {path.name} needs h5py, and models of Keras more. Install them with: "
            f"{INSTALL}"
        ) from error
    try:
        with h5py.File(path, "r", locking=False) as file:
            _inspect_tree(h5py, file, path.stat().st_size, limit, path.name)
            if description:
                _inspect_description(file, path.name)
    # Broken HDF5 comes as almost any exception: KeyError, RuntimeError, SystemError, UnicodeError …
    except (ModelError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(
            f"{path.name} is damaged: not all of it can be read as HDF5 "
            f"({type(error).__name__}). Get the file again."
        ) from error


def _inspect_tree(h5py: Any, file: Any, stored: int, limit: int, name: str) -> None:
    seen: set[int] = set()
    count = _Count()
    todo = [(file, 0)]
    while todo:
        group, depth = todo.pop()
        _inspect_attributes(h5py, group, name)
        if depth > MAX_DEPTH:
            raise HostileModelError(
                f"{name} has groups within groups, over {MAX_DEPTH} deep. {AGAIN}"
            )
        for item in _members(h5py, group, name):
            count.objects += 1
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise HostileModelError(f"{name} holds the same object under two names. {AGAIN}")
            seen.add(address)
            if count.objects > MAX_OBJECTS:
                raise HostileModelError(f"{name} holds over {MAX_OBJECTS:,} objects. {AGAIN}")
            if isinstance(item, h5py.Group):
                todo.append((item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                _inspect_attributes(h5py, item, name)
                count.bytes += _inspect_array(h5py, item, stored, limit, name)
                if count.bytes > limit:
                    raise ModelError(
                        f"The arrays in {name} would take over {limit:,} bytes, the limit for "
                        "models (DEEPFAKE_MAX_MODEL_BYTES). Use a smaller model or raise it."
                    )
            else:
                raise HostileModelError(
                    f"{name} holds something that is no array and no group. {AGAIN}"
                )


def _members(h5py: Any, group: Any, name: str) -> Iterator[Any]:
    """What lies in a group. No link is followed but those to objects of this file."""
    for key in group:
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise HostileModelError(
                f"{name} points into another file ({_short(link.filename)}). {AGAIN}"
            )
        if not isinstance(link, h5py.HardLink):
            raise HostileModelError(f"{name} holds a link in place of an array. {AGAIN}")
        yield group[key]


def _inspect_array(h5py: Any, item: Any, stored: int, limit: int, name: str) -> int:
    """Check one array without reading it; how many bytes it will have."""
    # Creation properties first: nothing else of an array with its data elsewhere is asked for.
    properties = item.id.get_create_plist()
    if properties.get_external_count() > 0 or item.is_virtual:
        raise HostileModelError(f"{name} keeps the numbers of an array in another file. {AGAIN}")
    for index in range(properties.get_nfilters()):
        if properties.get_filter(index)[0] not in FILTERS:
            raise HostileModelError(f"{name} is packed in a way that needs a plug-in. {AGAIN}")
    kind = item.id.get_type().dtype
    if kind.kind not in NUMBERS or kind.subdtype is not None or kind.fields is not None:
        raise HostileModelError(f"{name} holds an array that is not of numbers. {AGAIN}")
    shape = item.shape or ()
    if len(shape) > MAX_RANK:
        raise HostileModelError(f"{name} holds an array with {len(shape)} dimensions. {AGAIN}")
    size = _bytes(shape, kind.itemsize)
    if size > limit or (size > SMALL and size > MAX_RATIO * max(item.id.get_storage_size(), 1)):
        raise HostileModelError(
            f"{name} promises an array of {size:,} bytes, of which it holds "
            f"{item.id.get_storage_size():,}. {AGAIN}"
        )
    if item.id.get_storage_size() > stored:
        raise HostileModelError(
            f"{name} promises more than it holds. It is cut short or made up. {AGAIN}"
        )
    if item.chunks and _bytes(item.chunks, kind.itemsize) > min(limit, MAX_CHUNK_BYTES):
        raise HostileModelError(f"{name} is packed in pieces that are too large to unpack. {AGAIN}")
    return size


def _inspect_attributes(h5py: Any, item: Any, name: str) -> None:
    """Check the notes at a group or array: no references, none that is huge once read."""
    count = h5py.h5a.get_num_attrs(item.id)
    if count > MAX_ATTRIBUTES:
        raise HostileModelError(f"{name} holds over {MAX_ATTRIBUTES:,} notes at one place. {AGAIN}")
    for index in range(count):
        note = h5py.h5a.open(item.id, index=index)
        kind = note.get_type()
        points = _bytes(note.shape, 1)
        if _holds(h5py, kind, h5py.h5t.REFERENCE):
            raise HostileModelError(f"{name} holds references between objects. {AGAIN}")
        if points * kind.get_size() > MAX_ATTRIBUTE_BYTES:
            raise HostileModelError(f"{name} holds a note of {points:,} values. {AGAIN}")
        # How long its texts are together is known once they are read: here, where memory is
        # limited, as each of them may be the same long one.
        flexible = kind.get_class() == h5py.h5t.VLEN or (
            kind.get_class() == h5py.h5t.STRING and kind.is_variable_str()
        )
        if flexible and points > 1:
            item.attrs[note.name]


def _holds(h5py: Any, kind: Any, wanted: int) -> bool:
    return bool(kind.get_class() == wanted or kind.detect_class(wanted))


def _inspect_description(file: Any, name: str) -> None:
    text = file.attrs.get("model_config")
    if text is None:
        return
    if not isinstance(text, str | bytes):
        raise ModelError(f"The description of the network in {name} is not a text. {AGAIN}")
    inspect_config(parse_config(text, name))


def _bytes(shape: tuple[int, ...], item: int) -> int:
    # Not numpy's product, which overflows.
    size = item
    for side in shape:
        size *= int(side)
    return size


def _short(text: str) -> str:
    return json.dumps(text[:80])
