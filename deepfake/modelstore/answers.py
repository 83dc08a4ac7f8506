"""What a user says of a model without a manifest. The order of labels is never guessed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from deepfake.errors import SettingError, UnansweredError, UnknownLabelsError
from deepfake.modelstore.classes import (
    REAL_AND_FAKE,
    Classes,
    by_choice,
    by_words,
    check_names,
    numbered,
    shown,
    split,
    unlabelled,
)
from deepfake.modelstore.preparation import (
    CAFFE,
    CHANNELS,
    FACE_CROP,
    RECIPES,
    RESAMPLES,
    SCALE_OF_A_RESCALING_NETWORK,
    SCALES,
    USUAL_SCALE,
    crop_of,
    prepare,
    resize_of,
)

if TYPE_CHECKING:
    from deepfake.manifest import Input, ModelManifest
    from deepfake.modelstore.backends.protocol import Network, OutputKind
    from deepfake.modelstore.hub.convention import Convention

RETURNED = ("logit", "probability")
# By whether the network returns a number for each class.
KINDS: tuple[tuple[OutputKind, ...], ...] = (("logit", "sigmoid"), ("logits", "softmax"))
CLASSES = REAL_AND_FAKE
PREPARING = ("scale", "crop", "resize", "resample", "channels")
NOT_KNOWN = "not known: the model came without a manifest"
# Nobody has measured where such a model errs; this much around the threshold is too close to call.
UNMEASURED_BAND = 0.1


@dataclass(frozen=True)
class Answers:
    """What was said of a model; "" and 0 where nothing was.

    Attributes:
        positive: str. "fake" or "real": what a high number means, or the second of two; or the
            classes that mean fake, by name or index, with commas between.
        labels: str. Names of the outputs by index, with commas between; of a single number, its
            low end first.
        recipe: str. A name of `RECIPES`, which says how pictures are prepared where nothing else
            is said.
        scale: str. A name of `SCALES`.
        returns: str. "logit" or "probability": what its numbers are.
        crop: str. "face", "full", or the side of the crop as a multiple of the face box.
        resize: str. One of `RESIZES`, the first two with ":N" behind them where the picture is
            scaled to N pixels before the middle is cut out.
        resample: str. One of `RESAMPLES`.
        channels: str. One of `CHANNELS`.
        score: str. Name of the output that is the score, where the file has several.
        size: int. Side of the input, where the file leaves it open.
        architecture: str. Name of the network, for files that hold only weights.
        real_below: float. Call a face fake where the model's confidence in “real” is below this.
    """

    positive: str = ""
    labels: str = ""
    recipe: str = ""
    scale: str = ""
    returns: str = ""
    crop: str = ""
    resize: str = ""
    resample: str = ""
    channels: str = ""
    score: str = ""
    size: int = 0
    architecture: str = ""
    real_below: float | None = None

    def __post_init__(self) -> None:
        known = {
            "recipe": RECIPES, "scale": SCALES, "returns": RETURNED, "resample": RESAMPLES,
            "channels": CHANNELS,
        }  # fmt: skip
        for name, allowed in known.items():
            value = getattr(self, name)
            if value and value not in allowed:
                raise SettingError(f"--{name} is one of {', '.join(allowed)}. Received: {value!r}.")
        if self.positive in CLASSES and len(split(self.labels)) == 2:
            raise SettingError("--positive and --labels say the same thing: give one of them.")
        if self.size and not 16 <= self.size <= 2048:
            raise SettingError(f"--size must be in 16..2048 pixels. Received: {self.size}.")
        if self.real_below is not None and not 0.0 <= self.real_below <= 1.0:
            raise SettingError(f"--real-below must be in 0..1. Received: {self.real_below}.")
        if self.labels:
            check_names(self.labels, self.positive)
        elif self.positive and not all(map(str.strip, self.positive.split(","))):
            raise SettingError(f"--positive is fake, real or names. Received: {self.positive!r}.")
        if self.crop:
            crop_of(self.crop)
        if self.resize:
            resize_of(self.resize)
        if self.resize == "none" and self.crop not in ("", "full"):
            raise SettingError(
                "--resize none is for whole pictures (--crop full): a face is always scaled."
            )
        preparing = self.preparing
        if preparing["scale"] == "imagenet" and preparing["channels"] == "grey":
            raise SettingError(
                "--scale imagenet has a mean for each of three channels. For a network of one, "
                "choose another --scale. Received: --channels grey."
            )
        if preparing["scale"] == CAFFE and preparing["channels"] not in ("", "bgr"):
            raise SettingError(
                "--scale caffe takes its means off BGR. Leave --channels out, or choose another "
                f"--scale. Received: --channels {self.channels}."
            )

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

    def as_options(self, *left_out: str) -> tuple[str, ...]:
        """What was said, as it is said on a command line.

        Args:
            left_out: str. Names of fields that are not wanted.
        """
        said: list[str] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default and field.name not in left_out:
                said += [f"--{field.name.replace('_', '-')}", str(value)]
        return tuple(said)

    def over(self, earlier: Answers) -> Answers:
        """These answers, and the earlier ones where nothing is said now."""
        said = {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }
        # Which classes mean fake may be said of names that were said before; else the two are one
        # question.
        if "labels" in said or said.get("positive") in CLASSES:
            said = {"positive": "", "labels": "", **said}
        # A recipe is another whole.
        if "recipe" in said:
            said = {**dict.fromkeys(PREPARING, ""), **said}
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
            ModelError: nobody has said which output means fake, or how pictures are prepared
                where the repository says it in a way that is not known.
            SettingError: what was said does not go together, or not with the network.
        """
        # The options are part of the command line, which imports nothing slow before it must.
        from deepfake.manifest import Calibration, Experts, Labels, ModelManifest, Output

        network = self.of_output(network, name)
        classes = self._classes(network, convention, name)
        given = self._given(convention)
        if convention is not None and convention.problem and not self._says_preparation:
            raise UnansweredError(convention.problem)
        spec = prepare(network, given, **self.preparing)
        threshold = 0.5 if self.real_below is None else 1.0 - self.real_below
        # A rule that was given is kept to the letter: “fake” begins where it says.
        above = UNMEASURED_BAND if self.real_below is None else 0.0
        band = (max(0.0, threshold - UNMEASURED_BAND), min(1.0, threshold + above))
        return ModelManifest(
            format=1,
            name=name,
            version=next(iter(files.values()))[:8],
            architecture=_architecture(network, convention),
            labels=Labels(order=classes.order, fake=classes.fake),
            input=spec,
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
            training_data=NOT_KNOWN if convention is None else convention.training_data(spec.crop),
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
        scale, given = self.preparing["scale"], self._given(convention)
        if scale:
            mean, std = SCALES[scale]
        elif manifest is not None:
            mean, std = manifest.input.mean, manifest.input.std
        elif given is not None:
            mean, std = given.mean, given.std
        else:
            return None
        edges = [(v - m) / s for m, s in zip(mean, std, strict=True) for v in (0.0, 255.0)]
        return min(edges), max(edges)

    def remarks(self, network: Network, convention: Convention | None = None) -> tuple[str, ...]:
        """What was taken without being told, or looks wrong, in sentences."""
        network = self.of_output(network, "The model")
        scale, crop, resize = (self.preparing[name] for name in ("scale", "crop", "resize"))
        prepared = self._given(convention) is not None
        lines = []
        if network.rescaling and (scale or USUAL_SCALE) != SCALE_OF_A_RESCALING_NETWORK:
            if scale:
                said = f"--scale {self.scale}" if self.scale else f"--recipe {self.recipe}"
                lines.append(
                    f"The network scales its input itself ({network.rescaling}), and {said} "
                    "does so before it. If it was trained on values of 0..255, that "
                    "is once too often: try --scale 0..255."
                )
            else:
                lines.append(
                    f"The network scales its input itself ({network.rescaling}), so it gets values "
                    "of 0..255. If that is wrong, say it with --scale."
                )
        elif not scale and not prepared:
            lines.append(
                "Taken without being told: values of 0..1. If the model was trained with others, "
                f"say it with --scale ({', '.join(SCALES)}); `deepfake models probe` compares them."
            )
        if network.guessed and not self.returns and not prepared:
            lines.append(
                "Taken without being told: its output is a probability, since it lay within 0 and "
                "1 for noise. If it is a logit, say --returns logit."
            )
        if not crop and not resize and not prepared:
            lines.append(
                f"Taken without being told: the face with a square of {FACE_CROP} × its box. If "
                "the model was trained on whole pictures, say --crop full, with --resize squash "
                "if they were resized to a square whatever their shape."
            )
        elif crop == "full" and not resize and not prepared:
            lines.append(
                "Taken without being told: the middle of pictures that are not square. If they "
                "were resized to a square whatever their shape, as Keras's load_img(target_size) "
                "and cv2.resize do, say --resize squash."
            )
        if convention is not None and not self.recipe and convention.remark:
            lines.append(convention.remark)
        return tuple(lines)

    @property
    def preparing(self) -> dict[str, str]:
        """What was said of the preparation, and by the recipe where nothing else was."""
        recipe = RECIPES[self.recipe] if self.recipe else {}
        return {name: getattr(self, name) or recipe.get(name, "") for name in PREPARING}

    @property
    def _says_preparation(self) -> bool:
        return bool(self.preparing["scale"] and self.preparing["resize"])

    def _given(self, convention: Convention | None) -> Input | None:
        # A recipe is a whole, and comes before what the repository says.
        return None if convention is None or self.recipe else convention.input

    def of_output(self, network: Network, model: str) -> Network:
        """The network with the output that was chosen, where there is a choice.

        Raises:
            UnansweredError: nobody has said which output is the score.
            SettingError: there is nothing to choose.
        """
        if not network.choices:
            if self.score not in ("", network.score):
                raise SettingError(
                    f"{model} has one output that can be the score, so leave --score out. "
                    f"Received: {self.score!r}."
                )
            return network
        if self.score not in (choice.name for choice in network.choices):
            named = f" Received: {self.score!r}." if self.score else ""
            raise UnansweredError(
                f"{model} has several outputs, and nobody has said which one tells real from fake: "
                f"{', '.join(map(str, network.choices))}. Say it: --score NAME.{named}"
            )
        return network.choosing(self.score)

    def _classes(self, network: Network, convention: Convention | None, model: str) -> Classes:
        two = network.classes == 2
        if two and self.positive in CLASSES:
            order = ("real", "fake") if self.positive == "fake" else ("fake", "real")
            return Classes(order, ("fake",))
        if self.positive == "real":
            raise SettingError(
                f"{model} tells {network.classes} classes apart: --positive names those that mean "
                "fake, such as --positive print,replay or --positive 1,2. Received: 'real'."
            )
        names = split(self.labels) if self.labels else ()
        if not names and convention is not None:
            names = convention.names
        if names and len(names) != network.classes:
            where = "--labels" if self.labels or convention is None else convention.source
            raise UnknownLabelsError(
                f"{where} names {len(names)} classes ({shown(names)}), but {model} tells "
                f"{network.classes} apart. Say with --labels what each of its outputs is."
            )
        if len(set(names)) < len(names):
            raise UnknownLabelsError(
                f"{convention.source if convention else '--labels'} gives several outputs of "
                f"{model} one name ({shown(names)}). Say with --labels what each of them is."
            )
        if self.positive:
            if not names and not all(part.isdecimal() for part in split(self.positive)):
                raise SettingError(
                    f"Nobody has said what the outputs of {model} are called. Name them with "
                    "--labels in their order, or say --positive fake or --positive real of two, "
                    f"or the numbers of those that mean fake. Received: {self.positive!r}."
                )
            return by_choice(names or numbered(network.classes), self.positive)
        if names and (found := by_words(names)) is not None:
            return found
        where = "--labels" if convention is None else convention.source
        single = network.columns == 1
        raise UnknownLabelsError(unlabelled(model, network.classes, single, names, where))

    def _kind(self, network: Network) -> OutputKind:
        if not self.returns:
            return network.kind
        kinds = KINDS[network.kind in ("logits", "softmax")]
        return kinds[RETURNED.index(self.returns)]


def _architecture(network: Network, convention: Convention | None) -> str:
    said = "unknown" if convention is None else convention.architecture
    return network.architecture if said == "unknown" else said
