"""What programs get: the JSON documents of `deepfake detect --json`, of the page's API and MCP.

docs/api.md and docs/detect.schema.json are written from these types (docs/make_api.py); mypy holds
the code that fills them to them. Nothing else is in a document, and all of it is always there.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config

# Pydantic cannot read those of `typing` before Python 3.12.
from typing_extensions import TypedDict

from deepfake.provenance.documents import ProvenanceDocument
from deepfake.verdict import Change, Reason, Signs, Verdict

Probability = Annotated[float, Field(ge=0, le=1)]
Band = Annotated[list[Probability], Field(min_length=2, max_length=2)]
Box = Annotated[list[int], Field(min_length=4, max_length=4)]
Point = Annotated[list[float], Field(min_length=2, max_length=2)]
Keypoints = Annotated[list[Point], Field(min_length=6, max_length=6)]
CLOSED = ConfigDict(extra="forbid")


@with_config(CLOSED)
class VariationDocument(TypedDict):
    """What is said of a face after a change that makes no real face a fake."""

    name: Annotated[
        Change,
        Field(
            description="re-encoded as JPEG of quality 90, 60 or 40, at half its size, blurred, "
            "mirrored, or a stop darker"
        ),
    ]
    p_fake: Annotated[Probability, Field(description="calibrated P(fake) of the face after it")]


@with_config(CLOSED)
class ExpertsDocument(TypedDict):
    """What the network's experts say of a face: logits that grow with "fake", not calibrated."""

    seams: Annotated[float, Field(description="of traces of blending, as in a swapped face")]
    synthesis: Annotated[float, Field(description="of traces of generation")]


@with_config(CLOSED)
class FaceDocument(TypedDict):
    """A face that was found."""

    box: Annotated[
        Box, Field(description="left, top, right, bottom in whole pixels, within the picture")
    ]
    p_fake: Annotated[
        Probability | None, Field(description="calibrated P(fake); null where it was not judged")
    ]
    verdict: Annotated[
        Verdict, Field(description='on this face; "not_applicable" where it was not judged')
    ]
    confidence: Annotated[
        Probability, Field(description="how sure the face detector is that this is a face")
    ]
    keypoints: Annotated[
        Keypoints,
        Field(
            description="x and y in pixels of the eyes, the nose, the mouth and the ears: right "
            "eye, left eye, nose, mouth, right ear, left ear"
        ),
    ]
    note: Annotated[str, Field(description='why it was not judged; "" where it was')]
    turn: Annotated[
        float,
        Field(
            description="degrees clockwise by which the face is turned in the picture, if it was "
            "turned upright to be judged; 0 where it was judged as it stands"
        ),
    ]
    reasons: Annotated[
        list[Reason],
        Field(
            description="what weakens the verdict on this face or, without one, why there is none; "
            'unstable: the changes of `variations` turn "fake" into "real" or the other way round, '
            'so that the verdict is "uncertain"'
        ),
    ]
    variations: Annotated[
        list[VariationDocument],
        Field(
            description="the face judged again after changes that do not matter; empty where that "
            "was not asked for (`--fragility`), and for all faces but the one that decided"
        ),
    ]
    signs: Annotated[
        Signs | None,
        Field(
            description="what it shows signs of, by the expert that clearly leads; null where none "
            'does, where the verdict is "real", and where the model has no experts'
        ),
    ]
    experts: Annotated[
        ExpertsDocument | None,
        Field(description="null where the model has none or the face was not judged"),
    ]


@with_config(CLOSED)
class WholePictureDocument(TypedDict):
    """What the network says of a picture in which no face was judged."""

    p_fake: Annotated[Probability, Field(description="P(fake) of the picture as a whole")]
    reliable: Annotated[
        Literal[False], Field(description="never: the network was trained on faces only")
    ]


