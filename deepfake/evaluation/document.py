"""What `report.json` holds."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator

from deepfake.figures import Figures, Interval, Part, SampleFigures
from deepfake.formatting import printable

FORMAT: Final = 1

# Names of files and sources, and the answers of somebody: any file and terminal takes them.
Text = Annotated[str, BeforeValidator(printable)]


class SetDescription(Part):
    """A set that was judged.

    Attributes:
        name: Different for each.
        note: Which files they are.
        labels: How its folders were understood; "" where that is not said, as in older reports.
        files: How many there are.
    """

    name: Text
    note: Text
    labels: Text = ""
    files: int


class Latency(Part):
    """Milliseconds a picture, one after another, from opening the file to the report."""

    files: int
    median_ms: float
    p90_ms: float
    model_median_ms: float
    faces_median_ms: float


class NotJudged(Part):
    """How many files were not judged, and why: `Reason` of the largest face, if there is one.

    Reports of before 2.2 knew three of the ways and counted all faces as too small.
    """

    no_face: int
    too_small: int
    too_large: int = 0
    too_dark: int = 0
    too_bright: int = 0
    drawing: int = 0
    unreadable: int

    @property
    def total(self) -> int:
        """For any reason."""
        return sum(count for _, count in self)

    @property
    def told(self) -> str:
        """The ways that occurred, for people."""
        said = {
            "no_face": "without a face that was found",
            "too_small": "too small",
            "too_large": "too large",
            "too_dark": "too dark",
            "too_bright": "too bright",
            "drawing": "drawn, painted or sculpted, as it seems",
            "unreadable": "unreadable",
        }
        return ", ".join(f"{count} {said[way]}" for way, count in self if count)


class NotJudgedFile(Part):
    """A file that was not judged; its path lies within the set."""

    path: Text
    error: Text


class SourceFigures(Part):
    """How one source was judged.

    Attributes:
        source: Generator or collection.
        label: Which of them it is.
        count: Faces that were judged.
        real: How many of them were called real.
        uncertain: How many neither.
        fake: How many were called fake.
        at_or_above_threshold: Share of them.
        at_or_above_threshold_95: Its Wilson interval.
        roc_auc: Of fakes, against all reals.
    """

    source: Text
    label: Literal["real", "fake"]
    count: int
    real: int
    uncertain: int
    fake: int
    at_or_above_threshold: float
    at_or_above_threshold_95: Interval | None
    roc_auc: float | None


class BlendFigures(SourceFigures):
    """How one kind of forgery was judged, against the `reals` that it was made from."""

    reals: int
    roc_auc_95: Interval


class LeftOut(Part):
    """How a family of sources was judged that the training was without.

    Attributes:
        network: "this" if the network of the report is the one that was trained without it.
        held_out: The family.
        kind: "generator" or "real_source".
        count: Faces that were judged.
        note: What else was left out.
        auc: Of fakes, against reals that were not left out.
        auc_95: Its interval.
        caught: Share of fakes at or above the threshold.
        false_positive_rate: Share of reals there.
        false_positive_rate_95: Its interval.
    """

    # Older reports do not say: theirs are of others.
    network: Literal["this", "other"] = "other"
    held_out: Text
    kind: str
    count: int
    note: Text = ""
    auc: float | None = None
    auc_95: Interval | None = None
    caught: float | None = None
    false_positive_rate: float | None = None
    false_positive_rate_95: Interval | None = None


class Named(Part):
    """What has a name."""

    name: Text


class Damage(Part):
    """See `robustness.Delivery`."""

    longer_side: int | None
    face_side: int | None
    blur: float
    jpeg_quality: int | None


class Editing(Named):
    """See `edits.Edit`."""

    brightness: float
    contrast: float
    saturation: float
    clarity: float


# In JSON the fields of the last base come first.
class TierFigures(Damage, Named):
    """All files, damaged in one way."""

    figures: Figures
    not_judged: NotJudged


class CellFigures(SampleFigures, Damage):
    """A sample, damaged in one way of the robustness grid."""

    not_judged: int


class EditFigures(SampleFigures, Editing):
    """A sample, edited in one way."""

    not_judged: int


class SetFigures(Part):
    """One model on one set; `grid` and `edits` are empty where not asked for."""

    name: Text
    figures: Figures
    not_judged: NotJudged
    not_judged_files: tuple[NotJudgedFile, ...]
    sources: tuple[SourceFigures, ...]
    tiers: tuple[TierFigures, ...]
    grid: tuple[CellFigures, ...]
    # Older reports have none.
    edits: tuple[EditFigures, ...] = ()


class ModelFigures(Part):
    """One model on all sets; `pooled` takes several for one."""

    name: Text
    version: Text
    sha256: str
    architecture: Text
    calibrated_on: Text
    threshold: float
    uncertain_band: tuple[float, float]
    latency: Latency | None
    sets: tuple[SetFigures, ...]
    pooled: Figures | None

    def rows(self) -> tuple[tuple[str, Figures], ...]:
        """Each set's name and figures, and those of all together where there are several."""
        sets = tuple((one.name, one.figures) for one in self.sets)
        return (*sets, ("all together", self.pooled)) if self.pooled else sets


class ThresholdReached(Part):
    """What the threshold does to the faces it was chosen on; see `calibration.Decision`."""

    false_positive_rate: float
    worst_source: Text
    worst_source_false_positive_rate: float
    within_limits: bool


class CardText(Part):
    """What the model card has to say and nobody can measure.

    Attributes:
        command: How to make the model again.
        data: Markdown on the data sets and their licences.
        failures: Markdown list of failures that were measured by other means than the report's.
    """

    command: Text = ""
    data: Text = ""
    failures: Text = ""


class Drawing(Part):
    """A figure that was drawn: a file beside the report."""

    title: Text
    file: str


class EvaluationReport(Part):
    """Everything that was measured.

    What a training adds is not there after `deepfake evaluate`.

    Attributes:
        warning: Says that a label order looks swapped; it is in the first line of the file.
        format: 1.
        deepfake: The version that measured.
        sets: What was judged.
        models: Who judged, and how well.
        blends: Forgeries made for the test, by kind.
        protocols: What was left out of trainings.
        measured_on: Of a training: which pictures the sets are.
        threshold_rule: How the threshold was chosen.
        threshold_reached: What it does where it was chosen.
        card: Texts for the model card.
        figures: What was drawn.
    """

    warning: Text | None
    format: Literal[1]
    deepfake: str
    sets: tuple[SetDescription, ...]
    models: tuple[ModelFigures, ...]
    blends: tuple[BlendFigures, ...]
    protocols: tuple[LeftOut, ...]
    measured_on: Text = ""
    threshold_rule: str = ""
    threshold_reached: ThresholdReached | None = None
    card: CardText = CardText()
    figures: tuple[Drawing, ...] = ()

    def with_entries(self, **entries: Any) -> EvaluationReport:
        """The same with entries added or replaced; they are checked, as `model_copy` does not."""
        known = {name: getattr(self, name) for name in self.model_fields_set}
        return EvaluationReport(**{**known, **entries})

    def as_json(self, indent: int | None = None) -> str:
        """What was set, as JSON in the order above.

        Args:
            indent: int. Spaces a level; None for one line.
        """
        said = self.model_dump(mode="json", exclude_unset=True)
        return json.dumps(said, indent=indent, ensure_ascii=False)
