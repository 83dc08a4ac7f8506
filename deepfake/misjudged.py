"""Photos that a model judged wrongly, with the right answer, in a folder of whoever owns them.

Nothing of it is sent anywhere. The photos lie in `real/` and `fake/`, so that the folder can be
given to `deepfake evaluate`; beside each is a JSON file with what models have said of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from deepfake.detector import Detector
from deepfake.errors import DeepfakeError, MisjudgedError, RightlyJudgedError
from deepfake.files import atomic
from deepfake.report import Report
from deepfake.settings import Settings
from deepfake.verdict import Verdict

Right = Literal["real", "fake"]
Outcome = Literal["fixed", "better", "worse", "still wrong", "still undecided", "still right"]
RIGHT: tuple[Right, ...] = ("real", "fake")
# Digits of the SHA-256 in a file's name.
NAMED = 16
SUFFIX = ".json"
OFF = ("off", "no")


class Said(BaseModel):
    """What a model said of a photo, at its own threshold."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    model: str
    model_sha256: str
    verdict: Verdict
    p_fake: float | None
    threshold: float
    time: str

    def is_of_the_model(self, other: Said) -> bool:
        """Whether the same model said both; another manifest makes another model of its weights."""
        return (self.model, self.model_sha256, self.threshold) == (
            other.model, other.model_sha256, other.threshold,
        )  # fmt: skip


class Entry(BaseModel):
    """A photo that was misjudged.

    `photo` is the name of its file beside this one, `file` what it was called before ("" where
    that is nobody's business), `said` what models said of it, the newest last.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    photo: str
    file: str
    sha256: str
    right: Right
    added: str
    said: tuple[Said, ...]

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.file or f"{self.right}/{self.photo}"


@dataclass(frozen=True)
class Trial:
    """What a model says of a photo that was misjudged.

    Attributes:
        entry: Entry. The photo.
        before: Said. What the model before said.
        now: Said. What this one says; None where the photo cannot be read.
        error: str. Why it cannot; "" where it can.
    """

    entry: Entry
    before: Said
    now: Said | None
    error: str = ""

    @property
    def outcome(self) -> Outcome | None:
        """What has become of it; None where the photo cannot be read."""
        if self.now is None:
            return None
        before, now = (_rank(said.verdict, self.entry.right) for said in (self.before, self.now))
        if now > before:
            return "fixed" if now == 2 else "better"
        if now < before:
            return "worse"
        stayed: tuple[Outcome, ...] = ("still wrong", "still undecided", "still right")
        return stayed[now]


def folder_of(settings: Settings) -> Path | None:
    """The folder that an operator or user has set, or the user's own; None where it is off."""
    if settings.misjudged.lower() in OFF:
        return None
    if settings.misjudged:
        return Path(settings.misjudged).expanduser()
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "share") / "deepfake" / "misjudged"


def add(
    folder: Path, data: bytes, report: Report, right: Right, file: str = "", most: int | None = None
) -> Entry:
    """Keep a photo.

    Args:
        folder: Path. Where; made if needed, readable by this user only.
        data: bytes. The file.
        report: Report. The wrong verdict.
        right: Right. What it is.
        file: str. What it is called. Defaults to nothing.
        most: int. How many bytes the folder may have. Defaults to no bound.

    Returns:
        What was kept.

    Raises:
        RightlyJudgedError: the model is right at its own threshold.
        MisjudgedError: the folder is full, or it cannot be written.
    """
    said = _said(report)
    if said.verdict == right:
        at = f"{100 * said.threshold:.0f} %"
        raise RightlyJudgedError(
            f"{said.model} calls this photo {right} at its own threshold ({at}), "
            "which is right. So there is nothing to keep."
        )
    name = report.sha256[:NAMED]
    entry = Entry(
        photo=f"{name}.{report.format.lower()}", file=file, sha256=report.sha256, right=right,
        added=said.time, said=(said,),
    )  # fmt: skip
    try:
        if most is not None and _size(folder) + len(data) > most:
            raise MisjudgedError("The folder for misjudged photos is full. Nothing was kept.")
        for label in RIGHT:
            place = folder / label
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if label != right:
                # Somebody said the other before.
                for old in place.glob(f"{name}.*"):
                    old.unlink()
        folder.chmod(0o700)
        photo = folder / right / entry.photo
        photo.write_bytes(data)
        photo.chmod(0o600)
        _write(folder, entry)
    except OSError as error:
        raise MisjudgedError(
            f"The photo cannot be kept in {folder} ({error.strerror}). Set DEEPFAKE_MISJUDGED to a "
            "folder that can be written to."
        ) from error
    return entry


def entries(folder: Path) -> list[Entry]:
    """The photos that were kept, the oldest first.

    Raises:
        MisjudgedError: what is noted of one cannot be read.
    """
    found = []
    for label in RIGHT:
        for path in (folder / label).glob(f"*{SUFFIX}"):
            try:
                found.append(Entry.model_validate_json(path.read_bytes()))
            except (OSError, ValidationError) as error:
                raise MisjudgedError(
                    f"{path} cannot be read. Remove it and the photo beside it, or mend it."
                ) from error
    return sorted(found, key=lambda entry: (entry.added, entry.sha256))


def try_model(folder: Path, kept: Sequence[Entry], detector: Detector) -> Iterator[Trial]:
    """Judge the photos with a model, at its own threshold, and note what it says.

    Args:
        folder: Path. Where they are.
        kept: sequence of Entry. The photos.
        detector: Detector. The model.

    Yields:
        A Trial each.

    Raises:
        MisjudgedError: the folder cannot be written.
    """
    for entry in kept:
        try:
            now = _said(detector.detect(folder / entry.right / entry.photo))
        except DeepfakeError as error:
            yield Trial(entry, entry.said[-1], None, str(error))
            continue
        earlier = tuple(one for one in entry.said if not one.is_of_the_model(now))
        before = (earlier or entry.said)[-1]
        try:
            _write(folder, entry.model_copy(update={"said": (*earlier, now)}))
        except OSError as error:
            raise MisjudgedError(f"{folder} cannot be written ({error.strerror}).") from error
        yield Trial(entry, before, now)


def _said(report: Report) -> Said:
    own = report.at(report.manifest.threshold)
    return Said(
        model=f"{own.model['name']} {own.model['version']}",
        model_sha256=own.model["sha256"],
        verdict=own.verdict,
        p_fake=own.p_fake,
        threshold=own.threshold,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _rank(verdict: Verdict, right: Right) -> int:
    """0 wrong, 1 undecided, 2 right."""
    return 2 if verdict == right else 0 if verdict in RIGHT else 1


def _write(folder: Path, entry: Entry) -> None:
    path = (folder / entry.right / entry.photo).with_suffix(SUFFIX)
    atomic.write(path, entry.model_dump_json(indent=1) + "\n")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