@with_config(CLOSED)
class PictureDocument(TypedDict):
    """The picture that was read."""

    format: Annotated[str, Field(description='by its content, such as "JPEG"')]
    width: Annotated[int, Field(ge=1, description="in pixels, of the upright picture")]
    height: Annotated[int, Field(ge=1, description="in pixels, of the upright picture")]
    bytes: Annotated[int, Field(ge=0, description="size of the file")]
    sha256: Annotated[str, Field(description="of the file")]


@with_config(CLOSED)
class ReasonRatesDocument(TypedDict):
    """How often the model errs on faces that a reason weakens."""

    false_positive_rate: Annotated[
        Probability, Field(description="share of such real faces that reach the threshold")
    ]
    true_positive_rate: Annotated[
        Probability, Field(description="share of such fakes that reach the threshold")
    ]
    reals: Annotated[int, Field(ge=1, description="such real faces that were judged")]
    fakes: Annotated[int, Field(ge=1, description="such fakes that were judged")]


@with_config(CLOSED)
class ModelDocument(TypedDict):
    """The model that judged."""

    name: Annotated[str, Field(description="as in its manifest")]
    version: Annotated[str, Field(description="as in its manifest")]
    sha256: Annotated[str, Field(description="of its file")]
    backend: Annotated[str, Field(description='what ran it, such as "LiteRT"')]


@with_config(CLOSED)
class TimingsDocument(TypedDict):
    """Milliseconds by stage."""

    decode: Annotated[float, Field(ge=0, description="reading and decoding the picture")]
    faces: Annotated[float, Field(ge=0, description="finding faces")]
    preprocessing: Annotated[float, Field(ge=0, description="cropping and scaling the faces")]
    model: Annotated[float, Field(ge=0, description="the network, for all faces together")]
    fragility: Annotated[
        float, Field(ge=0, description="judging the changed face; next to nothing if not asked for")
    ]
    total: Annotated[float, Field(ge=0, description="from the call to the report")]


class _Source(TypedDict):
    file: Annotated[str, Field(description='the path as it was given; "" for pixels')]
    picture: Annotated[PictureDocument, Field(description="the picture that was read")]


class Judgement(TypedDict):
    """What a model says of a picture, however many were asked."""

    verdict: Annotated[
        Verdict,
        Field(
            description='on the picture: "fake" if any face is, else "uncertain" if any is, else '
            '"real"; "not_applicable" where no face was judged'
        ),
    ]
    p_fake: Annotated[
        Probability | None,
        Field(description="the highest of the faces; null where no face was judged"),
    ]
    threshold: Annotated[Probability, Field(description="P(fake) that the verdict was made at")]
    uncertain_band: Annotated[
        Band,
        Field(
            description='around the threshold: from its lower end on "uncertain", from its upper '
            'end on "fake"'
        ),
    ]
    sentence: Annotated[
        str,
        Field(
            description="the verdict for people; it says so where the model's own threshold would "
            "decide otherwise"
        ),
    ]
    reasons: Annotated[
        list[Reason],
        Field(
            description="what weakens the verdict, of the face that decided it; many_faces: of "
            "several faces one must be more suspicious for the picture to be called fake"
        ),
    ]
    reason_error_rates: Annotated[
        dict[Reason, ReasonRatesDocument],
        Field(
            description="of `reasons` those for which it was measured on sources left out of "
            "training, at the model's own threshold; empty at another one"
        ),
    ]
    signs: Annotated[Signs | None, Field(description="those of the face that decided the verdict")]
    faces: Annotated[list[FaceDocument], Field(description="the largest first")]
    whole_picture: Annotated[
        WholePictureDocument | None, Field(description="null where a face was judged")
    ]
    model: Annotated[ModelDocument, Field(description="the model that judged")]
    timings_ms: Annotated[TimingsDocument, Field(description="milliseconds by stage")]
    notes: Annotated[
        list[str], Field(description="sentences on what was left out in reading the file")
    ]


