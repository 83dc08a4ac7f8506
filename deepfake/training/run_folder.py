"""The folder of a run: what it was made of, how it went, and how far it has come."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deepfake.errors import TrainingError
from deepfake.modelstore.manifest import MANIFEST_NAME
from deepfake.training.config import TrainingConfig
from deepfake.training.samples import Sample

CONFIG, ENVIRONMENT, HISTORY = "config.json", "environment.json", "history.csv"
CHECKPOINT, NETWORK = "last.keras", "network.keras"
PACKAGES = (
    "tensorflow", "tensorflow-cpu", "keras", "numpy", "opencv-python-headless", "pillow",
    "scikit-learn", "ai-edge-litert",
)  # fmt: skip
Row = dict[str, float]


class RunFolder:
    """Reads and writes the files of a run. Each file is replaced in one step, never half written.

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
        path = self.path / CONFIG
        if path.is_file():
            self._compare(path, made_of)
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"{self.path} cannot be made a folder for the run ({error.strerror}). "
                "Name another one."
            ) from error
        if any(found.name != f"part-{CONFIG}" for found in self.path.iterdir()):
            raise TrainingError(f"{self.path} holds other files. Name a new folder for the run.")
        self._write(CONFIG, json.dumps(made_of, indent=2) + "\n")

    def note_environment(self, devices: Sequence[str], precision: str) -> None:
        """Add to the list of starts: when, with which code, packages and devices."""
        path = self.path / ENVIRONMENT
        starts = json.loads(path.read_text("utf-8")) if path.is_file() else []
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
        with self.history.open(newline="", encoding="utf-8") as file:
            return [
                {key: float(value) for key, value in row.items()} for row in csv.DictReader(file)
            ]

    def write_history(self, rows: Sequence[Row]) -> None:
        """Write all rows."""
        part = self.path / f"part-{HISTORY}"
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["epoch"])
            writer.writeheader()
            writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
        part.replace(self.history)

    def remove(self, pattern: str, keep: Iterable[Path] = ()) -> None:
        """Remove files of the run that are no longer needed."""
        kept = set(keep)
        for path in self.path.glob(pattern):
            if path not in kept:
                path.unlink()

    def _compare(self, path: Path, made_of: dict[str, object]) -> None:
        try:
            before = json.loads(path.read_text("utf-8"))
        except ValueError:
            before = {}
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
        part.replace(self.path / name)


def data_sha256(samples: Sequence[Sample]) -> str:
    """A fingerprint of a data set: names within it, labels, splits and sizes of the files."""
    root = os.path.commonpath([sample.path.parent for sample in samples]) if samples else ""
    lines = sorted(
        f"{sample.path.relative_to(root).as_posix()} {sample.label} {sample.split} "
        f"{sample.path.stat().st_size if sample.path.is_file() else 'missing'}"
        for sample in samples
    )
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


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
