"""The folder of a run: what it was made of, how it went, and how far it has come."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deepfake.datasets.samples import Sample
from deepfake.errors import TrainingError
from deepfake.manifest import MANIFEST_NAME
from deepfake.training.config import TrainingConfig
from deepfake.training.recipe import sha256

CONFIG, ENVIRONMENT, HISTORY = "config.json", "environment.json", "history.csv"
CHECKPOINT, NETWORK, SHIPPED = "last.keras", "network.keras", "shipped.json"
TENSORBOARD, TEACHERS = "tensorboard", "teachers.json"
# What there may be in a folder whose run failed before its first checkpoint.
BEGUN = (
    CONFIG, ENVIRONMENT, HISTORY, TENSORBOARD, TEACHERS, "autoencoder.keras",
    "best-*.weights.h5", "part-*",
)  # fmt: skip
PACKAGES = (
    "tensorflow", "tensorflow-cpu", "keras", "numpy", "opencv-python-headless", "pillow",
    "scikit-learn", "ai-edge-litert",
)  # fmt: skip
Row = dict[str, float]

logger = logging.getLogger(__name__)


class RunFolder:
    """Reads and writes the files of a run. Each is replaced in one step, never half written.

    Args:
        path: Path. The folder; made by `claim`.
    """

    def __init__(self, path: Path):
        self.path = path

    @property
    def checkpoint(self) -> Path:
        """Where the last checkpoint is or will be."""
        return self.path / CHECKPOINT

    @property
    def network(self) -> Path:
        """Where the trained network is or will be."""
        return self.path / NETWORK

    @property
    def history(self) -> Path:
        """The table of epochs."""
        return self.path / HISTORY

    @property
    def is_shipped(self) -> bool:
        """Whether the run is finished: trained, and a model that can be served."""
        return self.network.is_file() and (self.path / MANIFEST_NAME).is_file()

    def best(self, epoch: int) -> Path:
        """Where the weights of an epoch are kept while it is the best one."""
        return self.path / f"best-{epoch:04d}.weights.h5"

    def claim(self, config: TrainingConfig, samples: Sequence[Sample]) -> None:
        """Write down what the run is made of, or compare it.

        Args:
            config: TrainingConfig. Of the run.
            samples: sequence of Sample. All of them.

        Raises:
            TrainingError: the folder holds other things, or a run of something else.
        """
        made_of = {**asdict(config), "data_sha256": data_sha256(samples)}
        if config.recipe:
            # By what it says: a recipe may lie elsewhere the next time.
            made_of["recipe"] = sha256(config.recipe)
        path = self.path / CONFIG
        if path.is_file():
            before = _read_config(path)
            if before is not None:
                # A run of an older version knew fewer options, and saw faces as they stand.
                as_they_stand = {"align": "none", "exposure": "none"}
                before = {**asdict(TrainingConfig()), **as_they_stand, **before}
            if before == made_of or not self._is_only_begun():
                self._compare(before, made_of)
                return
            # A mistyped option must not cost the user the name of the folder.
            logger.info(
                "%s has no checkpoint yet; the run begins anew with these options", self.path
            )
            self._empty()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"{self.path} cannot be made a folder for the run ({error.strerror}). "
                "Name another one."
            ) from error
        if any(found.name not in (f"part-{CONFIG}", ENVIRONMENT) for found in self.path.iterdir()):
            raise TrainingError(f"{self.path} holds other files. Name a new folder for the run.")
        self._write(CONFIG, json.dumps(made_of, indent=2) + "\n")

    def claim_teachers(self, identities: Sequence[Mapping[str, str]]) -> None:
        """Write down which models teach the run, or compare them.

        Args:
            identities: sequence of dict. name, version and sha256 of each.

        Raises:
            TrainingError: the run has learnt from others so far.
        """
        path = self.path / TEACHERS
        if self.checkpoint.is_file() and self.teachers() != list(identities):
            raise TrainingError(
                f"The run in {self.path} was taught by other models than those that are there now "
                f"({path} lists them with their hashes). Put them back, or name a new folder."
            )
        if identities:
            self._write(TEACHERS, json.dumps(list(identities), indent=2) + "\n")

    def teachers(self) -> list[dict[str, str]]:
        """Which models teach or taught the run; empty if none did, or if it is not known."""
        try:
            found = json.loads((self.path / TEACHERS).read_text("utf-8"))
        except (OSError, ValueError):
            return []
        return found if isinstance(found, list) else []

    def note_environment(self, devices: Sequence[str], precision: str) -> None:
        """Add to the list of starts: when, with which code, packages and devices."""
        path = self.path / ENVIRONMENT
        try:
            starts = json.loads(path.read_text("utf-8")) if path.is_file() else []
        except ValueError:
            starts = None
        if not isinstance(starts, list):
            # Only a log of starts: no reason to hold the run up.
            logger.warning("%s was damaged and begins anew", path)
            starts = []
        starts.append(
            {
                "started": datetime.now(UTC).isoformat(timespec="seconds"),
                "git_commit": git_commit(),
                "python": platform.python_version(),
                "machine": platform.platform(),
                "devices": list(devices),
                "precision": precision,
                "packages": package_versions(),
            }
        )
        self._write(ENVIRONMENT, json.dumps(starts, indent=2) + "\n")

    def read_history(self) -> list[Row]:
        """The rows of the epochs so far."""
        if not self.history.is_file():
            return []
        try:
            with self.history.open(newline="", encoding="utf-8") as file:
                return [
                    {key: float(value) for key, value in row.items()}
                    for row in csv.DictReader(file)
                ]
        except (ValueError, TypeError, csv.Error) as error:
            raise TrainingError(
                f"{self.history} is damaged ({error}). Put back a whole copy of it to go on, or "
                "name a new folder for the run."
            ) from error

    def write_history(self, rows: Sequence[Row]) -> None:
        """Write all rows."""
        part = self.path / f"part-{HISTORY}"
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["epoch"])
            writer.writeheader()
            writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
        put_in_place(part, self.history)

    def start_afresh(self) -> None:
        """Forget epochs without a checkpoint to go on from: they are done again."""
        self.remove(HISTORY)
        self.remove("best-*.weights.h5")

    def note_shipped(self, description: Mapping[str, str]) -> None:
        """Write down what was said of the model that was shipped."""
        self._write(SHIPPED, json.dumps(dict(description), indent=2) + "\n")

    def forget_shipped(self) -> None:
        """Forget what was said of the model: it is about to change."""
        self.remove(SHIPPED)

    def shipped_as(self) -> dict[str, str]:
        """What was said of the model that was shipped; empty if it is not known."""
        try:
            found = json.loads((self.path / SHIPPED).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def remove(self, pattern: str, keep: Iterable[Path] = ()) -> None:
        """Remove files of the run that are no longer needed."""
        kept = set(keep)
        for path in self.path.glob(pattern):
            if path not in kept:
                path.unlink()

    def _is_only_begun(self) -> bool:
        """Whether nothing would be lost if the run began anew."""
        return all(any(found.match(name) for name in BEGUN) for found in self.path.iterdir())

    def _empty(self) -> None:
        # The list of starts stays: it tells what was tried.
        for name in BEGUN:
            if name not in (ENVIRONMENT, TENSORBOARD):
                self.remove(name)
        shutil.rmtree(self.path / TENSORBOARD, ignore_errors=True)

    def _compare(self, before: dict[str, object] | None, made_of: dict[str, object]) -> None:
        if before is None:
            raise TrainingError(
                f"{self.path / CONFIG} is damaged, so what the run is made of is not known. Put "
                "back a whole copy of it to go on, or name a new folder for the run."
            )
        differences = [key for key in made_of if before.get(key) != made_of[key]]
        if differences:
            names = ", ".join(
                "the data" if key == "data_sha256" else f"{key} was {before.get(key)!r}"
                for key in differences
            )
            raise TrainingError(
                f"{self.path} holds a run with other options or other data ({names}). Name another "
                "folder, or repeat the command of the run to go on with it."
            )

    def _write(self, name: str, text: str) -> None:
        part = self.path / f"part-{name}"
        part.write_text(text, encoding="utf-8")
        put_in_place(part, self.path / name)


def put_in_place(part: Path, path: Path) -> None:
    """Let a finished file take the place of another, so that a power cut leaves one of them whole.

    Args:
        part: Path. The new file, closed, in the same folder.
        path: Path. Where it belongs.
    """
    # Without this the new name may reach the disk before the new content does.
    _sync(part)
    part.replace(path)
    if os.name == "posix":
        _sync(path.parent)


def data_sha256(samples: Sequence[Sample]) -> str:
    """A fingerprint of a data set: names within it, labels, splits, sources, groups, contents."""
    # A table may name some files relative to where the command was started and others in full.
    paths = [sample.path.absolute() for sample in samples]
    root = os.path.commonpath([path.parent for path in paths]) if paths else ""
    with ThreadPoolExecutor() as pool:
        contents = pool.map(_content, paths)
        lines = sorted(
            json.dumps(
                [path.relative_to(root).as_posix(), s.label, s.split, s.source, s.group, content]
            )
            for s, path, content in zip(samples, paths, contents, strict=True)
        )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _content(path: Path) -> str:
    try:
        facts = path.stat()
        return _content_sha256(path, facts.st_size, facts.st_mtime_ns)
    except OSError:
        # Listed as skipped when the faces are read.
        return "missing"


# A command asks for the fingerprint more than once.
@cache
def _content_sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_config(path: Path) -> dict[str, object] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def git_commit() -> str | None:
    """The commit of the code, with "+changes" if it was edited; None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def package_versions() -> dict[str, str]:
    """Versions of the packages that results depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
