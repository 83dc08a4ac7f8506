"""A model folder → a repository on the Hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from deepfake.errors import ModelError, ModelNotFoundError
from deepfake.files.digest import sha256_of
from deepfake.manifest import MANIFEST_NAME, ModelManifest, read_manifest
from deepfake.modelstore.hub.address import COMMIT
from deepfake.modelstore.hub.errors import explained
from deepfake.modelstore.hub.files import CARD

EVALUATION = "evaluation"
REPOSITORY = re.compile(r"[\w.\-]+/[\w.\-]+")
# Not scores.csv: it names the files of the data set, and people's photos have people's names.
EVALUATION_SUFFIXES = (".html", ".json", ".png", ".svg")


def push(folder: Path, repository: str, private: bool = False, revision: str = "") -> str:
    """Upload a model: the files of its manifest, the manifest, the card and the evaluation.

    Args:
        folder: Path. With a `model.json`.
        repository: str. "owner/repo"; made if it is not there.
        private: bool. Whether a repository that is made is private. Defaults to no.
        revision: str. A branch, made if it is not there. Defaults to the main branch.

    Returns:
        What was uploaded, for people.

    Raises:
        HubUnreachableError: the Hub does not answer.
        ModelError: the folder is not a model, or not the one that its manifest describes; there
            is no token, or it does not allow this.
    """
    name = repository.removeprefix("hf://")
    if not REPOSITORY.fullmatch(name) or COMMIT.fullmatch(revision):
        raise ModelError(
            "A model is uploaded to a repository, written owner/repo, and if wished to a branch of "
            f"it (--revision NAME). Received: {repository} {revision}".rstrip()
        )
    files = _files(folder, read_manifest(folder))
    _check_token()
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    with explained(name, revision, "written"):
        made = api.create_repo(name, private=private, exist_ok=True)
        if revision:
            api.create_branch(name, branch=revision, exist_ok=True)
        commit = api.create_commit(
            name,
            [CommitOperationAdd(path, file) for path, file in files.items()],
            commit_message="Upload model with deepfake",
            revision=revision or None,
        )
    lines = [f"Uploaded to {made}:", *(f"  {path}" for path in files)]
    if CARD not in files:
        lines.append(
            f"There is no {CARD} in the folder, so the model has no card. Write one: what it was "
            "trained on, how often it errs, its licence."
        )
    return "\n".join([*lines, f"Use it as hf://{name}@{commit.oid}"])


def _files(folder: Path, manifest: ModelManifest) -> Mapping[str, Path]:
    """Path in the repository → file."""
    files = {MANIFEST_NAME: folder / MANIFEST_NAME}
    for name, sha256 in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelNotFoundError(
                f"The manifest lists {name}, but it is not in {folder}. Export the model again, or "
                f"take it out of {MANIFEST_NAME}.",
                path=folder,
            )
        if sha256_of(path) != sha256.lower():
            raise ModelError(
                f"{path} is not the file that its manifest describes: it was changed or damaged. "
                "Export the model again.",
                path=path,
            )
        files[name] = path
    found = [folder / CARD, *sorted((folder / EVALUATION).rglob("*"))]
    for path in found:
        # A link could lead to anything on this machine.
        if path.is_file() and not _through_a_link(path, folder):
            name = path.relative_to(folder).as_posix()
            if name == CARD or path.suffix.lower() in EVALUATION_SUFFIXES:
                files[name] = path
    return files


def _through_a_link(path: Path, folder: Path) -> bool:
    return path.resolve() != folder.resolve() / path.relative_to(folder)


def _check_token() -> None:
    from huggingface_hub import get_token

    if get_token() is None:
        raise ModelError(
            "Uploading needs a token. Make one with the right to write at "
            "https://huggingface.co/settings/tokens, then run `hf auth login` (or set HF_TOKEN)."
        )
