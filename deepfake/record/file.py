"""Records as files: a page for people, JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deepfake.documents import RecordDocument
from deepfake.errors import RecordError
from deepfake.files import atomic
from deepfake.record import html
from deepfake.verdict import Verdict

SUFFIXES = (".html", ".json")
# Records have a few hundred kilobytes, and the page keeps few; another file need not be read whole.
MAX_BYTES = 50_000_000

Probability = Annotated[float, Field(ge=0, le=1)]


class Read(BaseModel):
    """Of what is read: other versions may have written more, which is not compared."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class RecordedPicture(Read):
    """The file that was judged."""

    sha256: str
    bytes: int


class RecordedVariation(Read):
    """A face after a change."""

    name: str
    p_fake: Probability


class RecordedFace(Read):
    """A face, as it was judged."""

    box: tuple[int, int, int, int]
    p_fake: Probability | None
    verdict: Verdict
    variations: tuple[RecordedVariation, ...] = ()


class RecordedWhole(Read):
    """The score of a picture without a face."""

    p_fake: Probability


class RecordedModel(Read):
    """The model that judged."""

    name: str
    version: str
    sha256: str
    backend: str


class RecordedReport(Read):
    """What was said."""

    file: str
    picture: RecordedPicture
    verdict: Verdict
    p_fake: Probability | None
    threshold: Probability
    sentence: str
    faces: tuple[RecordedFace, ...]
    whole_picture: RecordedWhole | None
    model: RecordedModel
    provenance: Any = None


class RecordedOwn(Read):
    """What the model says at its own threshold."""

    called: str
    threshold: Probability
    verdict: Verdict
    sentence: str


class RecordedLimits(Read):
    """Settings that decide which faces count."""

    max_faces: int = Field(ge=1)
    min_face: int = Field(ge=1)


class RecordedVersions(Read):
    """The programs."""

    deepfake: str
    litert: str = ""


class RecordedPictures(Read):
    """What people look at."""

    picture: str


class Recorded(Read):
    """Of a RecordDocument what a check compares."""

    record: Literal[1]
    made: str
    report: RecordedReport
    # Not in older ones.
    own: RecordedOwn | None = None
    limits: RecordedLimits
    error_rates: dict[str, Any]
    versions: RecordedVersions
    pictures: RecordedPictures | None


def require_suffix(path: Path) -> None:
    """Raise RecordError unless a record can have that name."""
    if path.suffix.lower() not in SUFFIXES:
        raise RecordError(
            f"A report is a .html or a .json file. Received: {path.name!r}. Name it such as "
            "report.html."
        )


def write(document: RecordDocument, path: Path) -> None:
    """Write a record, as a page or as JSON by the ending of its name.

    Args:
        document: RecordDocument.
        path: Path. A file there is replaced.

    Raises:
        RecordError: the ending is another one, or the file cannot be written.
    """
    require_suffix(path)
    is_page = path.suffix.lower() == ".html"
    text = html.page(document) if is_page else json.dumps(document, indent=1) + "\n"
    try:
        atomic.write(path, text)
    except OSError as error:
        raise RecordError(
            f"The report {path} cannot be written ({error.strerror}). Name another place."
        ) from error


def read(path: Path, sha256: str) -> Recorded:
    """Read the record of a photo.

    Args:
        path: Path. A record, or a list of them as the page exports its history.
        sha256: str. Of the photo, which tells which one of a list is meant: the newest of it.

    Returns:
        The record; of a single one whether or not it is of that photo.

    Raises:
        RecordError: the file cannot be read, or holds no record, or none of that photo.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordError(f"{path} is too large to be a report. {_REMEDY}")
        text = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path} cannot be read ({error.strerror}). {_REMEDY}") from error
    try:
        found = _RECORDS.validate_json(text)
    except ValidationError as error:
        raise RecordError(f"{path} is not a report of deepfake: {_why(text, error)}") from error
    if isinstance(found, Recorded):
        return found
    of_photo = [one for one in found if one.report.picture.sha256 == sha256]
    if not of_photo:
        raise RecordError(f"{path} holds {len(found)} reports, and none is of this photo's file.")
    return max(of_photo, key=lambda one: one.made)


_RECORDS: TypeAdapter[Recorded | list[Recorded]] = TypeAdapter(Recorded | list[Recorded])
_REMEDY = "Name the .json file that `deepfake detect --report` or the page has written."


def _why(text: bytes, error: ValidationError) -> str:
    if text.lstrip()[:1] == b"<":
        return f"it is a page for people, and only the .json file can be checked. {_REMEDY}"
    first = min(error.errors(), key=lambda item: item["type"] == "list_type")
    if first["type"] == "json_invalid":
        return f"it is not JSON. {_REMEDY}"
    place = ".".join(str(part) for part in first["loc"] if part not in ("Recorded",))
    if place == "record" and first["type"] == "literal_error":
        return "another version of deepfake has written it, in a way that this one cannot read."
    return f"'{place}' is missing or is not as it should be. {_REMEDY}"
