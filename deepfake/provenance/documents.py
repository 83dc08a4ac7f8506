"""Provenance as JSON; docs/api.md is written from these types."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config

# Pydantic cannot read those of `typing` before Python 3.12.
from typing_extensions import TypedDict

CLOSED = ConfigDict(extra="forbid")
State = Literal["present", "absent", "unreadable", "not_looked_at"]
SignerList = Literal["c2pa", "interim", "unknown"]


@with_config(CLOSED)
class SourceTypeDocument(TypedDict):
    """How a picture came to be, as its maker says (IPTC's digitalSourceType)."""

    term: Annotated[str, Field(description='of the IPTC, such as "trainedAlgorithmicMedia"')]
    ai: Annotated[bool, Field(description="whether it says that AI made or changed the picture")]
    of: Annotated[
        Literal["picture", "ingredient"],
        Field(description="the file itself, or one that it was made from"),
    ]
    said_by: Annotated[
        Literal["credentials", "xmp"],
        Field(
            description="Content Credentials, which `credentials` tells whether to believe, or "
            "plain metadata"
        ),
    ]


@with_config(CLOSED)
class CredentialsDocument(TypedDict):
    """Content Credentials (C2PA): statements on the picture, signed by a device or program."""

    state: Annotated[
        State, Field(description="not_looked_at: c2pa-python is not installed; see `note`")
    ]
    intact: Annotated[
        bool | None,
        Field(description="whether signature and picture are as they were signed; null for none"),
    ]
    signer: Annotated[str, Field(description='name on the certificate; "" for none')]
    signer_list: Annotated[
        SignerList | None,
        Field(
            description="the trust list that the signer's certificate leads to; unknown: none that "
            'is carried, or not intact. "interim" needs a list that is not carried'
        ),
    ]
    signed: Annotated[
        str,
        Field(description='when, by a time stamp of an authority on the list; "" for none'),
    ]
    program: Annotated[str, Field(description='that made the credentials; "" where not said')]
    ingredients: Annotated[int, Field(ge=0, description="pictures that it was made from, walked")]
    note: Annotated[str, Field(description='why they were not read or are not intact; else ""')]


@with_config(CLOSED)
class MetadataDocument(TypedDict):
    """EXIF and XMP: what a camera or program wrote; anybody can change it. "" where not said."""

    camera: Annotated[str, Field(description="make and model")]
    software: Annotated[str, Field(description="the program that wrote the file")]
    taken: Annotated[str, Field(description="when the photo was taken, as the file has it")]
    changed: Annotated[str, Field(description="when the file was changed, as the file has it")]
    gps: Annotated[bool, Field(description="whether a place is in the file, which is never read")]


@with_config(CLOSED)
class GeneratorDocument(TypedDict):
    """A text that an image generator leaves in its files."""

    program: Annotated[str, Field(description='such as "ComfyUI"')]
    excerpt: Annotated[str, Field(description="how the text begins")]


@with_config(CLOSED)
class JpegDocument(TypedDict):
    """How strongly a JPEG was compressed, by its quantisation table for brightness, and earlier."""

    quality: Annotated[int, Field(ge=1, le=100, description="nearest one of libjpeg's scale")]
    exact: Annotated[
        bool, Field(description="whether libjpeg's table of that quality is the file's")
    ]
    earlier_quality: Annotated[
        int | None,
        Field(
            ge=1,
            le=100,
            description="about the quality of an earlier compression with another table, where "
            "one surely shows, which is no sign of a fake; null where none shows, which means "
            "nothing",
        ),
    ]


@with_config(CLOSED)
class ProvenanceDocument(TypedDict):
    """What a file says of where it comes from. Absence means nothing: most sites remove it all."""

    credentials: Annotated[CredentialsDocument, Field(description="Content Credentials")]
    source_types: Annotated[list[SourceTypeDocument], Field(description="how it came to be")]
    metadata: Annotated[MetadataDocument, Field(description="EXIF and XMP")]
    generators: Annotated[list[GeneratorDocument], Field(description="texts of image generators")]
    jpeg: Annotated[JpegDocument | None, Field(description="null for other formats")]
    thumbnail: Annotated[
        Literal["none", "same", "differs"],
        Field(
            description="the small preview in the file beside the picture itself; same: of the "
            "same scene, since a changed face alone is not noticed"
        ),
    ]
    contradictions: Annotated[
        list[str], Field(description="sentences on facts that do not go together, or with verdict")
    ]
    trust_list_date: Annotated[str, Field(description="of the C2PA list that is carried")]
    notes: Annotated[list[str], Field(description="sentences on what could not be read")]
