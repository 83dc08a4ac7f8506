"""Report and pixels → RecordDocument: all that is needed to look at a verdict and to check it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from deepfake import jpeg
from deepfake.formatting import on_one_line, printable
from deepfake.manifest import ModelManifest, OperatingPoint, OperatingPoints
from deepfake.report import FaceReport, Report
from deepfake.settings import Settings
from deepfake.verdict import group_false_alarms, operating_point
from deepfake.version import __version__

if TYPE_CHECKING:
    from deepfake.documents import (
        ErrorRatesDocument,
        FacePicturesDocument,
        MeasuredDocument,
        OwnDocument,
        PicturesDocument,
        RatesDocument,
        RecordDocument,
        VersionsDocument,
    )


@dataclass(frozen=True)
class Detail:
    """How much of a photo a record shows.

    Attributes:
        side: int. Of the photo at most, in pixels.
        face: int. Of each face.
        faces: int. How many faces have pictures of their own.
        quality: int. Of the JPEGs.
    """

    side: int
    face: int
    faces: int
    quality: int


# A record that somebody keeps or prints: about 300 KB of pictures.
FULL = Detail(side=1280, face=224, faces=12, quality=88)


def pictures(photo: Image.Image, report: Report, detail: Detail = FULL) -> PicturesDocument:
    """What people look at: made of pixels alone, so that nothing of the file's metadata is in it.

    Args:
        photo: Image. In RGB, as it is or smaller.
        report: Report. Its faces.
        detail: Detail. How much of it. Defaults to what is kept or printed.
    """
    return {
        "picture": _jpeg(photo, detail.side, detail.quality),
        "faces": [
            _face(face, detail) if index < detail.faces else None
            for index, face in enumerate(report.faces)
        ],
    }


def record(
    report: Report,
    pictures: PicturesDocument | None,
    settings: Settings,
    made: datetime | None = None,
) -> RecordDocument:
    """Make a record.

    Args:
        report: Report. The verdict.
        pictures: PicturesDocument. As of `pictures`; None for a record without any.
        settings: Settings. The limits that it was made with.
        made: datetime. When. Defaults to now.
    """
    document = report.to_dict()
    # Where the photo lay is nobody's business.
    document["file"] = on_one_line(printable(Path(report.file).name))
    return {
        "record": 1,
        "made": (made or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds"),
        "report": document,
        "limits": {"max_faces": settings.max_faces, "min_face": settings.min_face},
        "own": own(report),
        "error_rates": error_rates(report),
        "versions": versions(),
        "pictures": pictures,
    }


def own(report: Report) -> OwnDocument:
    """What the model says by itself, wherever the threshold was moved to."""
    by_itself = report.own
    return {
        "called": report.manifest.called,
        "threshold": by_itself.threshold,
        "verdict": by_itself.verdict,
        "sentence": by_itself.sentence,
    }


def error_rates(report: Report) -> ErrorRatesDocument:
    """How often the model was wrong where this picture would be called fake, if measured."""
    manifest, threshold = report.manifest, report.called_fake_from
    point = operating_point(manifest, threshold, elsewhere=True)
    group = None
    # At 0 and 1 the threshold decides by itself.
    if point is not None and report.judged > 1 and report.threshold not in (0.0, 1.0):
        # No more digits than any processor gives alike.
        group = round(group_false_alarms(point, report.judged), 6)
    return {
        **rates_at(manifest, threshold),
        "faces": report.judged,
        "group_false_positive_rate": group,
    }


def rates_at(manifest: ModelManifest, threshold: float) -> RatesDocument:
    """How often a model was wrong on single faces at a threshold, where that was measured."""
    return {
        "elsewhere": _measured(
            manifest.operating_points_elsewhere,
            operating_point(manifest, threshold, elsewhere=True),
        ),
        "known": _measured(manifest.operating_points, operating_point(manifest, threshold)),
    }


def _measured(
    points: OperatingPoints | None, point: OperatingPoint | None
) -> MeasuredDocument | None:
    if points is None or point is None:
        return None
    return {
        "on": points.measured_on,
        "reals": points.reals,
        "fakes": points.fakes,
        "operating_point": {
            "threshold": point.threshold,
            "false_positive_rate": point.false_positive_rate,
            "true_positive_rate": point.true_positive_rate,
        },
    }


@cache
def versions() -> VersionsDocument:
    """The programs that run here."""
    return {
        "deepfake": __version__,
        "python": platform.python_version(),
        "litert": version("ai-edge-litert"),
        "numpy": version("numpy"),
        "pillow": version("pillow"),
    }


def _face(face: FaceReport, detail: Detail) -> FacePicturesDocument | None:
    if face.crop is None:
        return None
    return {
        "crop": _face_jpeg(face.crop, face, detail),
        "evidence": None if face.overlay is None else _face_jpeg(face.overlay, face, detail),
    }


def _face_jpeg(pixels: np.ndarray, face: FaceReport, detail: Detail) -> str:
    """What the network saw, in the proportions of the picture."""
    picture = Image.fromarray(pixels)
    if face.proportion != 1.0:
        # No larger than it is: a network sees no more.
        longest = max(face.proportion, 1.0)
        picture = picture.resize(
            (
                max(1, round(picture.width * face.proportion / longest)),
                max(1, round(picture.height / longest)),
            )
        )
    return _jpeg(picture, detail.face, detail.quality)


def _jpeg(picture: Image.Image, side: int, quality: int) -> str:
    """A picture, no larger than `side`, as its own address."""
    if max(picture.size) > side:
        picture = picture.copy()
        picture.thumbnail((side, side), reducing_gap=2.0)
    return jpeg.address(picture, quality)
