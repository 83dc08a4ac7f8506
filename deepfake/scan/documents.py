"""What programs get of `deepfake scan`: a row for each file, as a JSON document.

docs/api.md and docs/detect.schema.json are written from these types (docs/make_api.py); mypy holds
the code that fills them to them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, with_config

# Pydantic cannot read those of `typing` before Python 3.12.
from typing_extensions import TypedDict

from deepfake.documents import CLOSED, Box, Probability
from deepfake.verdict import Reason, Signs, Verdict


@with_config(CLOSED)
class ScanFaceDocument(TypedDict):
    """A face in a row of `deepfake scan`; the fields are those of a report."""

    box: Annotated[Box, Field(description="left, top, right, bottom in whole pixels")]
    p_fake: Annotated[Probability | None, Field(description="null where it was not judged")]
    verdict: Annotated[Verdict, Field(description="on this face")]
    confidence: Annotated[Probability, Field(description="how sure it is that this is a face")]
    note: Annotated[str, Field(description='why it was not judged; "" where it was')]
    turn: Annotated[float, Field(description="degrees clockwise, if it was turned upright")]
    reasons: Annotated[
        list[Reason], Field(description="what weakens the verdict, or why there is none")
    ]
    signs: Annotated[Signs | None, Field(description="what it shows signs of, where that is clear")]


@with_config(CLOSED)
class ScanPersonDocument(TypedDict):
    """A person in a video, in a row of `deepfake scan`. After a cut everybody is counted anew."""

    shot: Annotated[int, Field(ge=0, description="number of the shot, from 0")]
    verdict: Annotated[Verdict, Field(description="on this person")]
    p_fake: Annotated[Probability | None, Field(description="of all judged frames together")]
    reasons: Annotated[
        list[str],
        Field(
            description="what weakens the verdict: few_frames (fewer than four were judged, or "
            "within less than a second), one_stretch (only one part of the time looks fake), and "
            "those of most of the faces"
        ),
    ]
    first_seen: Annotated[float, Field(ge=0, description="in seconds")]
    last_seen: Annotated[float, Field(ge=0, description="in seconds")]
    judged: Annotated[int, Field(ge=0, description="frames in which the face was judged")]


@with_config(CLOSED)
class ScanVideoDocument(TypedDict):
    """What there is of a video besides, in a row of `deepfake scan`."""

    seconds: Annotated[float, Field(ge=0, description="from the first frame to the last")]
    frames: Annotated[int, Field(ge=0, description="how many it has")]
    looked_at: Annotated[int, Field(ge=0, description="how many of them were looked at")]
    share_judged: Annotated[
        Probability, Field(description="of these, in how many a face was judged")
    ]
    people: Annotated[list[ScanPersonDocument], Field(description="the most suspicious first")]


@with_config(CLOSED)
class ScanModelDocument(TypedDict):
    """The model that judged, in a row of `deepfake scan`."""

    name: Annotated[str, Field(description="as in its manifest")]
    version: Annotated[str, Field(description="as in its manifest")]
    sha256: Annotated[str, Field(description="of its file")]


@with_config(CLOSED)
class ScanRowDocument(TypedDict):
    """A file: a row of `deepfake scan`, in CSV with lists and objects as JSON."""

    path: Annotated[
        str,
        Field(
            description="as it was named, or under the folder, archive or address that was; bytes "
            "that are not UTF-8 are spelt \\udcXX"
        ),
    ]
    kind: Annotated[
        Literal["picture", "video", "folder"],
        Field(description="folder: one that could not be opened"),
    ]
    sha256: Annotated[str | None, Field(description="of the content; null if it was not read")]
    bytes: Annotated[int | None, Field(description="size of the file; null if it was not read")]
    format: Annotated[str | None, Field(description='by its content, such as "JPEG"')]
    width: Annotated[int | None, Field(description="in pixels, of the upright picture")]
    height: Annotated[int | None, Field(description="in pixels, of the upright picture")]
    verdict: Annotated[
        Verdict | None, Field(description="on the file; null where there is an `error`")
    ]
    p_fake: Annotated[
        Probability | None,
        Field(
            description="the highest of the faces, of a video of the people; null where no face "
            "was judged"
        ),
    ]
    threshold: Annotated[Probability, Field(description="P(fake) that verdicts were made at")]
    reasons: Annotated[list[Reason], Field(description="what weakens the verdict")]
    signs: Annotated[Signs | None, Field(description="those of the face that decided the verdict")]
    face_count: Annotated[int, Field(ge=0, description="length of `faces`")]
    faces: Annotated[
        list[ScanFaceDocument], Field(description="the largest first; of a video none")
    ]
    video: Annotated[ScanVideoDocument | None, Field(description="of a video; null of a picture")]
    notes: Annotated[
        list[str], Field(description="sentences on what was left out in reading the file")
    ]
    error: Annotated[
        str | None, Field(description="why the file could not be read, in a sentence for people")
    ]
    duplicate_of: Annotated[
        str | None, Field(description="the first file, by name, with the same bytes; judged once")
    ]
    near_duplicate_of: Annotated[
        str | None,
        Field(description="the first file that looks the same in other bytes (scaled, re-encoded)"),
    ]
    model: Annotated[ScanModelDocument, Field(description="the model that judged")]
