"""`.keras` files of Keras 2: another description of the same layers, the same arrays."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from deepfake.errors import ModelError
from deepfake.files.members import open_member
from deepfake.modelstore.keras2 import rewriting
from deepfake.modelstore.safety.keras_config import MAX_CONFIG_BYTES, parse_config, refuse_namesake
from deepfake.modelstore.safety.keras_names import LAYERS
from deepfake.modelstore.safety.keras_zip import CONFIG, METADATA, WEIGHTS

# A metadata.json is a hundred bytes; a larger one is left to the inspection.
MAX_METADATA_BYTES = 100_000
BLOCK = 1 << 20
# Where Keras 2.12 kept what later versions keep in "layers".
OLD_LAYERS = "_layer_checkpoint_dependencies"
# Keras 3 finds the same classes by their name alone, as in an `.h5`.
# But what wrappers hold, they look up by its module.
HELD = ("layer", "forward_layer", "backward_layer", "cell")
LEFT_OUT = ("module", "registered_name", "build_config", "compile_config")


def is_of_keras_2(archive: Path) -> bool:
    """Whether a `.keras` file was written by Keras 2.

    Args:
        archive: Path. The file.
    """
    return version_of(archive).startswith("2.")


def version_of(archive: Path) -> str:
    """The version of Keras that a `.keras` file says it is of; "" without one.

    Args:
        archive: Path. The file.
    """
    with zipfile.ZipFile(archive) as file:
        try:
            content = _beginning(file, METADATA, MAX_METADATA_BYTES)
            metadata = parse_config(content, archive.name)
        # Whatever is wrong with it, the inspection says it.
        except (KeyError, ModelError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error):
            return ""
    return str(metadata.get("keras_version", ""))[:20]


def rewrite(copy: Path) -> tuple[str, ...]:
    """Change the description in a `.keras` file of Keras 2 so that Keras 3 can read it.

    Args:
        copy: Path. A copy of the user's file, whose members and arrays were inspected; it is
            changed in place.

    Returns:
        What was changed, in words.

    Raises:
        ModelError: the description is missing or damaged.
    """
    new = copy.with_suffix(".new")
    try:
        with zipfile.ZipFile(copy) as old, zipfile.ZipFile(new, "w") as target:
            described = _beginning(old, CONFIG, MAX_CONFIG_BYTES)
            config = _without(parse_config(described, "the file"))
            changes = rewriting.modernise(config)
            target.writestr(CONFIG, json.dumps(config))
            for name in set(old.namelist()) - {CONFIG}:
                with (
                    open_member(old, name) as source,
                    target.open(name, "w", force_zip64=True) as member,
                ):
                    while block := source.read(BLOCK):
                        member.write(block)
    except ModelError:
        raise
    # What a made-up file lacks or has in excess comes as almost any exception.
    except Exception as error:
        raise rewriting.damaged(error) from error
    new.replace(copy)
    return ("read the .keras file of Keras 2 as one of Keras 3", *changes)


def weights_of(copy: Path, folder: Path) -> Path:
    """Unpack the arrays of a `.keras` file of Keras 2 for `Model.load_weights`.

    Args:
        copy: Path. The file, inspected.
        folder: Path. Where they go.
    """
    import h5py

    with zipfile.ZipFile(copy) as archive:
        path = Path(archive.extract(WEIGHTS, folder))
    with h5py.File(path, "r+") as file:
        _rename(file)
    return path


def _beginning(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member, whose header need not tell the truth about its size, or a byte more than `most`."""
    with open_member(file, name) as member:
        return member.read(most + 1)


def _rename(group: Any) -> None:
    if OLD_LAYERS in group and "layers" not in group:
        group.move(OLD_LAYERS, "layers")
    for child in list(group.values()):
        if hasattr(child, "values"):
            _rename(child)


def _without(item: Any) -> Any:
    if isinstance(item, dict):
        if "class_name" in item:
            refuse_namesake(item)
        kept = {key: _without(value) for key, value in item.items() if key not in LEFT_OUT}
        for key in HELD:
            if isinstance(held := kept.get(key), dict) and held.get("class_name") in LAYERS:
                held["module"] = "keras.layers"
        return kept
    return [_without(value) for value in item] if isinstance(item, list) else item
