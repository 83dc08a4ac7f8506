"""What is measured of a model: its figures, each with its label and format, and their tables.

The report, the terminal, the page, the model card and the README show figures by going through the
tables below. A new figure is a field of `Figures` (None by default: older reports lack it), its
place in these tables, and its computation in `evaluation.metrics`; one that `model.json` repeats is
a field of `MainFigures` besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from deepfake.formatting import interval, number, percent

# Of an interval's field: "roc_auc_95" holds the 95 % interval of "roc_auc".
INTERVAL = "_95"

Interval = tuple[float, float]
# Of clips.
MAX_KIND, MAX_CLIP_KINDS = 80, 32


class Part(BaseModel):
    """Of what is read from and written to JSON: it knows its fields and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Told(BaseModel):
    """What only informs, so that nothing in it is a reason to refuse the rest.

    An entry that is not as its field says counts as missing, and is written again as it was read.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    _unusable: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_aside(cls, given: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(given)
        except ValidationError as error:
            if not isinstance(given, dict):
                raise
            aside = {item["loc"][0] for item in error.errors()}
        told = validate({name: value for name, value in given.items() if name not in aside})
        told._unusable.update({name: given[name] for name in given if name in aside})
        return told

    @model_serializer(mode="wrap")
    def _as_it_was_read(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**serialize(self), **self._unusable}


@dataclass(frozen=True)
class Shown:
    """How people see a figure.

    Attributes:
        label: str. What it is called.
        format: callable. Figure or None → text.
        short: str. What it is called where there is little room; "" for the same.
    """

    label: str
    format: Callable[[float | None], str]
    short: str = ""


Area = Annotated[float | None, Shown("ROC-AUC", number)]
FalsePositives = Annotated[float | None, Shown("reals called fake", percent)]
TruePositives = Annotated[float | None, Shown("fakes caught", percent)]
Accuracy = Annotated[float | None, Shown("accuracy", percent)]
BalancedAccuracy = Annotated[float | None, Shown("balanced accuracy", percent, "balanced")]


class SampleFigures(Part):
    """The few figures that a small sample can bear; see `Figures`."""

    reals: int
    fakes: int
    roc_auc: Area
    false_positive_rate: FalsePositives
    true_positive_rate: TruePositives
    accuracy: Accuracy
    balanced_accuracy: BalancedAccuracy


class VerdictCounts(Part):
    """How many faces were called what."""

    real: int
    uncertain: int
    fake: int


class Confusion(Part):
    """The verdicts on real and on fake faces."""

    real: VerdictCounts
    fake: VerdictCounts


class ThresholdCounts(Part):
    """How many faces lie below the threshold ("real") and at or above it ("fake")."""

    real: int
    fake: int


class ThresholdConfusion(Part):
    """The same of real and of fake faces."""

    real: ThresholdCounts
    fake: ThresholdCounts


class Figures(Part):
    """All figures of one set; None where a class that they need is missing.

    Attributes:
        reals: Real faces that were judged.
        fakes: Fake faces that were judged.
        roc_auc: Chance that a random fake scores higher than a random real.
        average_precision: Area under precision and recall.
        equal_error_rate: Error where as many reals are called fake as fakes real, by share.
        true_positive_rate_at_1_percent: Fakes caught where 1 % of the reals may be called fake;
            None also of too few reals.
        true_positive_rate_at_5_percent: The same of 5 %.
        false_positive_rate: Share of reals at or above the threshold.
        true_positive_rate: Share of fakes at or above the threshold.
        accuracy: Share judged rightly by the threshold.
        balanced_accuracy: The mean of both classes' shares.
        confusion: Verdicts, with the uncertain band.
        confusion_at_threshold: Counts without it.
        brier: Mean squared error of P(fake).
        ece: Expected calibration error of the set as it is mixed.
        ece_equal_classes: The same with both classes weighing the same.
        equal_error_threshold: The score with the equal error rate.
    """

    reals: int
    fakes: int
    roc_auc: Area
    roc_auc_95: Interval | None
    average_precision: Annotated[float | None, Shown("average precision", number)]
    equal_error_rate: Annotated[float | None, Shown("equal error rate", percent)]
    true_positive_rate_at_1_percent: Annotated[
        float | None, Shown("fakes caught at 1 % false positives", percent)
    ]
    true_positive_rate_at_5_percent: Annotated[
        float | None, Shown("fakes caught at 5 % false positives", percent, "at 5 %")
    ]
    false_positive_rate: FalsePositives
    true_positive_rate: TruePositives
    accuracy: Accuracy
    balanced_accuracy: BalancedAccuracy
    false_positive_rate_95: Interval | None
    true_positive_rate_95: Interval | None
    confusion: Confusion
    confusion_at_threshold: ThresholdConfusion
    brier: Annotated[float | None, Shown("Brier score", number, "Brier")]
    ece: Annotated[float | None, Shown("ECE", number)]
    ece_equal_classes: Annotated[float | None, Shown("ECE, equal classes", number)]
    equal_error_threshold: Annotated[
        float | None, Shown("errors are equal at", partial(number, digits=2))
    ]


class MainFigures(Told):
    """The figures that `model.json` repeats; older ones have fewer, others' may have more."""

    reals: int = 0
    fakes: int = 0
    roc_auc: float | None = None
    roc_auc_95: Interval | None = None
    average_precision: float | None = None
    equal_error_rate: float | None = None
    balanced_accuracy: float | None = None
    false_positive_rate: float | None = None
    true_positive_rate: float | None = None
    ece: float | None = None
    ece_equal_classes: float | None = None
    brier: float | None = None

    @classmethod
    def of(cls, figures: Figures) -> MainFigures:
        """Those of a report's figures."""
        return cls(**{name: getattr(figures, name) for name in cls.model_fields})


