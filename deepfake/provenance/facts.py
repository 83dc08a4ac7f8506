"""The facts, and what in them does not go together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal, cast

from deepfake.provenance.documents import ProvenanceDocument, SignerList, State
from deepfake.provenance.trust import LISTS_OF
from deepfake.verdict import Verdict

# IPTC NewsCodes, digitalSourceType.
AI_TERMS = frozenset(
    ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicData")
)
CAMERA_TERMS = frozenset(("digitalCapture", "computationalCapture"))


@dataclass(frozen=True)
class SourceType:
    """How a picture came to be; fields as in `SourceTypeDocument`."""

    term: str
    of: Literal["picture", "ingredient"]
    said_by: Literal["credentials", "xmp"]

    @property
    def ai(self) -> bool:
        """Whether it says that AI made or changed the picture."""
        return self.term in AI_TERMS


@dataclass(frozen=True)
class Credentials:
    """Content Credentials; fields as in `CredentialsDocument`, with what they say of sources."""

    state: State
    intact: bool | None = None
    signer: str = ""
    signer_list: SignerList | None = None
    signed: str = ""
    program: str = ""
    ingredients: int = 0
    note: str = ""
    source_types: tuple[SourceType, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """EXIF and XMP; fields as in `MetadataDocument`."""

    camera: str = ""
    software: str = ""
    taken: str = ""
    changed: str = ""
    gps: bool = False


@dataclass(frozen=True)
class Generator:
    """A text that an image generator leaves; fields as in `GeneratorDocument`."""

    program: str
    excerpt: str


@dataclass(frozen=True)
class JpegQuality:
    """Compression of a JPEG; fields as in `JpegDocument`."""

    quality: int
    exact: bool
    earlier_quality: int | None = None


@dataclass(frozen=True)
class Provenance:
    """What a file says of where it comes from.

    Attributes:
        credentials: Credentials. Content Credentials.
        metadata: Metadata. EXIF and XMP.
        source_types: tuple of SourceType. Of credentials and XMP together.
        generators: tuple of Generator. Texts of image generators.
        jpeg: JpegQuality. None for other formats.
        thumbnail: "none", "same" or "differs". The preview in the file beside the picture.
        notes: tuple of str. Sentences on what could not be read.
    """

    credentials: Credentials
    metadata: Metadata = field(default_factory=Metadata)
    source_types: tuple[SourceType, ...] = ()
    generators: tuple[Generator, ...] = ()
    jpeg: JpegQuality | None = None
    thumbnail: Literal["none", "same", "differs"] = "none"
    notes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, document: ProvenanceDocument) -> Provenance:
        """The facts again, of JSON as of `to_dict`."""
        jpeg = document["jpeg"]
        sources = tuple(
            SourceType(one["term"], one["of"], one["said_by"]) for one in document["source_types"]
        )
        return cls(
            credentials=Credentials(**document["credentials"]),
            metadata=Metadata(**document["metadata"]),
            source_types=sources,
            generators=tuple(Generator(**one) for one in document["generators"]),
            jpeg=None if jpeg is None else JpegQuality(**jpeg),
            thumbnail=document["thumbnail"],
            notes=tuple(document["notes"]),
        )

    @property
    def says_ai(self) -> bool:
        """Whether the file says that AI made or changed it or what it was made from."""
        return bool(self.generators) or any(one.ai for one in self.source_types)

    def contradictions(self, verdict: Verdict) -> tuple[str, ...]:
        """Sentences on what does not go together.

        Args:
            verdict: Verdict. On the pixels.
        """
        signed = self.credentials
        says_camera = bool(signed.intact) and any(
            one.term in CAMERA_TERMS and one.said_by == "credentials" and one.of == "picture"
            for one in self.source_types
        )
        found = {
            "The Content Credentials do not fit this file: it was changed after they were signed, "
            "or they are damaged.": signed.intact is False,
            "The Content Credentials say that a camera took this picture, but the model sees signs "
            "of a fake in the pixels.": says_camera and verdict == "fake",
            "The file says that AI made or changed this picture, or a picture that it was made "
            "from, but the model sees no signs of that in the pixels.": (
                self.says_ai and verdict == "real"
            ),
            "The file names a camera and also says that AI made or changed this picture, or a "
            "picture that it was made from.": self.says_ai
            and (says_camera or bool(self.metadata.camera)),
            "The small preview inside the file shows something else than the picture: it was "
            "changed after the preview was made.": self.thumbnail == "differs",
        }
        return tuple(sentence for sentence, holds in found.items() if holds)

    def to_dict(self, verdict: Verdict) -> ProvenanceDocument:
        """The facts as JSON has them.

        Args:
            verdict: Verdict. On the pixels, for the contradictions.
        """
        credentials = asdict(self.credentials)
        del credentials["source_types"]
        document = {
            "credentials": credentials,
            "source_types": [{**asdict(one), "ai": one.ai} for one in self.source_types],
            "metadata": asdict(self.metadata),
            "generators": [asdict(one) for one in self.generators],
            "jpeg": None if self.jpeg is None else asdict(self.jpeg),
            "thumbnail": self.thumbnail,
            "contradictions": list(self.contradictions(verdict)),
            "trust_list_date": LISTS_OF,
            "notes": list(self.notes),
        }
        return cast(ProvenanceDocument, document)
