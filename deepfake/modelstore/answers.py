"""What a user says of a model without a manifest. The order of labels is never guessed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from deepfake.errors import SettingError, UnknownLabelsError
from deepfake.label_words import label_of

if TYPE_CHECKING:
    from deepfake.manifest import ModelManifest
    from deepfake.modelstore.backends.protocol import Network, OutputKind
    from deepfake.modelstore.hub.convention import Convention

# (mean, std) in values of 0..255, by what the network was trained with. The last are the statistics
# of ImageNet in torchvision and timm.
SCALES: Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "0..1": ((0.0,) * 3, (255.0,) * 3),
    "-1..1": ((127.5,) * 3, (127.5,) * 3),
    "0..255": ((0.0,) * 3, (1.0,) * 3),
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
USUAL_SCALE, SCALE_OF_A_RESCALING_NETWORK = "0..1", "0..255"
FACE_CROP = 1.3
RETURNED = ("logit", "probability")
# By whether the network returns two numbers.
KINDS: tuple[tuple[OutputKind, ...], ...] = (("logit", "sigmoid"), ("logits", "softmax"))
CLASSES = ("real", "fake")
NOT_KNOWN = "not known: the model came without a manifest"
# Nobody has measured where such a model errs; this much around the threshold is too close to call.
UNMEASURED_BAND = 0.1


@dataclass(frozen=True)
class Answers:
    """What was said of a model; "" and 0 where nothing was.

    Attributes:
        positive: str. "fake" or "real": what a high number means, or the second of two.
        labels: str. Names of the outputs by index, with a comma between; of a single number, its
            low end first.
        scale: str. A name of `SCALES`.
        returns: str. "logit" or "probability": what its numbers are.
        crop: str. "face", "full", or the side of the crop as a multiple of the face box.
        size: int. Side of the input, where the file leaves it open.
        architecture: str. Name of the network, for files that hold only weights.
        real_below: float. Call a face fake where the model's confidence in “real” is below this.
    """

    positive: str = ""
    labels: str = ""
    scale: str = ""
    returns: str = ""
    crop: str = ""
    size: int = 0
    architecture: str = ""
    real_below: float | None = None

    def __post_init__(self) -> None:
        if self.positive not in ("", *CLASSES):
            raise SettingError(f"--positive is fake or real. Received: {self.positive!r}.")
        if self.positive and self.labels:
            raise SettingError("--positive and --labels say the same thing: give one of them.")
        if self.scale not in ("", *SCALES):
            raise SettingError(f"--scale is one of {', '.join(SCALES)}. Received: {self.scale!r}.")
        if self.returns not in ("", *RETURNED):
            raise SettingError(
                f"--returns is one of {', '.join(RETURNED)}. Received: {self.returns!r}."
            )
        if self.size and not 16 <= self.size <= 2048:
            raise SettingError(f"--size must be in 16..2048 pixels. Received: {self.size}.")
        if self.real_below is not None and not 0.0 <= self.real_below <= 1.0:
            raise SettingError(f"--real-below must be in 0..1. Received: {self.real_below}.")
        if self.labels:
            _order(self.labels)
        if self.crop:
            _crop(self.crop)

    @classmethod
    def of(cls, options: argparse.Namespace) -> Answers:
        """Take them from the options that `commands.options.add_answers` added.

        Raises:
            SettingError: one is not among its allowed values.
        """
        given = {field.name: getattr(options, field.name, None) for field in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value is not None})

    @property
    def says_anything(self) -> bool:
        """Whether anything was said."""
        return self != Answers()

    def over(self, earlier: Answers) -> Answers:
        """These answers, and the earlier ones where nothing is said now."""
        said = {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }
        # The two are one question.
        if "positive" in said or "labels" in said:
            said = {"positive": "", "labels": "", **said}
        return replace(earlier, **said)

    def complete(
        self,
        network: Network,
        name: str,
        files: Mapping[str, str],
        *,
        convention: Convention | None = None,
        origin: str = "",
        licence: str = "",
    ) -> ModelManifest:
        """Make the manifest of a model.

        Args:
            network: Network. What its file says of itself.
            name: str. What it is called.
            files: dict. Name of the weight file → its SHA-256.
            convention: Convention. What the repository's `config.json` says; the answers come
                first.
            origin: str. Address on the Hub, with the commit.
            licence: str. What its card says. Defaults to nothing being known.

        Returns:
            The manifest: not calibrated, and without error rates, which nobody has measured.

        Raises:
            ModelError: nobody has said which output means fake.
        """
        # The options are part of the command line, which imports nothing slow before it must.
        from deepfake.manifest import Calibration, Experts, Input, Labels, ModelManifest, Output

        order = self._label_order(convention)
        if order is None:
            problem = "" if convention is None else convention.labels_problem
            raise UnknownLabelsError(problem or _unlabelled(name, network))
        mean, std = self._scaling(network, convention)
        crop: float | Literal["full"] = FACE_CROP if convention is None else convention.crop
        threshold = 0.5 if self.real_below is None else 1.0 - self.real_below
        # A rule that was given is kept to the letter: “fake” begins where it says.
        above = UNMEASURED_BAND if self.real_below is None else 0.0
        band = (max(0.0, threshold - UNMEASURED_BAND), min(1.0, threshold + above))
        return ModelManifest(
            format=1,
            name=name,
            version=next(iter(files.values()))[:8],
            architecture=_architecture(network, convention),
            labels=Labels(order=order, fake="fake"),
            input=Input(
                size=network.size,
                crop=_crop(self.crop) if self.crop else crop,
                mean=mean,
                std=std,
                resample="bilinear" if convention is None else convention.resample,
            ),
            output=Output(
                score=network.score,
                kind=self._kind(network),
                evidence=network.evidence,
                experts=Experts(seams=network.experts[0], synthesis=network.experts[1])
                if network.experts
                else None,
            ),
            calibration=Calibration(
                temperature=1.0, bias=0.0, fitted_on="nothing: its scores are shown as they are"
            ),
            threshold=threshold,
            uncertain_band=band,
            files=dict(files),
            licence=licence or "not known: see where the model came from",
            training_data=NOT_KNOWN if convention is None else convention.training_data,
            origin=origin,
        )

    def span(
        self, manifest: ModelManifest | None, convention: Convention | None = None
    ) -> tuple[float, float] | None:
        """The lowest and the highest value that the network is given.

        Args:
            manifest: ModelManifest. Of the model, as far as it is not answered otherwise.
            convention: Convention. What the repository's `config.json` says.

        Returns:
            Both; None where nobody has said it.
        """
        if self.scale:
            mean, std = SCALES[self.scale]
        elif manifest is not None:
            mean, std = manifest.input.mean, manifest.input.std
        elif convention is not None:
            mean, std = convention.mean, convention.std
        else:
            return None
        edges = [(v - m) / s for m, s in zip(mean, std, strict=True) for v in (0.0, 255.0)]
        return min(edges), max(edges)

    def remarks(self, network: Network, convention: Convention | None = None) -> tuple[str, ...]:
        """What was taken without being told, or looks wrong, in sentences."""
        lines = []
        if network.rescaling and (self.scale or USUAL_SCALE) != SCALE_OF_A_RESCALING_NETWORK:
            if self.scale:
                lines.append(
                    f"The network scales its input itself ({network.rescaling}), and --scale "
                    f"{self.scale} does so before it. If it was trained on values of 0..255, that "
                    "is once too often: try --scale 0..255."
                )
            else:
                lines.append(
                    f"The network scales its input itself ({network.rescaling}), so it gets values "
                    "of 0..255. If that is wrong, say it with --scale."
                )
        elif not self.scale and convention is None:
            lines.append(
                "Taken without being told: values of 0..1. If the model was trained with others, "
                f"say it with --scale ({', '.join(SCALES)}); `deepfake models probe` compares them."
            )
        if network.guessed and not self.returns and convention is None:
            lines.append(
                "Taken without being told: its output is a probability, since it lay within 0 and "
                "1 for noise. If it is a logit, say --returns logit."
            )
        if not self.crop and convention is None:
            lines.append(
                f"Taken without being told: the face with a square of {FACE_CROP} × its box. If "
                "the model was trained on whole pictures, say --crop full."
            )
        return tuple(lines)

    def _label_order(self, convention: Convention | None) -> tuple[str, str] | None:
        if self.labels:
            return _order(self.labels)
        if self.positive:
            return ("real", "fake") if self.positive == "fake" else ("fake", "real")
        return None if convention is None else convention.labels

    def _kind(self, network: Network) -> OutputKind:
        if not self.returns:
            return network.kind
        kinds = KINDS[network.kind in ("logits", "softmax")]
        return kinds[RETURNED.index(self.returns)]

    def _scaling(self, network: Network, convention: Convention | None) -> Any:
        if not self.scale and convention is not None:
            return convention.mean, convention.std
        usual = SCALE_OF_A_RESCALING_NETWORK if network.rescaling else USUAL_SCALE
        return SCALES[self.scale or usual]


def _architecture(network: Network, convention: Convention | None) -> str:
    said = "unknown" if convention is None else convention.architecture
    return network.architecture if said == "unknown" else said


def _order(labels: str) -> tuple[str, str]:
    names = [name.strip() for name in labels.split(",")]
    found = [label_of(name) for name in names]
    if len(names) != 2 or set(found) != {0, 1}:
        raise SettingError(
            "--labels names the two outputs by index, one for real and one for fake, such as "
            f"fake,real. Received: {labels!r}."
        )
    return ("real", "fake") if found == [0, 1] else ("fake", "real")


def _crop(crop: str) -> float | Literal["full"]:
    if crop == "full":
        return "full"
    try:
        factor = FACE_CROP if crop == "face" else float(crop)
    except ValueError:
        factor = 0.0
    if not 0.5 <= factor <= 4.0:
        raise SettingError(f"--crop is face, full or a number in 0.5..4. Received: {crop!r}.")
    return factor


def _unlabelled(name: str, network: Network) -> str:
    what = (
        "which end of its score means fake"
        if network.kind in ("logit", "sigmoid")
        else "which of its two outputs means fake"
    )
    return (
        f"Nobody has said {what}: {name} has no manifest. Pass --positive fake or --positive real. "
        "Networks trained on folders that Keras sorted by name (“fake” before “real”) usually "
        "need --positive real; `deepfake models probe` finds out with labelled photos."
    )