@with_config(CLOSED)
class ReportDocument(_Source, Judgement):
    """What one model says of a picture: a line of `detect --json`, and the answer of `/detect`."""

    provenance: Annotated[
        ProvenanceDocument | None, Field(description="null where that was not asked for")
    ]


@with_config(CLOSED)
class OperatingPointDocument(TypedDict):
    """How often a model was wrong at a threshold when that was measured."""

    threshold: Annotated[
        Probability, Field(description="the measured one that is nearest to the one in use")
    ]
    false_positive_rate: Annotated[
        Probability, Field(description="share of real faces at or above it")
    ]
    true_positive_rate: Annotated[
        Probability, Field(description="share of fake faces at or above it")
    ]


@with_config(CLOSED)
class LimitsDocument(TypedDict):
    """Settings that decide which faces are judged."""

    max_faces: Annotated[int, Field(ge=1, description="how many, the largest first")]
    min_face: Annotated[int, Field(ge=1, description="side in pixels of the smallest one")]


@with_config(CLOSED)
class MeasuredDocument(TypedDict):
    """How often a model was wrong on some pictures."""

    on: Annotated[str, Field(description="which, as in its manifest")]
    reals: Annotated[int, Field(ge=1, description="real faces among them")]
    fakes: Annotated[int, Field(ge=1, description="fake faces among them")]
    operating_point: Annotated[
        OperatingPointDocument, Field(description="the error rates, and their threshold")
    ]


class RatesDocument(TypedDict):
    """How often a model was wrong on single faces; null where that was not measured."""

    elsewhere: Annotated[
        MeasuredDocument | None,
        Field(description="on sources that its training was without: what to expect of a photo"),
    ]
    known: Annotated[
        MeasuredDocument | None, Field(description="on sources that it was trained with")
    ]


@with_config(CLOSED)
class ErrorRatesDocument(RatesDocument):
    """How often a model was wrong; null where that was not measured at the threshold."""

    faces: Annotated[int, Field(ge=0, description="that were judged; the other rates are of one")]
    group_false_positive_rate: Annotated[
        Probability | None,
        Field(
            description="of pictures with so many real faces, the share in which one reaches the "
            "threshold, from `elsewhere`, if faces err independently; null for fewer than two"
        ),
    ]


@with_config(CLOSED)
class OwnDocument(TypedDict):
    """What the model says by itself: at its own threshold, whatever the user's was."""

    called: Annotated[str, Field(description="the model's name for people, and its version")]
    threshold: Annotated[Probability, Field(description="P(fake), as in its manifest")]
    verdict: Annotated[Verdict, Field(description="on the picture, at that threshold")]
    sentence: Annotated[str, Field(description="that verdict for people")]


@with_config(CLOSED)
class VersionsDocument(TypedDict):
    """The programs that took part."""

    deepfake: Annotated[str, Field(description="this program")]
    python: Annotated[str, Field(description="what ran it")]
    litert: Annotated[str, Field(description="ai-edge-litert, which finds the faces")]
    numpy: Annotated[str, Field(description="arrays")]
    pillow: Annotated[str, Field(description="decoding and scaling")]


@with_config(CLOSED)
class FacePicturesDocument(TypedDict):
    """A face that was judged, as JPEGs in data: addresses."""

    crop: Annotated[str, Field(description="as the network saw it")]
    evidence: Annotated[
        str | None,
        Field(description="what raised (orange) and lowered (blue) its score; null for no map"),
    ]


@with_config(CLOSED)
class PicturesDocument(TypedDict):
    """What people look at: pictures made anew, with nothing of the file's metadata."""

    picture: Annotated[str, Field(description="the photo, smaller, as a JPEG in a data: address")]
    faces: Annotated[
        list[FacePicturesDocument | None],
        Field(description="in the order of the faces; null where one was not judged, or left out"),
    ]


