"""`hf://datasets/owner/name[@revision]` → a local folder, through the Hub's own client."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deepfake.errors import TrainingError
from deepfake.training.samples import SUFFIXES

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
    from huggingface_hub import errors, snapshot_download

    name, revision = found["repository"], found["revision"] or "main"
    try:
        path = Path(
            snapshot_download(name, repo_type="dataset", revision=revision, allow_patterns=PATTERNS)
        )
    except errors.GatedRepoError as error:
        raise TrainingError(
            f"{name} is open only to people whom its owners let in. Ask for access on its page on "
            "the Hub, then log in with `hf auth login` and try again."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise TrainingError(
            f"The Hub has no data set {name}, or it is private. Check the name; for a private one, "
            "log in with `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise TrainingError(
            f"{name} has no revision {revision!r}. Name a branch, tag or commit that exists."
        ) from error
    except errors.HFValidationError as error:
        raise TrainingError(f"{name} is no name that the Hub allows: {error}.") from error
    except _network_errors() as error:
        raise TrainingError(
            f"{name} could not be fetched from the Hub, and this machine holds no full copy of it. "
            "Check the connection (and HF_HUB_OFFLINE) and try again, or download the data set and "
            f"name its folder. ({type(error).__name__})"
        ) from error
    if not any(path.rglob("*")):
        raise TrainingError(_without_pictures(name, revision))
    return HubFolder(path, f"hf://datasets/{name}@{path.name}")


def _network_errors() -> tuple[type[Exception], ...]:
    """Of the client and of the HTTP library below it, which changed from version to version."""
    from huggingface_hub import errors

    bases = errors.HfHubHTTPError.__bases__
    library = (base for base in bases if issubclass(base, Exception))
    return (OSError, ValueError, errors.XetDownloadError, *library)


def _without_pictures(name: str, revision: str) -> str:
    from huggingface_hub import HfApi

    try:
        files = HfApi().list_repo_files(name, repo_type="dataset", revision=revision)
    except _network_errors():
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
