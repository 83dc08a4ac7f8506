"""Models from the Hub, through its own client: only what is needed, pinned and checked.

The first time an address is used, its revision is resolved to a commit, and that commit is what
every later start uses, without asking the Hub. Only `fetch(…, update=True)` (`deepfake models
pull`) follows a branch that has moved.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deepfake.errors import ModelError
from deepfake.files.digest import sha256_of, times_of
from deepfake.formatting import megabytes
from deepfake.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, ModelManifest, read_manifest
from deepfake.modelstore.hub import assembly
from deepfake.modelstore.hub import files as hub_files
from deepfake.modelstore.hub import record as hub_record
from deepfake.modelstore.hub.address import HubAddress
from deepfake.modelstore.hub.errors import NO_COPY, HubUnreachableError, explained
from deepfake.modelstore.hub.files import RemoteFile
from deepfake.modelstore.hub.record import HubRecord, RecordedFile
from deepfake.settings import Settings

# Left free on the disk, so that a download does not stop everything else.
SPARE_BYTES = 50_000_000


@dataclass(frozen=True)
class Snapshot:
    """A model of the Hub on this machine, as of one commit.

    Attributes:
        record: HubRecord. The commit, the files, the licence, and who may read them.
        file: Path. The model: a file, or the folder of a SavedModel.
        folder: Path. Where its card and its config.json lie.
        manifest: ModelManifest. Its `model.json`; None without one of ours that lists the file.
        sha256: str. Of the file; of all files with their names, where the model is several: two
            networks exported alike differ in their weights only, and these may lie beside them.
        verified: dict. Each file → its SHA-256, which was compared with what the Hub lists; the
            files are still as they were then.
    """

    record: HubRecord
    file: Path
    folder: Path
    manifest: ModelManifest | None
    sha256: str
    verified: Mapping[Path, str]


def fetch(address: HubAddress, settings: Settings, *, update: bool = False) -> Snapshot:
    """Get a model of the Hub, from this machine if it was fetched before.

    Args:
        address: HubAddress. A repository, or a file or folder in it.
        settings: Settings. The largest model, and where the cache is. The files themselves lie in
            the client's cache (HF_HOME).
        update: bool. Ask the Hub what the revision stands for now. Defaults to no.

    Raises:
        HubUnreachableError: the Hub must be asked and does not answer.
        ModelError: no such repository, revision or file; not open to you; too large; no room; not
            the file that the Hub lists; or no model that can be chosen without asking.
    """
    record = kept(address, settings)
    if record and not update and (whole := _verified(record)):
        if whole != record:
            # A cache that cannot be written costs another hash next time, nothing else.
            with contextlib.suppress(ModelError):
                hub_record.remember(whole, settings)
        return _snapshot(whole, settings)
    # What was pinned stays so, even where its files were deleted from the cache.
    wanted = address if record is None or update else record.address
    try:
        listing, facts = _list(wanted)
    except HubUnreachableError as error:
        if record and update:
            raise HubUnreachableError(
                f"{error} What was fetched on {record.fetched} (commit {record.commit[:12]}) stays "
                "in use."
            ) from error
        if update:
            raise
        if record:
            raise _without_copy(error) from error
        listing, facts = _list_cached(wanted, error)
    record = _fetch(wanted, address, listing, facts, settings)
    hub_record.remember(record, settings)
    return _snapshot(record, settings)


def kept(address: HubAddress, settings: Settings) -> HubRecord | None:
    """What is recorded of an address; None where it was not fetched yet."""
    from huggingface_hub import constants

    return hub_record.recall(address, constants.ENDPOINT, settings)


@dataclass(frozen=True)
class _Facts:
    """What the Hub says of a repository."""

    commit: str
    private: bool = False
    licence: str = ""


def _list(address: HubAddress) -> tuple[dict[str, RemoteFile], _Facts]:
    from huggingface_hub import HfApi, constants

    with explained(address.repository, address.revision):
        info = HfApi().model_info(
            address.repository,
            revision=address.revision or None,
            files_metadata=True,
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
        if not info.sha:
            raise ValueError("no commit in it")
        listing = {
            file.rfilename: RemoteFile(
                file.rfilename,
                file.lfs.size if file.lfs else file.size,
                file.lfs.sha256 if file.lfs else "",
                "" if file.lfs else file.blob_id or "",
            )
            for file in info.siblings or ()
            # Names are shown on terminals.
            if file.rfilename.isprintable()
        }
        licence = str(getattr(info.card_data, "license", "") or "")
        return listing, _Facts(
            info.sha, bool(info.private), licence if licence.isprintable() else ""
        )


def _list_cached(
    address: HubAddress, unreachable: HubUnreachableError
) -> tuple[dict[str, RemoteFile], _Facts]:
    """What other programs have fetched of a repository (`hf download`, `preload_from_hub`)."""
    from huggingface_hub import HfApi, errors

    try:
        resolved = HfApi().resolve_revision(
            address.repository, revision=address.revision or None, local_files_only=True
        )
    except (errors.RevisionResolutionError, errors.HFValidationError):
        raise _without_copy(unreachable) from unreachable
    folder = _folder(HubAddress(address.repository, "", resolved.resolved))
    listing = {}
    for file in folder.rglob("*"):
        if file.is_file():
            path = file.relative_to(folder).as_posix()
            # The client names what it has fetched by the hash that the Hub gave for it.
            blob = file.resolve().name
            listing[path] = RemoteFile(
                path,
                file.stat().st_size,
                blob if len(blob) == 64 else "",
                blob if len(blob) == 40 else "",
            )
    if not listing:
        raise _without_copy(unreachable) from unreachable
    return listing, _Facts(resolved.resolved)


def _without_copy(error: HubUnreachableError) -> HubUnreachableError:
    return HubUnreachableError(f"{error} {NO_COPY}.")


def _fetch(
    address: HubAddress,
    requested: HubAddress,
    listing: Mapping[str, RemoteFile],
    facts: _Facts,
    settings: Settings,
) -> HubRecord:
    from huggingface_hub import constants

    pinned = replace(address, revision=facts.commit)
    manifest = _manifest(pinned, listing)
    choice = hub_files.choose(address.repository, listing, address.path, manifest)
    # A card or configuration of megabytes is not one.
    small = [path for path in choice.companions if (listing[path].size or 0) <= MAX_MANIFEST_BYTES]
    files = [listing[path] for path in (*small, *choice.model)]
    _check_sizes(pinned, files, settings)
    recorded = [_get(pinned, file) for file in files]
    return HubRecord(
        requested=requested,
        endpoint=constants.ENDPOINT,
        commit=facts.commit,
        choice=choice,
        files=tuple(recorded),
        private=facts.private,
        licence=facts.licence,
        fetched=datetime.now(UTC).date().isoformat(),
    )


def _manifest(address: HubAddress, listing: Mapping[str, RemoteFile]) -> ModelManifest | None:
    """`model.json`, where there is one and it is ours: TensorFlow.js uses the same name."""
    folder = f"{address.path}/" if address.path and address.path not in listing else ""
    file = listing.get(folder + MANIFEST_NAME)
    if file is None or address.path in listing or (file.size or 0) > MAX_MANIFEST_BYTES:
        return None
    _get(address, file)
    return _ours(_folder(address) / file.path)


def _ours(path: Path) -> ModelManifest | None:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or "labels" not in content:
        return None
    return read_manifest(path.parent)


def _check_sizes(address: HubAddress, files: Iterable[RemoteFile], settings: Settings) -> None:
    total = 0
    for file in files:
        if file.size is None:
            raise ModelError(
                f"The Hub does not say how large {file.path} of {address.repository} is, so it is "
                "not fetched. Download it by hand and name the file."
            )
        total += file.size
    if total > settings.max_model_bytes:
        raise ModelError(
            f"{address} takes {megabytes(total)}, more than the limit of "
            f"{megabytes(settings.max_model_bytes)}. Nothing was fetched. If you want it, raise "
            f"the limit: DEEPFAKE_MAX_MODEL_BYTES={total}."
        )
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    there = next((place for place in (cache, *cache.parents) if place.exists()), Path("/"))
    missing = sum(file.size or 0 for file in files if not (_folder(address) / file.path).exists())
    free = shutil.disk_usage(there).free
    if missing and missing + SPARE_BYTES > free:
        raise ModelError(
            f"{address} takes {megabytes(missing)}, but the disk of {there} has only "
            f"{megabytes(free)} left. Make room, or set HF_HOME to a folder on another disk.",
            path=there,
        )


def _get(address: HubAddress, file: RemoteFile) -> RecordedFile:
    """Fetch one file, unless the client has it, and compare it with what the Hub lists."""
    from huggingface_hub import hf_hub_download

    with explained(address.repository, address.revision):
        path = Path(hf_hub_download(address.repository, file.path, revision=address.revision))
    times, size = times_of(path), path.stat().st_size
    sha256 = sha256_of(path)
    if file.sha256:
        right = sha256 == file.sha256
    elif file.blob:
        right = _git_blob(path) == file.blob
    else:
        right = True
    if not right or (file.size is not None and size != file.size):
        _discard(path)
        raise ModelError(
            f"{file.path} of {address.repository} is not the file that the Hub lists: its SHA-256 "
            f"is {sha256[:12]}…{f', not {file.sha256[:12]}…' if file.sha256 else ''}. It was "
            "damaged or changed on its way, and was deleted. Try again; if it stays so, do not "
            "use it and tell the owners."
        )
    return RecordedFile(path=file.path, size=size, sha256=sha256, times=times)


def _git_blob(path: Path) -> str:
    """Git's name of a file's content: SHA-1 of "blob", its length and itself (gitformat-pack)."""
    content = path.read_bytes()
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


def _discard(path: Path) -> None:
    """Delete a file of the client's cache, and the blob that it is a link to."""
    blob = path.resolve()
    for file in (path, blob):
        if file == path or file.parent.name == "blobs":
            file.unlink(missing_ok=True)


