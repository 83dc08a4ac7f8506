"""What every kind of model file becomes: something that scores batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from deepfake.errors import ModelError
from deepfake.manifest import ModelManifest, Output
from deepfake.settings import Settings

OutputKind = Literal["logit", "sigmoid", "logits", "softmax"]
# What networks of `deepfake train` call their outputs; the latter two are those of experts.
LOGIT, EVIDENCE = "logit", "evidence"
SEAMS, SYNTHESIS = "seam_logit", "synthesis_logit"
# An output that only manifests name: those whose training fitted it.
DRAWING = "drawing_logit"


@dataclass(frozen=True)
class Scores:
    """What a backend returns for a batch.

    Attributes:
        raw: float32 array (count,) of logits or sigmoids, or (count, classes) of logits or a
            softmax.
        evidence: float32 array (count, rows, columns), contributions to the logit by place; None
            where the network has no such output.
        experts: float32 array (count, 2), logits of the experts for seams and for synthesis; None
            where the network has none.
        drawings: bool array (count,), whether the face was drawn rather than photographed; None
            where the network does not tell.
    """

    raw: np.ndarray
    evidence: np.ndarray | None
    experts: np.ndarray | None = None
    drawings: np.ndarray | None = None

    @classmethod
    def of(
        cls, raw: np.ndarray, batches: Sequence[Mapping[str, np.ndarray]], output: Output
    ) -> Scores:
        """Put together what a network returned for several batches.

        Args:
            raw: float32 array. As of the attribute.
            batches: sequence of dict. Name of an output → what it was for a batch.
            output: Output. The manifest's `output`.

        Raises:
            ModelError: another output than the map returned something else than one number a face.
        """

        def joined(name: str) -> np.ndarray:
            return np.concatenate([np.asarray(batch[name], np.float32) for batch in batches])

        def one_each(name: str, field: str) -> np.ndarray:
            numbers = joined(name)
            if numbers.size != len(raw):
                raise ModelError(
                    f"The manifest names the output {name!r} in {field!r}, but it is not one "
                    f"number a face: {list(numbers.shape[1:])}. Correct {field!r} in it."
                )
            require_numbers(numbers)
            return numbers.reshape(len(raw))

        experts, drawings = None, None
        if output.experts is not None:
            names = (output.experts.seams, output.experts.synthesis)
            experts = np.stack([one_each(name, "experts") for name in names], axis=1)
        if output.drawing:
            drawings = one_each(output.drawing, "drawing") > 0
        return cls(raw, joined(output.evidence) if output.evidence else None, experts, drawings)

    def of_faces(self, rows: Sequence[int]) -> Scores:
        """Those of some faces of the batch."""
        parts = (self.evidence, self.experts, self.drawings)
        return Scores(self.raw[rows], *(None if part is None else part[rows] for part in parts))


class Backend(Protocol):
    """Runs a network. Safe to share between threads."""

    @property
    def name(self) -> str:
        """What runs it, for the Report: "LiteRT", "Keras", "ONNX Runtime"."""

    def scores(self, batch: np.ndarray) -> Scores:
        """Run the network.

        Args:
            batch: float32 array (count, size, size, channels), scaled as the manifest says;
                count ≥ 1.

        Returns:
            The raw scores and, where the network has them, the evidence maps and the experts.
        """


@dataclass(frozen=True)
class Choice:
    """An output that could be the score; as `Network`, which takes it over.

    Attributes:
        name: str. Of the output tensor.
        kind: OutputKind. What it is.
        classes: int. How many classes it tells apart.
        guessed: bool. Whether `kind` was judged by what it returned for noise.
    """

    name: str
    kind: OutputKind
    classes: int = 2
    guessed: bool = False

    @classmethod
    def judged(cls, name: str, values: np.ndarray) -> Choice:
        """By what an output returned for noise: float array (count, numbers)."""
        kind = output_kind(values)
        return cls(name, kind, max(2, values.shape[1]), kind in ("sigmoid", "softmax"))

    def __str__(self) -> str:
        what = {"logit": "a logit", "sigmoid": "a number in 0..1"}
        return f"{self.name} ({what.get(self.kind) or f'{self.kind} of {self.classes}'})"


@dataclass(frozen=True)
class Network:
    """What can be read off a model file without being told.

    Attributes:
        size: int. Side of the square input in pixels.
        kind: OutputKind. What its output is: one logit or sigmoid, or logits or a softmax of
            several classes.
        score: str. Name of the output tensor; "" for the only one.
        evidence: str. Name of the output of an evidence map; None without one.
        experts: tuple of str. Names of the outputs of two experts, for seams and for synthesis;
            None without them.
        rescaling: str. A layer inside the network that scales its input, in words, such as
            "Rescaling(scale=0.00392, offset=0)"; "" without one.
        architecture: str. Its name as the file has it.
        guessed: bool. Whether `kind` was judged by what it returned for noise, and could be wrong:
            values within 0 and 1 need not be probabilities.
        channels: int. 3 for a network that takes colour, 1 for one that takes grey pictures.
        classes: int. How many classes it tells apart.
        choices: tuple of Choice. Outputs of which nobody has said which is the score; () where that
            is known, and else `kind` and the like are those of the first.
    """

    size: int
    kind: OutputKind
    score: str = ""
    evidence: str | None = None
    experts: tuple[str, str] | None = None
    rescaling: str = ""
    architecture: str = "unknown"
    guessed: bool = False
    channels: int = 3
    classes: int = 2
    choices: tuple[Choice, ...] = ()

    def choosing(self, name: str) -> Network:
        """The same with one of the choices as its score."""
        chosen = next(choice for choice in self.choices if choice.name == name)
        return replace(
            self, score=name, kind=chosen.kind, classes=chosen.classes, guessed=chosen.guessed,
            choices=(),
        )  # fmt: skip

    @property
    def columns(self) -> int:
        """How many numbers a picture it returns as its score."""
        return self.classes if self.kind in ("logits", "softmax") else 1


@dataclass(frozen=True)
class Opened:
    """A model file that was checked and read, before anything was said of its labels.

    Attributes:
        network: Network. What it says of itself.
        backend: makes the Backend for a manifest. May raise ModelError where the manifest and the
            network contradict each other.
        remarks: tuple of str. In words: what had to be changed to load it (the file itself never
            is), and why it runs slower than others.
    """

    network: Network
    backend: Callable[[ModelManifest, Settings], Backend]
    remarks: tuple[str, ...] = ()


def usual_outputs(names: Iterable[str]) -> tuple[str | None, tuple[str, str] | None] | None:
    """What the outputs of a network of `deepfake train` are.

    Args:
        names: iterable of str. Of its outputs.

    Returns:
        (name of the evidence map or None, names of the experts or None); None where there is no
        "logit", or something else besides these.
    """
    found = set(names)
    experts = found & {SEAMS, SYNTHESIS}
    if (
        LOGIT not in found
        or found - {LOGIT, EVIDENCE, SEAMS, SYNTHESIS, DRAWING}
        or len(experts) == 1
    ):
        return None
    return EVIDENCE if EVIDENCE in found else None, (SEAMS, SYNTHESIS) if experts else None


def require_numbers(raw: np.ndarray) -> None:
    """Refuse what a network returned if it is no score.

    Args:
        raw: float array of any shape.

    Raises:
        ModelError: some of it is NaN or infinite.
    """
    if not np.isfinite(raw).all():
        raise ModelError(
            "The model returned something that is no number (NaN or infinite). Its weights are "
            "damaged, or the pictures are scaled otherwise than in its training: get it again, "
            "or choose another --scale."
        )


def output_kind(outputs: np.ndarray) -> OutputKind:
    """What a network returns, judged by what it returned for noise.

    For files that do not say it (LiteRT, ONNX). Probabilities lie within 0 and 1, and those of all
    classes add up to 1.

    Args:
        outputs: float array (count, 1) or (count, classes). At least eight of them, for
            inputs of noise.
    """
    within = bool(((outputs >= 0) & (outputs <= 1)).all())
    if outputs.shape[1] == 1:
        return "sigmoid" if within else "logit"
    return "softmax" if within and np.allclose(outputs.sum(axis=1), 1, atol=1e-3) else "logits"
