"""Pictures in object stores, through fsspec: s3://, gs://, hf:// and what else it knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from deepfake.errors import ImageError, ScanError
from deepfake.scan.item import WILD, Item, kind_of
from deepfake.settings import Settings

ADDRESS = re.compile(r"(?P<store>[a-z][a-z0-9+]+)://", re.IGNORECASE)
# What to install where fsspec says that a package is missing.
STORES = ("s3", "s3a", "gs", "gcs", "hf", "file", "az", "abfs")


def is_address(name: str) -> bool:
    """Whether this names something in a store rather than a file of this machine."""
    return ADDRESS.match(name) is not None


def listing(address: str) -> Callable[[], Iterator[Item]]:
    """Look at an address at once, and list its files later.

    Args:
        address: str. Of a folder or a file, or a pattern such as s3://bucket/2026-*/*.jpg.

    Returns:
        What lists the files under it.

    Raises:
        ScanError: there is no such store or address, or its package is missing.
    """
    store = _store(address)
    try:
        # What bears a pattern for its name comes first.
        named = store.exists(address)
        if named:
            found = [(address, store.isfile(address))]
        elif WILD.search(address):
            found = [
                (store.unstrip_protocol(name), told["type"] == "file")
                for name, told in store.glob(address, detail=True).items()
            ]
        else:
            found = []
        if not found:
            raise ScanError(f"There is nothing at {address}. Check the address.")
    except ScanError:
        raise
    except Exception as error:
        # Each store has exceptions of its own.
        raise ScanError(f"{address} cannot be listed: {error}.") from error

    def items() -> Iterator[Item]:
        for one, is_file in found:
            if is_file:
                # What a pattern finds was not named by anybody.
                yield Item(one, kind_of(one, named=named))
            else:
                yield from _walk(store, one)

    return items


def _walk(store: Any, address: str) -> Iterator[Item]:
    refused: list[Exception] = []
    for _, _, files in store.walk(address, detail=True, on_error=refused.append):
        for entry in files.values():
            name = store.unstrip_protocol(entry["name"])
            yield Item(name, kind_of(name))
        for error in refused:
            yield Item(address, "folder", problem=f"A folder cannot be listed: {error}.")
        refused.clear()


def read(address: str, settings: Settings) -> bytes:
    """Read a file, no more than one byte over the limit.

    Args:
        address: str. Of a file.
        settings: Settings. With the limit on bytes.

    Raises:
        ImageError: it cannot be read.
    """
    try:
        with _store(address).open(address, "rb", cache_type="none") as file:
            data: bytes = file.read(settings.max_bytes + 1)
            return data
    except ScanError as error:
        raise ImageError(str(error)) from error
    except FileNotFoundError:
        raise ImageError("There is no such file. Check the address.") from None
    except Exception as error:
        raise ImageError(f"The file cannot be fetched: {error}.") from error


def _store(address: str) -> Any:
    found = ADDRESS.match(address)
    protocol = found["store"].lower() if found else ""
    if protocol not in STORES:
        raise ScanError(
            f"Files are not fetched by {protocol}:// here, but by {', '.join(STORES[:5])}. "
            "Download them and name their folder."
        )
    try:
        import fsspec

        return fsspec.filesystem(protocol)
    except ImportError as error:
        raise ScanError(
            f"{protocol}:// needs a package that is not here ({error}). Run: pip install "
            "'deepfake[cloud]'"
        ) from error
    except Exception as error:
        raise ScanError(f"The store of {address} cannot be reached: {error}.") from error
