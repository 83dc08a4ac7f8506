"""`model.json`: all that is needed to use a model's weights correctly."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_serializer, model_validator

from deepfake.errors import ModelError, ModelNotFoundError
from deepfake.figures import ClipFigures, MainFigures, Part, Told
from deepfake.model_input import Input as Input  # a part of the manifest, for whoever reads it

MANIFEST_NAME = "model.json"
# A manifest is a few kilobytes; a file of another kind should not be read into memory.
MAX_MANIFEST_BYTES = 1_000_000

# Of a source or a kind of fakes: it stands in sentences and tables.
MAX_NAME, MAX_KINDS = 80, 32
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
MAX_CLASSES = 100


def _one_or_several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Labels(Part):
    """Which output means what. Never guessed.

    Attributes:
        order: The names by output index; for one sigmoid or logit, its low end, then its high end.
        fake: The names in `order` that mean fake: one name, or a list where several classes do,
            such as "print" and "replay". P(fake) is that of all of them together.
    """

    order: tuple[str, ...] = Field(min_length=2, max_length=MAX_CLASSES)
    fake: Annotated[tuple[str, ...], BeforeValidator(_one_or_several)]

    @field_serializer("fake")
    def _alone(self, fake: tuple[str, ...]) -> str | tuple[str, ...]:
        return fake[0] if len(fake) == 1 else fake

    @model_validator(mode="after")
    def _fake_is_of_them(self) -> Labels:
        order, fake = set(self.order), set(self.fake)
        if len(order) < len(self.order) or not fake or not fake < order:
            raise ValueError(
                f"'fake' must be one of different names, or several but not all, {list(self.order)}"
            )
        return self

    @property
    def high_is_fake(self) -> bool:
        """Whether the high end of a single number, or the second of two, means fake."""
        return self.order[1] in self.fake


class Experts(Part):
    """Outputs for one family of traces each, whose combination the score is.

    One logit a face, growing with "fake" whatever the order of the labels.

    Attributes:
        seams: Name of the output tensor for traces of blending: faces swapped or put together.
        synthesis: Name of that for traces of generation.
    """

    seams: str = Field(min_length=1)
    synthesis: str = Field(min_length=1)


class Output(Part):
    """What the network returns.

    Attributes:
        score: Name of the output tensor that holds the raw score; "" for the only one.
        kind: "logit" or "sigmoid" for one number, "logits" or "softmax" for one of each class.
        evidence: Name of the output tensor of the evidence map; null where there is none.
        experts: Names of the outputs of two experts; null where there are none.
        drawing: Name of the output that is above 0 where a face was drawn, painted or sculpted
            rather than photographed, so that it is not judged; null where there is none.
    """

    score: str = ""
    kind: Literal["logit", "sigmoid", "logits", "softmax"]
    evidence: str | None = None
    experts: Experts | None = None
    drawing: str | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Output:
        if self.experts is not None or self.drawing is not None:
            names = (self.score, *self.beside_score)
            if len(set(names)) < len(names):
                raise ValueError(
                    "'score', 'evidence', 'experts' and 'drawing' must name different outputs"
                )
        return self

    @property
    def beside_score(self) -> tuple[str, ...]:
        """Names of the other outputs that are used."""
        experts = self.experts
        return (
            *((self.evidence,) if self.evidence else ()),
            *((experts.seams, experts.synthesis) if experts else ()),
            *((self.drawing,) if self.drawing else ()),
        )


class Calibration(Part):
    """P(fake) = sigmoid(logit / temperature + bias) (Platt 1999; Guo et al. 2017).

    Attributes:
        temperature: Above 1 where the network is too sure of itself.
        bias: Shift after that.
        fitted_on: The data that it holds for.
    """

    temperature: float = Field(gt=0)
    bias: float
    fitted_on: str


class OperatingPoint(Part):
    """How often a verdict is wrong at a threshold.

    Attributes:
        threshold: P(fake) at and above which a face counts as fake.
        false_positive_rate: Share of real faces at or above it.
        true_positive_rate: Share of fake faces at or above it.
    """

    threshold: float = Field(ge=0, le=1)
    false_positive_rate: float = Field(ge=0, le=1)
    true_positive_rate: float = Field(ge=0, le=1)


class OperatingPoints(Part):
    """Operating points by rising threshold, and what they were measured on."""

    measured_on: str
    reals: int = Field(gt=0)
    fakes: int = Field(gt=0)
    points: tuple[OperatingPoint, ...] = Field(min_length=1)


class WorstRealSource(Part):
    """The real source that is called fake most often, of those with enough faces to tell.

    Attributes:
        name: The source.
        false_positive_rate: Share of its faces at or above the model's own threshold.
        reals: How many faces were judged.
    """

    name: Name
    false_positive_rate: float = Field(ge=0, le=1)
    reals: int = Field(gt=0)


class KindOfFakes(Part):
    """Fakes of one kind, such as "swaps" or "gan".

    Attributes:
        true_positive_rate: Share of them at or above the model's own threshold; the mean over
            sources, as in `OperatingPointsElsewhere`.
        fakes: How many faces were judged.
        sources: How many sources they are of.
    """

    true_positive_rate: float = Field(ge=0, le=1)
    fakes: int = Field(gt=0)
    sources: int = Field(gt=0)


class ErrorRates(Part):
    """How faces of one kind are judged at the model's own threshold.

    Attributes:
        false_positive_rate: Share of the real ones at or above it.
        true_positive_rate: Share of the fake ones at or above it. Both are means over sources, as
            in `OperatingPointsElsewhere`.
        reals: How many real faces were judged.
        fakes: How many fake ones.
    """

    false_positive_rate: float = Field(ge=0, le=1)
    true_positive_rate: float = Field(ge=0, le=1)
    reals: int = Field(gt=0)
    fakes: int = Field(gt=0)


class OperatingPointsElsewhere(OperatingPoints):
    """Operating points measured on sources that the training was without.

    Each rate is a mean over sources, in which a source weighs as many faces as it has, at most 20:
    the next picture comes from a source that nobody has seen, so a source with 300 faces must not
    count for fifteen with 20; and the share of one with two faces is chance, so it must not count
    for as much as one that can be measured.

    Attributes:
        real_sources: How many sources the reals are of.
        fake_sources: How many sources the fakes are of.
        worst_real_source: Of the real sources with 20 faces or more; null where there is none.
        by_kind: Kind of fakes → how many of them are caught. Kinds need not hold all fakes.
    """

    real_sources: int = Field(gt=0)
    fake_sources: int = Field(gt=0)
    worst_real_source: WorstRealSource | None = None
    by_kind: dict[Name, KindOfFakes] = Field(default_factory=dict, max_length=MAX_KINDS)

    @model_validator(mode="after")
    def _possible(self) -> OperatingPointsElsewhere:
        if self.real_sources > self.reals or self.fake_sources > self.fakes:
            raise ValueError("there cannot be more sources than faces")
        if self.worst_real_source is not None and self.worst_real_source.reals > self.reals:
            raise ValueError("'worst_real_source' cannot have more faces than there are reals")
        for kind, of in self.by_kind.items():
            if of.sources > min(of.fakes, self.fake_sources) or of.fakes > self.fakes:
                raise ValueError(f"'by_kind' has more of {kind!r} than there are fakes or sources")
        if [p.threshold for p in self.points] != sorted({p.threshold for p in self.points}):
            raise ValueError("'points' must stand by rising threshold, each once")
        return self


class Metrics(Told):
    """What was measured of the model; other entries, as older versions wrote, are kept.

    Attributes:
        measured_on: The pictures.
        litert_keras_largest_logit_difference: Between the two files of the model.
        test: Figures of the pictures as they are.
        test_web: As a web site hands them on.
        test_hard: Worse.
        test_blended: ROC-AUC by kind of forgery.
    """

    measured_on: str = ""
    litert_keras_largest_logit_difference: float | None = None
    test: MainFigures = MainFigures()
    test_web: MainFigures = MainFigures()
    test_hard: MainFigures = MainFigures()
    test_blended: dict[str, Any] = Field(default_factory=dict)


class ModelManifest(Part):
    """See the attributes of its parts.

    `title` is what people read instead of `name`. `files` maps a file's name to its SHA-256.
    `origin` is the address on the Hub that the model came from, with the commit. `ensemble_weight`
    is what its P(fake) counts for in an average with other models. `operating_points` were measured
    on the sources that it was trained with, `operating_points_elsewhere` on others: these tell what
    to expect of the next picture. `reason_error_rates` hold for faces that a reason of the Report
    weakens, such as "small"; they are of the same others. `clips` is how videos are judged; of a
    model without it that is not known.
    """

    format: Literal[1]
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    title: str = Field(default="", max_length=MAX_NAME)
    architecture: str
    labels: Labels
    input: Input
    output: Output
    calibration: Calibration
    threshold: float = Field(ge=0, le=1)
    uncertain_band: tuple[float, float]
    operating_points: OperatingPoints | None = None
    operating_points_elsewhere: OperatingPointsElsewhere | None = None
    reason_error_rates: dict[Name, ErrorRates] = Field(default_factory=dict, max_length=MAX_KINDS)
    # Left out where nothing was measured, as manifests were written before there were videos.
    clips: ClipFigures | None = Field(default=None, exclude_if=lambda clips: clips is None)
    files: dict[str, str] = Field(min_length=1)
    licence: str
    training_data: str
    origin: str = ""
    ensemble_weight: float = Field(default=1.0, gt=0)
    metrics: Metrics = Metrics()

    @field_serializer("metrics")
    def _what_was_measured(self, metrics: Metrics) -> dict[str, Any]:
        return metrics.model_dump(mode="json", exclude_unset=True)

    @model_validator(mode="after")
    def _consistent(self) -> ModelManifest:
        low, high = self.uncertain_band
        if not 0 <= low <= self.threshold <= high <= 1:
            raise ValueError("'uncertain_band' must hold the threshold and lie within 0 and 1")
        for name in self.files:
            if Path(name).name != name or name in (".", ".."):
                raise ValueError(f"'files' must name files beside the manifest, not {name!r}")
        if len(self.labels.order) != 2 and self.columns == 1:
            raise ValueError(
                f"'output.kind' {self.output.kind!r} is one number, which tells two classes apart, "
                f"but 'labels.order' names {len(self.labels.order)}"
            )
        return self

    @property
    def called(self) -> str:
        """What people read: the title, or else the name, and the version."""
        return f"{self.title or self.name} {self.version}"

    @property
    def columns(self) -> int:
        """How many numbers a face the network returns as its score."""
        return len(self.labels.order) if self.output.kind in ("logits", "softmax") else 1


def has_manifest(folder: Path) -> bool:
    """Whether a folder has a `model.json` that may be ours.

    Keras 2 and TensorFlow.js have files of the same name, with the description of a network.

    Args:
        folder: Path.
    """
    path = folder / MANIFEST_NAME
    try:
        if not path.exists() or path.stat().st_size > MAX_MANIFEST_BYTES:
            return path.exists()
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return path.exists()
    return not (isinstance(said, dict) and said.keys() & {"class_name", "modelTopology"})


def read_manifest(folder: Path) -> ModelManifest:
    """Read and check the manifest of a model folder.

    Args:
        folder: Path. The folder that holds `model.json`.

    Raises:
        ModelError: it is missing, is not JSON, or misses or contradicts something.
    """
    path = folder / MANIFEST_NAME
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ModelError(f"{path} is too large to be a manifest.", path=path)
        return ModelManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelNotFoundError(
            f"There is no readable {MANIFEST_NAME} in {folder} ({error.strerror}). A model needs "
            "its manifest: train one with `deepfake train`, or name the folder that holds it.",
            path=folder,
        ) from error
    except ValidationError as error:
        raise ModelError(
            f"The manifest {path} cannot be used: {_explain(error)}", path=path
        ) from error


def read_weights(folder: Path, manifest: ModelManifest, name: str) -> bytes:
    """Read a weight file once and compare it with the hash in the manifest.

    Args:
        folder: Path. The model's folder.
        manifest: ModelManifest. Its manifest.
        name: str. The file's name, such as "model.tflite".

    Returns:
        The file. What was checked is what runs, even if the file changes later.

    Raises:
        ModelError: the manifest does not list the file, it is missing, or its hash differs.
    """
    path = folder / name
    if name not in manifest.files:
        raise ModelError(
            f"The manifest in {folder} does not list {name}. Export the model again.", path=folder
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelNotFoundError(
            f"{path} cannot be read ({error.strerror}). Get the model again.", path=path
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != manifest.files[name].lower():
        raise ModelError(
            f"{path} is not the file that its manifest describes: its SHA-256 is {digest[:12]}…, "
            f"the manifest says {manifest.files[name][:12]}…. It was changed or damaged; "
            "get the model again.",
            path=path,
        )
    return data


def _explain(error: ValidationError) -> str:
    problems = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"])
        if place.startswith("labels") and item["type"] == "missing":
            problems.append(
                f"'{place}' is missing, so nobody can know which output means fake; "
                'add "labels": {"order": ["real", "fake"], "fake": "fake"} in the right order'
            )
        else:
            message = item["msg"].removeprefix("Value error, ")
            problems.append(f"'{place}': {message}" if place else message)
    return "; ".join(problems) + "."
