"""What was fetched from the Hub, kept so that a later start needs no network."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, ValidationError

from deepfake.errors import ModelError
from deepfake.files import atomic
from deepfake.modelstore.hub.address import HubAddress
from deepfake.modelstore.hub.files import Choice
from deepfake.settings import Settings, cache_folder

FOLDER = "hub"
MAX_RECORD_BYTES = 1_000_000


Address = Annotated[
    HubAddress,
    PlainValidator(lambda it: it if isinstance(it, HubAddress) else HubAddress.parse(str(it))),
    PlainSerializer(str),
]


class RecordedFile(BaseModel):
    """A file that was fetched, with the hash that it had.

    Attributes:
        path: In the repository.
        size: In bytes.
        sha256: Of its content, which was compared with what the Hub lists.
        times: When its content and its entry were changed last, as of the comparison
            (`digest.times_of`). While they and the size stay, it is not hashed again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    size: int
    sha256: str
    times: tuple[int, int] = (0, 0)


class HubRecord(BaseModel):
    """What an address led to.

    Attributes:
        requested: The address as it was asked for.
        endpoint: The Hub that was asked.
        commit: What its revision stood for then.
        choice: The files that make up the model.
        files: The files that were fetched.
        private: Whether only some may read the repository.
        licence: What the card says; "" where it says nothing.
        fetched: The day, in ISO 8601.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    requested: Address
    endpoint: str
    commit: str
    choice: Choice
    files: tuple[RecordedFile, ...]
    private: bool
    licence: str
    fetched: str

    @property
    def address(self) -> HubAddress:
        """The address with the commit."""
        return replace(self.requested, revision=self.commit)

    @property
    def note(self) -> str:
        """For people: which commit is in use, and how to get a newer one."""
        note = f"{self.requested}: commit {self.commit[:12]}, fetched on {self.fetched}."
        if self.requested.is_pinned:
            return note
        return f"{note} `deepfake models pull {self.requested}` looks for a newer one."

    @property
    def size(self) -> int:
        """Bytes of the model, without the card and the like."""
        return sum(file.size for file in self.files if file.path in self.choice.model)


def recall(address: HubAddress, endpoint: str, settings: Settings) -> HubRecord | None:
    """The record of an address; None without a usable one."""
    record = _read(_path(address, endpoint, settings))
    return record if record and record.requested == address else None


def remember(record: HubRecord, settings: Settings) -> None:
    """Keep a record in the place of an older one of the same address.

    Raises:
        ModelError: the cache cannot be written.
    """
    path = _path(record.requested, record.endpoint, settings)
    try:
        atomic.write(path, record.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise ModelError(
            f"{path.parent} cannot be written ({error.strerror}), so which commit of "
            f"{record.requested} is in use cannot be kept. Set DEEPFAKE_CACHE to another folder.",
            path=path.parent,
        ) from error


def everything(settings: Settings) -> list[HubRecord]:
    """All records, by address."""
    found = [_read(path) for path in (cache_folder(settings) / FOLDER).glob("*.json")]
    return sorted((r for r in found if r is not None), key=lambda record: str(record.requested))


def _read(path: Path) -> HubRecord | None:
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            return None
        return HubRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, ModelError):
        # A damaged one is made again.
        return None


def _path(address: HubAddress, endpoint: str, settings: Settings) -> Path:
    name = re.sub(r"[^\w.\-]", "--", address.repository)
    key = hashlib.sha256(f"{endpoint}\n{address}".encode()).hexdigest()[:16]
    return cache_folder(settings) / FOLDER / f"{name}-{key}.json"