@dataclass(frozen=True)
class Column:
    """A figure's place in a table, or its line.

    Attributes:
        name: str. Its field.
        shown: Shown. Its label and format.
        interval: bool. Whether its 95 % interval stands beside it.
    """

    name: str
    shown: Shown
    interval: bool

    @property
    def label(self) -> str:
        """What it is called."""
        return self.shown.label

    @property
    def short(self) -> str:
        """What it is called where there is little room."""
        return self.shown.short or self.shown.label

    def value(self, figures: Figures | SampleFigures) -> float | None:
        """The figure."""
        value: float | None = getattr(figures, self.name)
        return value

    def said(self, figures: Figures | SampleFigures) -> str:
        """The figure for people: "2.4 %"."""
        return self.shown.format(self.value(figures))

    def edges(self, figures: Figures | SampleFigures) -> str:
        """Its interval for people: " (1.6–3.6 %)"; "" where it is not asked for."""
        if not self.interval:
            return ""
        edges = getattr(figures, self.name + INTERVAL)
        return interval(edges, shares=self.shown.format is percent)

    def text(self, figures: Figures | SampleFigures) -> str:
        """Both: "2.4 % (1.6–3.6 %)"."""
        return self.said(figures) + self.edges(figures)


def _columns(*names: str) -> tuple[Column, ...]:
    """Columns by their fields; that of an interval stands for the figure with its interval."""
    return tuple(
        Column(figure, _shown(figure), figure != name)
        for name, figure in ((name, name.removesuffix(INTERVAL)) for name in names)
    )


def _shown(name: str) -> Shown:
    metadata: list[Any] = Figures.model_fields[name].metadata
    (shown,) = (one for one in metadata if isinstance(one, Shown))
    return shown


# Whatever knows no threshold, what is measured at the threshold, and what P(fake) is worth.
RANKING = _columns(
    "roc_auc_95", "average_precision", "equal_error_rate", "true_positive_rate_at_1_percent",
    "true_positive_rate_at_5_percent",
)  # fmt: skip
RATES = _columns("false_positive_rate_95", "true_positive_rate_95")
AT_THRESHOLD = (*RATES, *_columns("accuracy", "balanced_accuracy"))
CALIBRATION = _columns("ece", "brier")
CALIBRATION_IN_FULL = _columns("ece", "ece_equal_classes", "brier")
# One line of a terminal.
LINE = _columns("roc_auc_95", "average_precision", "equal_error_rate", "ece", "brier")
# Edited and damaged pictures: a row each.
ROW = _columns("roc_auc", "false_positive_rate", "true_positive_rate", "balanced_accuracy")
ROW_WITH_INTERVAL = _columns(
    "roc_auc_95", "false_positive_rate", "true_positive_rate", "balanced_accuracy"
)
CARD_ROW = (*ROW_WITH_INTERVAL, *_columns("ece"))
# The robustness grid.
GRID = _columns("roc_auc", "balanced_accuracy")
# Several sets at one threshold.
POOLED = (*ROW, *_columns("equal_error_threshold"))
POOLED_LINE = _columns(
    "roc_auc", "false_positive_rate", "true_positive_rate", "equal_error_threshold"
)
# What the Hub shows beside a model.
HUB = _columns("roc_auc", "balanced_accuracy", "ece")


class ClipRates(Part):
    """How clips are judged.

    Attributes:
        kind: What they are, such as "CRF 23"; "" for all.
        reals: How many real ones were judged.
        fakes: How many fake ones.
        roc_auc: Of the highest P(fake) of a clip's people; of clips in which a face was judged.
        reals_called_fake: How many real ones got the verdict "fake".
        fakes_caught: How many fake ones did.
        fakes_called_real: How many fake ones got the verdict "real".
    """

    kind: str = Field(default="", max_length=MAX_KIND)
    reals: int = Field(gt=0)
    fakes: int = Field(gt=0)
    roc_auc: float = Field(ge=0, le=1)
    reals_called_fake: int = Field(ge=0)
    fakes_caught: int = Field(ge=0)
    fakes_called_real: int = Field(ge=0)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.reals_called_fake > self.reals or (
            self.fakes_caught + self.fakes_called_real > self.fakes
        ):
            raise ValueError("there cannot be more verdicts than clips")
        return self


class ClipFigures(Part):
    """What was measured of verdicts on videos, at the model's own threshold.

    Attributes:
        measured_on: The clips, and how the networks that judged them knew their sources.
        aggregation: How the frames of a person were put together; for others nothing is known.
        temperature: Of the calibration of the people's logits, as of the faces'.
        bias: Likewise.
        all: All clips.
        by_kind: The same by kind.
    """

    measured_on: str
    aggregation: str
    temperature: float = Field(gt=0)
    bias: float
    all: ClipRates
    by_kind: tuple[ClipRates, ...] = Field(default=(), max_length=MAX_CLIP_KINDS)
