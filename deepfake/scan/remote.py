"""Pictures in object stores, through fsspec: s3://, gs://, hf:// and what else it knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from deepfake.errors import ImageError, ModelError, ScanError
from deepfake.modelstore.hub.errors import explained
from deepfake.scan.item import WILD, Item, kind_of
from deepfake.settings import Settings

ADDRESS = re.compile(r"(?P<store>[a-z][a-z0-9+]+)://", re.IGNORECASE)
# What to install where fsspec says that a package is missing.
STORES = ("s3", "s3a", "gs", "gcs", "hf", "file", "az", "abfs")


def is_address(name: str) -> bool:
    """Whether this names something in a store rather than a file of this machine."""
    return ADDRESS.match(name) is not None


def pinned(address: str) -> str:
    """An address on the Hub with its commit, so that whoever reads it reads the same files.

    Args:
        address: str. Of any store; of others it stays as it is.

    Raises:
        ScanError: the Hub has no such repository or revision, does not let you in, or cannot be
            reached.
    """
    found = ADDRESS.match(address)
    if not found or found["store"].lower() != "hf":
        return address
    from huggingface_hub import HfApi, errors, parse_hf_uri

    try:
        named = parse_hf_uri(address)
        if named.is_bucket:  # which has no commits
            return address
        kind = "data set" if named.type == "dataset" else named.type
        with explained(named.id, named.revision or "", kind=kind):
            told = HfApi().repo_info(named.id, repo_type=named.type, revision=named.revision)
    except (errors.HfUriError, ModelError) as error:
        raise ScanError(str(error)) from error
    folder = "" if named.type == "model" else f"{named.type}s/"
    return f"hf://{folder}{named.id}@{told.sha}/{named.path_in_repo}".rstrip("/")


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
    """The files under a folder; fsspec holds the names of one folder at a time, and so do we."""
    waiting = [store._strip_protocol(address)]
    while waiting:
        here = waiting.pop()
        try:
            entries = store.ls(here, detail=True)
        except Exception as error:
            # Each store has exceptions of its own.
            name = store.unstrip_protocol(here)
            yield Item(name, "folder", problem=f"The folder cannot be listed: {error}.")
            continue
        # Else all that was ever listed.
        store.dircache.clear()
        for entry in entries:
            path = entry["name"].rstrip("/")
            # Some stores list a folder in itself, as an empty file.
            if entry["type"] == "directory" and path != here:
                waiting.append(path)
            elif entry["type"] != "directory" and entry["name"] == path:
                name = store.unstrip_protocol(path)
                yield Item(name, kind_of(name))


def read(address: str, settings: Settings) -> bytes:
    """Read a file, no more than one byte over the limit.

    Args:
        address: str. Of a file.
        settings: Settings. With the limit on bytes.

    Raises:
        ImageError: it cannot be read.
    """
    try:
        # Of a file on the Hub else its whole folder would be listed first.
        more = {"block_size": 0} if address.lower().startswith("hf:") else {}
        with _store(address).open(address, "rb", cache_type="none", **more) as file:
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
