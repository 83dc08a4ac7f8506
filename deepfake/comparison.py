"""One picture, several models → Comparison: their verdicts side by side, and together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deepfake import verdict
from deepfake.errors import LateError, ModelError
from deepfake.imaging import Picture
from deepfake.manifest import OperatingPoint
from deepfake.report import FaceReport, Report
from deepfake.shelf import Shelf, failure_of
from deepfake.verdict import Verdict

if TYPE_CHECKING:
    from deepfake.documents import (
        ComparisonDocument,
        EnsembleDocument,
        FailedRowDocument,
        RowDocument,
    )

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# "One model …", "two models …".
SAYS: dict[Verdict, tuple[str, str]] = {
    "fake": ("calls it fake", "call it fake"),
    "real": ("calls it real", "call it real"),
    "uncertain": ("finds it too close to call", "find it too close to call"),
}
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Row:
    """What one model says.

    Attributes:
        model: str. As it was asked for.
        title: str. Its name and version.
        report: Report; None where the model failed.
        error: ModelError. Why it failed; None where it did not.
        file_bytes: int. Size of its weight file; None where that is not known.
        map_error: ModelError. Why `explain` could not work its map out; None where it could.
    """

    model: str
    title: str
    report: Report | None
    error: ModelError | None = None
    file_bytes: int | None = None
    map_error: ModelError | None = None

    @property
    def milliseconds(self) -> float | None:
        """Time of cropping and the network. Faces are found once, for all models."""
        if self.report is None:
            return None
        timings = self.report.timings_ms
        return round(timings["preprocessing"] + timings["model"], 2)

    @property
    def operating_point(self) -> OperatingPoint | None:
        """How often it was wrong when that was measured, where this picture is called fake.

        On sources that the training was without, if it was measured on any.
        """
        if self.report is None:
            return None
        manifest = self.report.manifest
        elsewhere = manifest.operating_points_elsewhere is not None
        return verdict.operating_point(manifest, self.report.called_fake_from, elsewhere=elsewhere)

    @property
    def error_rate(self) -> str:
        """The operating point in words."""
        point = self.operating_point
        if point is None:
            return NOT_MEASURED
        return (
            f"{100 * point.false_positive_rate:.1f} % of reals called fake, "
            f"{100 * point.true_positive_rate:.1f} % of fakes caught"
        )

    @property
    def face(self) -> FaceReport | None:
        """The largest face, if it was judged: its crop and evidence can be shown."""
        if self.report is None or not self.report.faces or self.report.faces[0].crop is None:
            return None
        return self.report.faces[0]

    @property
    def lacks_map(self) -> bool:
        """Whether the largest face is there, but not what the model looked at in it."""
        return self.face is not None and self.face.evidence is None

    def to_dict(self, *, public: bool = False) -> RowDocument | FailedRowDocument:
        """What goes into JSON: the Report, and what is known of the model.

        Args:
            public: bool. Whether it is for visitors of a page. Defaults to False.
        """
        if self.report is None:
            why = "" if self.error is None else self.error.public if public else str(self.error)
            return {"model": {"name": self.title}, "error": why}
        manifest, point = self.report.manifest, self.operating_point
        return {
            **self.report.judgement(),
            "model_ms": self.milliseconds or 0.0,
            "file_bytes": self.file_bytes,
            "trained_on": manifest.training_data,
            "operating_point": (
                None
                if point is None
                else {
                    "threshold": point.threshold,
                    "false_positive_rate": point.false_positive_rate,
                    "true_positive_rate": point.true_positive_rate,
                }
            ),
            "ensemble_weight": manifest.ensemble_weight,
        }


@dataclass(frozen=True)
class Ensemble:
    """The models taken together: the weighted mean of their calibrated P(fake), face by face.

    Threshold and uncertain band are the same weighted means of the models' own. So, where all
    models call a face the same, the ensemble does, too. How often it is wrong was not measured.

    Attributes:
        models: int. How many took part.
        p_faces: tuple of float or None. P(fake) of each face, the largest face first; None where
            no model judged it.
        p_fake: float. The highest of them; None where no face was judged.
        threshold: float. P(fake) from which on a face counts as fake.
        uncertain_band: tuple (low, high). Around the threshold.
        verdict: Verdict. On the picture.
    """

    models: int
    p_faces: tuple[float | None, ...]
    p_fake: float | None
    threshold: float
    uncertain_band: tuple[float, float]
    verdict: Verdict

    def to_dict(self) -> EnsembleDocument:
        """The ensemble as JSON has it."""
        return {
            "models": self.models,
            "verdict": self.verdict,
            "p_fake": self.p_fake,
            "p_faces": list(self.p_faces),
            "threshold": self.threshold,
            "uncertain_band": list(self.uncertain_band),
            # Explicitly so: nobody may take one of the models' rates for it.
            "operating_point": None,
        }


@dataclass(frozen=True)
class Comparison:
    """What several models say of one picture.

    Attributes:
        file: str. The path as it was given; "" for none.
        width: int. Of the upright picture in pixels.
        height: int. Of the upright picture in pixels.
        format: str. As in `Picture.format`.
        byte_count: int. Of the file.
        sha256: str. Of the file.
        rows: tuple of Row. In the order that the models were named.
        ensemble: Ensemble; None where fewer than two models answered.
    """

    file: str
    width: int
    height: int
    format: str
    byte_count: int
    sha256: str
    rows: tuple[Row, ...]
    ensemble: Ensemble | None

    @property
    def answered(self) -> tuple[Report, ...]:
        """The Reports of the models that did not fail."""
        return tuple(row.report for row in self.rows if row.report is not None)

    @property
    def sentence(self) -> str:
        """Agreement or disagreement in words."""
        said: dict[Verdict, list[str]] = {"fake": [], "real": [], "uncertain": []}
        for row in self.rows:
            if row.report is not None and row.report.verdict in said:
                said[row.report.verdict].append(row.title)
        return _agreement(said, self.answered)

    def to_dict(self, *, public: bool = False) -> ComparisonDocument:
        """The Comparison as JSON has it.

        Args:
            public: bool. Whether it is for visitors of a page. Defaults to False.
        """
        return {
            "file": self.file,
            "picture": {
                "format": self.format,
                "width": self.width,
                "height": self.height,
                "bytes": self.byte_count,
                "sha256": self.sha256,
            },
            "sentence": self.sentence,
            "models": [row.to_dict(public=public) for row in self.rows],
            "ensemble": None if self.ensemble is None else self.ensemble.to_dict(),
        }


def compare(
    picture: Picture,
    names: Sequence[str],
    shelf: Shelf,
    *,
    threshold: float | None = None,
    file: str = "",
    progress: Callable[[int, str], None] = lambda _done, _title: None,
) -> Comparison:
    """Judge a picture with several models.

    Its faces are found once, and are the same for all.

    Args:
        picture: Picture. The picture.
        names: sequence of str. Models, as `Shelf.detector` takes them.
        shelf: Shelf. Loads them; no more are in memory at a time than it keeps.
        threshold: float. P(fake) that all verdicts are made at. Defaults to each model's own.
        file: str. What the Reports call the picture.
        progress: called with the number of models that are done and the title of the next.

    Returns:
        The Comparison. A model that fails has its sentence in its row.

    Raises:
        LateError: time is over (`deadline`).
        SettingError: the threshold is out of range.
    """
    if threshold is not None:
        verdict.check_threshold(threshold)
    found = shelf.faces.detect(picture)
    rows = []
    for done, name in enumerate(names):
        progress(done, shelf.title(name))
        try:
            detector = shelf.detector(name)
            report = detector.detect(picture, file=file, found=found)
        except LateError:
            raise
        except Exception as error:  # see failure_of: the other models still answer
            rows.append(Row(name, shelf.title(name), None, failure_of(name, error)))
            continue
        if threshold is not None:
            report = report.at(threshold)
        size = detector.model.bytes or None
        rows.append(Row(name, shelf.title(name), report, file_bytes=size))
    reports = [row.report for row in rows if row.report is not None]
    return Comparison(
        file=file,
        width=picture.width,
        height=picture.height,
        format=picture.format,
        byte_count=picture.byte_count,
        sha256=picture.sha256,
        rows=tuple(rows),
        ensemble=combine(reports) if len(reports) > 1 else None,
    )


def explain(
    comparison: Comparison,
    shelf: Shelf,
    *,
    progress: Callable[[int, str], None] = lambda _done, _title: None,
) -> Comparison:
    """Work out what the models without a built-in map looked at in the largest face.

    Args:
        comparison: Comparison. From `compare`.
        shelf: Shelf. The one that was compared with.
        progress: called with the number of maps that are done and the title of the next model.

    Returns:
        The Comparison with the maps. A model that fails has its sentence in its row's `map_error`.
    """
    rows: list[Row] = []
    done = 0
    for row in comparison.rows:
        if row.lacks_map:
            progress(done, row.title)
            done += 1
        rows.append(_explained(row, shelf))
    return replace(comparison, rows=tuple(rows))


def _explained(row: Row, shelf: Shelf) -> Row:
    report, face = row.report, row.face
    if report is None or face is None or face.evidence is not None:
        return row
    try:
        looked_at = shelf.detector(row.model).explain(face)
    except LateError:
        raise
    except Exception as error:  # see failure_of: the other maps still appear
        return replace(row, map_error=failure_of(row.model, error))
    faces = (replace(face, evidence=looked_at), *report.faces[1:])
    return replace(row, report=replace(report, faces=faces), map_error=None)


def combine(reports: Sequence[Report]) -> Ensemble:
    """Take the Reports of several models on one picture together.

    Args:
        reports: sequence of Report. Of the same faces in the same order; at least one.
    """
    weights = [report.manifest.ensemble_weight for report in reports]
    p_faces = tuple(
        _mean([face.p_fake for face in faces], weights)
        for faces in zip(*(report.faces for report in reports), strict=True)
    )
    p_fake = max((p for p in p_faces if p is not None), default=None)
    threshold = _weighted([report.threshold for report in reports], weights)
    low = _weighted([report.uncertain_band[0] for report in reports], weights)
    high = _weighted([report.uncertain_band[1] for report in reports], weights)
    return Ensemble(
        models=len(reports),
        p_faces=p_faces,
        p_fake=p_fake,
        threshold=threshold,
        uncertain_band=(low, high),
        verdict=verdict.decide(p_fake, threshold, (low, high)),
    )


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    known = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None]
    return _weighted([v for v, _ in known], [w for _, w in known]) if known else None


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    total = sum(value * weight for value, weight in zip(values, weights, strict=True))
    # Rounding must not push the mean of equal values beyond them, and so across a threshold.
    return min(max(total / sum(weights), min(values)), max(values))


def _agreement(said: dict[Verdict, list[str]], answered: Sequence[Report]) -> str:
    judged = sum(len(titles) for titles in said.values())
    if not answered:
        return "None of the models could be used; each row says why."
    if not judged:
        return f"{answered[0].sentence}, so there is nothing to compare."
    given = [(word, titles) for word, titles in said.items() if titles]
    if judged == 1:
        return f"Only one model judged the picture: it {SAYS[given[0][0]][0]}."
    if len(given) == 1:
        all_of_them = "Both" if judged == 2 else f"All {_number(judged)}"
        return f"{all_of_them} models {SAYS[given[0][0]][1]}."
    most, titles = max(given, key=lambda item: len(item[1]))
    head = f"{_number(len(titles)).capitalize()} of {_number(judged)} models {_says(titles, most)}"
    scores = [report.p_fake for report in answered if report.p_fake is not None]
    lowest, highest = verdict.percent(min(scores)), verdict.percent(max(scores))
    # Models may score alike and differ in their thresholds.
    spread = "" if lowest == highest else f" Their scores go from {lowest} to {highest}."
    if said["fake"] and said["real"]:
        each = "; ".join(f"{_list(titles)} {_says(titles, word)}" for word, titles in given)
        return f"{head}. They disagree: {each}.{spread}"
    other, rest = next(item for item in given if item[0] != most)
    return f"{head}; {_list(rest)} {_says(rest, other)}.{spread}"


def _says(titles: Sequence[str], word: Verdict) -> str:
    return SAYS[word][min(len(titles), 2) - 1]


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _list(titles: Sequence[str]) -> str:
    return " and ".join([*([", ".join(titles[:-1])] if len(titles) > 1 else []), titles[-1]])