@with_config(CLOSED)
class RecordDocument(TypedDict):
    """A verdict that can be checked again: `detect --report FILE.json`, read by `verify`."""

    record: Annotated[Literal[1], Field(description="the version of this document")]
    made: Annotated[str, Field(description="when, in UTC (ISO 8601)")]
    report: Annotated[
        ReportDocument, Field(description="the verdict; `file` is the name without its folder")
    ]
    limits: Annotated[LimitsDocument, Field(description="settings that decide which faces count")]
    own: Annotated[OwnDocument, Field(description="the verdict at the model's own threshold")]
    error_rates: Annotated[
        ErrorRatesDocument,
        Field(
            description="how often the model was wrong at the threshold from which on this picture "
            "is called fake: the upper end of `uncertain_band`"
        ),
    ]
    versions: Annotated[VersionsDocument, Field(description="of the programs")]
    pictures: Annotated[
        PicturesDocument | None, Field(description="null in the history of the page")
    ]


@with_config(CLOSED)
class RowDocument(Judgement):
    """What one of several models says."""

    model_ms: Annotated[
        float,
        Field(ge=0, description="milliseconds of cropping and the network; faces are found once"),
    ]
    file_bytes: Annotated[
        int | None, Field(description="size of the model's file; null where that is not known")
    ]
    trained_on: Annotated[str, Field(description='as in its manifest; "" where that is not said')]
    operating_point: Annotated[
        OperatingPointDocument | None, Field(description="null where it was not measured")
    ]
    ensemble_weight: Annotated[
        float, Field(gt=0, description="what its P(fake) counts for in the ensemble")
    ]


@with_config(CLOSED)
class TitleDocument(TypedDict):
    """All that is said of a model that could not be used."""

    name: Annotated[str, Field(description="its name and version, or the name of its file")]


@with_config(CLOSED)
class FailedRowDocument(TypedDict):
    """One of several models that could not be used."""

    model: Annotated[TitleDocument, Field(description="which one")]
    error: Annotated[str, Field(description="why, in a sentence for people")]


@with_config(CLOSED)
class EnsembleDocument(TypedDict):
    """The models taken together: weighted means of theirs, face by face."""

    models: Annotated[int, Field(ge=2, description="how many took part")]
    verdict: Annotated[Verdict, Field(description="on the picture")]
    p_fake: Annotated[
        Probability | None,
        Field(description="the highest of `p_faces`; null where no face was judged"),
    ]
    p_faces: Annotated[
        list[Probability | None],
        Field(description="P(fake) of each face, the largest first; null where no model judged it"),
    ]
    threshold: Annotated[Probability, Field(description="the mean of the models' thresholds")]
    uncertain_band: Annotated[Band, Field(description="the mean of the models' bands")]
    operating_point: Annotated[
        None, Field(description="always null: how often the ensemble is wrong was not measured")
    ]


@with_config(CLOSED)
class ComparisonDocument(_Source):
    """What several models say of a picture.

    A line of `detect --json` with several `--model`, and the answer of `/compare`.
    """

    sentence: Annotated[str, Field(description="agreement or disagreement, for people")]
    models: Annotated[
        list[RowDocument | FailedRowDocument],
        Field(description="in the order that they were named; those that failed have an `error`"),
    ]
    ensemble: Annotated[
        EnsembleDocument | None, Field(description="null where fewer than two models answered")
    ]


@with_config(CLOSED)
class ErrorDocument(TypedDict):
    """A file that could not be read: a line of `detect --json`, whose exit code is then 2."""

    file: Annotated[str, Field(description="the path")]
    error: Annotated[str, Field(description="why, in a sentence for people")]


@with_config(CLOSED)
class LabelsDocument(TypedDict):
    """The answer of `/predict`, which is `deepfake.predict`'s: two numbers whose sum is 1."""

    Fake: Annotated[Probability, Field(description="P(fake): the highest of the faces")]
    Real: Annotated[Probability, Field(description="1 − P(fake)")]