def _verified(record: HubRecord) -> HubRecord | None:
    """The record with today's times, if all its files are there and as they were.

    Only what has other times than when it was hashed is hashed again.
    """
    folder = _folder(record.address)
    files = []
    for file in record.files:
        path = folder / file.path
        if not path.is_file():
            return None
        times, same_size = times_of(path), path.stat().st_size == file.size
        if not same_size or (times != file.times and sha256_of(path) != file.sha256):
            _discard(path)
            return None
        files.append(file.model_copy(update={"times": times}))
    return record.model_copy(update={"files": tuple(files)})


def _folder(address: HubAddress) -> Path:
    """Where the client keeps the files of a commit."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    name = repo_folder_name(repo_id=address.repository, repo_type="model")
    return Path(constants.HF_HUB_CACHE) / name / "snapshots" / address.revision


def _snapshot(record: HubRecord, settings: Settings) -> Snapshot:
    folder, choice = _folder(record.address), record.choice
    main = file = folder / choice.main
    if assembly.is_in_parts(record):
        file = assembly.assemble(record, folder, settings)
    verified = {folder / item.path: item.sha256 for item in record.files}
    beside = (main.parent if choice.kind == "file" else main) / MANIFEST_NAME
    manifest = _ours(beside) if beside in verified else None
    if manifest is not None and file.name not in manifest.files:
        manifest = None
    return Snapshot(
        record, file, folder if manifest is None else main.parent, manifest,
        _sha256(record, file), verified,
    )  # fmt: skip


def _sha256(record: HubRecord, file: Path) -> str:
    if record.choice.kind != "file":
        return sha256_of(file)
    known = {item.path: item.sha256 for item in record.files}
    if not assembly.is_in_parts(record):
        return known[record.choice.main]
    lines = "".join(f"{path}\n{known[path]}\n" for path in sorted(record.choice.model))
    return hashlib.sha256(lines.encode()).hexdigest()
