"""Labelled files → scores, through the very code that serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from deepfake import imaging
from deepfake.detector import Detector
from deepfake.errors import ImageError
from deepfake.evaluation.document import Latency
from deepfake.evaluation.robustness import Delivery, deliver
from deepfake.imaging import Picture
from deepfake.opencv import cv2
from deepfake.report import Report
from deepfake.verdict import Reason, Verdict

WORKERS = 2
LATENCY_FILES = 25
# What an odd picture can lead decoders, encoders and the face finder to; no other picture may pay.
FAULTS = (ImageError, OSError, ValueError, MemoryError, cv2.error)
NO_FACE = "no face found"


class LabelledFile(Protocol):
    """What is needed of a `datasets.samples.Sample`."""

    @property
    def path(self) -> Path:
        """The picture."""

    @property
    def label(self) -> int:
        """1 for fake, 0 for real."""

    @property
    def source(self) -> str:
        """Generator or collection."""


@dataclass(frozen=True)
class FileScore:
    """How one file was judged.

    Attributes:
        path: Path. The file.
        label: int. 1 for fake, 0 for real.
        source: str. Generator or collection.
        p_fake: float in [0, 1]; None where it was not judged.
        verdict: Verdict. On the picture.
        faces: int. How many faces were found.
        error: str. Why it was not judged; "" where it was.
        reasons: tuple of str. What weakens the verdict, as of `Report.reasons`.
    """

    path: Path
    label: int
    source: str
    p_fake: float | None
    verdict: Verdict
    faces: int
    error: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Judged:
    """The judged ones of some files, as arrays.

    Attributes:
        p_fake: float array (count,). Calibrated probabilities.
        labels: int array (count,). 1 for fake.
        sources: tuple of str. Generator or collection of each.
        reasons: tuple of tuples of str. What weakens each verdict, as of `Report.reasons`; empty
            where that is not known.
    """

    p_fake: np.ndarray
    labels: np.ndarray
    sources: tuple[str, ...]
    reasons: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, scores: Sequence[FileScore]) -> Judged:
        """Leave out what was not judged."""
        judged = [score for score in scores if score.p_fake is not None]
        return cls(
            np.array([score.p_fake for score in judged], np.float64),
            np.array([score.label for score in judged], np.int64),
            tuple(score.source for score in judged),
            tuple(score.reasons for score in judged),
        )

    @classmethod
    def joined(cls, several: Iterable[Judged]) -> Judged:
        """All of them, one after another."""
        parts = list(several)
        return cls(
            np.concatenate([part.p_fake for part in parts]),
            np.concatenate([part.labels for part in parts]),
            tuple(source for part in parts for source in part.sources),
            tuple(reasons for part in parts for reasons in part.reasons),
        )


def score(
    detector: Detector,
    files: Sequence[LabelledFile],
    deliveries: Sequence[Delivery],
    progress: Callable[[], None] = lambda: None,
) -> list[list[FileScore]]:
    """Judge files, each delivered in several ways.

    Args:
        detector: Detector. The model and its threshold.
        files: sequence of LabelledFile. Unreadable ones are listed with their error.
        deliveries: sequence of Delivery. What happens to each picture before it is judged.
        progress: callable. Called after each file.

    Returns:
        For each delivery the scores, in the order of the files.
    """

    def judge(file: LabelledFile) -> list[FileScore]:
        scores = _judge(detector, file, deliveries)
        progress()
        return scores

    with ThreadPoolExecutor(WORKERS) as pool:
        rows = list(pool.map(judge, files))
    return [[row[index] for row in rows] for index in range(len(deliveries))]


def latency(detector: Detector, files: Sequence[LabelledFile]) -> Latency | None:
    """Milliseconds a picture, one after another, from opening the file to the report.

    Args:
        detector: Detector. The model.
        files: sequence of LabelledFile. The first 25 that can be read are timed, after one that
            warms up.

    Returns:
        The figures; None where no file could be read.
    """
    reports: list[Report] = []
    for file in files:
        try:
            reports.append(detector.detect(file.path))
        except FAULTS:
            continue
        if len(reports) > LATENCY_FILES:
            break
    timed = [report.timings_ms for report in reports[1:] or reports]
    if not timed:
        return None
    return Latency(
        files=len(timed),
        median_ms=round(float(np.median([t["total"] for t in timed])), 1),
        p90_ms=round(float(np.percentile([t["total"] for t in timed], 90)), 1),
        model_median_ms=round(float(np.median([t["model"] for t in timed])), 1),
        faces_median_ms=round(float(np.median([t["faces"] for t in timed])), 1),
    )


def _judge(
    detector: Detector, file: LabelledFile, deliveries: Sequence[Delivery]
) -> list[FileScore]:
    try:
        picture = imaging.read(file.path, detector.settings)
        side = None
        if any(delivery.face_side for delivery in deliveries):
            side = _face_side(detector.detect(picture))
    except FAULTS as error:
        return [_unread(file, str(error))] * len(deliveries)
    return [_judge_delivered(detector, file, picture, one, side) for one in deliveries]


def _judge_delivered(
    detector: Detector, file: LabelledFile, picture: Picture, delivery: Delivery, side: float | None
) -> FileScore:
    try:
        return _as_score(file, detector.detect(deliver(picture, delivery, side, detector.settings)))
    except FAULTS as error:
        return _unread(file, f"The picture could not be judged as “{delivery.name}”: {error}")


def _unread(file: LabelledFile, error: str) -> FileScore:
    return FileScore(file.path, file.label, file.source, None, "not_applicable", 0, error)


def _face_side(report: Report) -> float | None:
    if not report.faces:
        return None
    left, top, right, bottom = report.faces[0].box
    return max(right - left, bottom - top, 1)


def _as_score(file: LabelledFile, report: Report) -> FileScore:
    error = ""
    if report.p_fake is None:
        error = report.sentence if report.faces else NO_FACE
    return FileScore(
        file.path, file.label, file.source, report.p_fake, report.verdict, len(report.faces), error,
        report.reasons,
    )  # fmt: skip
