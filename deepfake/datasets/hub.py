"""`hf://datasets/owner/name[@revision]` → a local folder, through the Hub's own client."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deepfake.errors import ModelError, TrainingError
from deepfake.imaging import SUFFIXES
from deepfake.modelstore.hub.errors import NO_COPY, HubUnreachableError, explained

# `Path("hf://…")` drops one of the slashes.
ADDRESS = re.compile(
    r"^hf:/{1,2}datasets/(?P<repository>[\w.\-]+/[\w.\-]+?)(@(?P<revision>[\w./\-]+))?/?$"
)
PATTERNS = [
    "*.csv",
    "metadata.jsonl",
    "*/metadata.jsonl",
    *(f"*{ending}" for suffix in sorted(SUFFIXES) for ending in (suffix, suffix.upper())),
]
KIND = "data set"
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")


@dataclass(frozen=True)
class HubFolder:
    """A data set of the Hub on this machine.

    Attributes:
        path: Path. The folder, in the Hub client's cache.
        address: str. Where it came from, with the commit.
    """

    path: Path
    address: str


def is_address(source: str | Path) -> bool:
    """Whether this names something on the Hub rather than a folder."""
    return str(source).startswith("hf:/")


def download(address: str | Path) -> HubFolder:
    """Fetch the pictures and tables of a data set, or take them from the client's cache.

    Args:
        address: "hf://datasets/owner/name", and if wished "@" and a branch, tag or commit.

    Returns:
        The folder.

    Raises:
        TrainingError: the address is not one, there is no such data set or revision, it is not
            open to you, the Hub cannot be reached, or it holds no picture files.
    """
    found = ADDRESS.match(str(address))
    if not found:
        raise TrainingError(
            "A data set of the Hub is written hf://datasets/owner/name or "
            f"hf://datasets/owner/name@revision. Received: {address}."
        )
    from huggingface_hub import snapshot_download

    name, revision = found["repository"], found["revision"] or "main"
    try:
        with explained(name, revision, kind=KIND):
            path = Path(
                snapshot_download(
                    name, repo_type="dataset", revision=revision, allow_patterns=PATTERNS
                )
            )
    except HubUnreachableError as error:
        raise TrainingError(
            f"{error} {NO_COPY}; you can also download it elsewhere and name its folder."
        ) from error
    except ModelError as error:
        raise TrainingError(str(error)) from error
    if not any(path.rglob("*")):
        raise TrainingError(_without_pictures(name, revision))
    return HubFolder(path, f"hf://datasets/{name}@{path.name}")


def _without_pictures(name: str, revision: str) -> str:
    from huggingface_hub import HfApi

    try:
        with explained(name, revision, kind=KIND):
            files = HfApi().list_repo_files(name, repo_type="dataset", revision=revision)
    except ModelError:
        files = []
    if any(file.endswith(".parquet") for file in files):
        what, remedy = "in Parquet files", "Export them as picture files in real/ and fake/"
    elif any(file.endswith(ARCHIVES) for file in files):
        what, remedy = "in archives", "Download and unpack it"
    else:
        return f"{name} has no picture files. Check the name and the revision ({revision})."
    return (
        f"{name} keeps its pictures {what}, which are not read here. {remedy} and name the folder."
    )
