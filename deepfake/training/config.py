"""What a training run is made of, and the options of `deepfake train` that say it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake import networks
from deepfake.errors import TrainingError

if TYPE_CHECKING:
    from deepfake.manifest import Input

STRATEGIES = ("none", "mirrored")
PRECISIONS = ("auto", "on", "off")
ALIGNMENTS, EXPOSURES = ("eyes", "none"), ("level", "none")
# What the manifest takes, in face boxes.
SMALLEST_CROP, LARGEST_CROP = 0.5, 4.0
# What NumPy and TensorFlow both take as a seed.
SEEDS = 2**32
# Between checkpoints within an epoch. Not of the configuration: a resumed run may have another.
CHECKPOINT_MINUTES = 10.0


def option(group: str, default: float | str, text: str, **shown: Any) -> Any:
    """A field of a dataclass that is an option of the command as well.

    Args:
        group: str. Heading in the help.
        default: its default; the option is read as the same type.
        text: str. Its help, as `argparse` takes it.
        **shown: metavar or choices, as `argparse` takes them.
    """
    return field(default=default, metadata={"group": group, "help": text, **shown})


@dataclass(frozen=True)
class TrainingConfig:
    """What a run is made of; written to the run folder.

    The help texts of the command say it to those who know the subject; more is said here.

    Attributes:
        architecture: str. A name of `networks.ARCHITECTURES`.
        image_size: int. Side of the input in pixels. Defaults to the architecture's.
        crop: float. Side of the crop as a multiple of the face box.
        align: str. "eyes" to turn faces upright, "none" to see them as they stand.
        exposure: str. "level" to bring dark crops to a common brightness, "none" to leave them.
        weights: str. "imagenet", "none", or the path of a file: a network of this architecture to
            go on from, whose wrong faces are then drawn more often, or its backbone alone. Defaults
            to "imagenet" where there are such weights.
        epochs: int. How many epochs, the frozen ones included.
        steps: int. Batches an epoch; 0 for one batch per `batch_size` training faces.
        batch_size: int. Faces a batch, half of them real, over all devices.
        learning_rate: float. Peak of the cosine schedule.
        warm_up_epochs: int. Epochs at the start in which only the head learns and the backbone
            keeps its weights.
        fine_tuning_rate: float. Peak for the epochs after the frozen ones; 0 for a tenth of
            `learning_rate`. Without frozen epochs it is not used.
        weight_decay: float. Of AdamW.
        label_smoothing: float. In [0, 1).
        patience: int. Epochs without a better validation AUC after which training ends with the
            best epoch's weights; 0 to train to the end and keep the last weights.
        recipe: str. Path of a recipe file (`training.recipe`): families of fakes with fixed
            shares, and the expert that each is for; "" for none.
        blend_share: float. Share of blended faces among the fakes.
        resynthesis_share: float. Share of resynthesised faces among the fakes.
        teachers: str. Models that the network learns from beside the labels, as `load_model` takes
            them, with commas between; "" for none.
        teacher_share: float. Weight of what the teachers say; the labels have the rest.
        seed: int. Seed of everything random.
        mixed_precision: str. "auto" (on a GPU), "on" or "off".
        strategy: str. "none" or "mirrored" (all devices of this machine).

    Raises:
        TrainingError: an option cannot be used, or not with the others.
    """

    architecture: str = option(
        "network", "efficientnet-lite0",
        "%(default)s (default), cnn, meso4, mesoinception4, mobilenetv3-large, resnet50, xception "
        "… (docs/training.md lists all)",
        metavar="NAME",
    )  # fmt: skip
    image_size: int = option(
        "network", 0, "side of the input (default: the architecture's)", metavar="PIXELS"
    )
    crop: float = option("network", 1.3, "side of the crop in face boxes (default: %(default)g)")
    align: str = option(
        "network", "eyes", "eyes (default): lying and askew faces are turned upright; none",
        choices=ALIGNMENTS,
    )  # fmt: skip
    exposure: str = option(
        "network", "level", "level (default): dark crops are brought to a common brightness; none",
        choices=EXPOSURES,
    )  # fmt: skip
    weights: str = option(
        "network", "",
        "imagenet, none, or a .keras or .h5 file to go on from (default: imagenet where there are "
        "such weights)",
    )  # fmt: skip
    epochs: int = option("schedule", 8, "default: %(default)s")
    steps: int = option("schedule", 0, "batches an epoch (default: all faces)")
    batch_size: int = option("schedule", 32, "faces a batch (default: %(default)s)")
    learning_rate: float = option("schedule", 6e-4, "peak (default: %(default)g)")
    warm_up_epochs: int = option(
        "schedule", 0,
        "of the epochs, how many at the start train the head only (default: %(default)s)",
        metavar="N",
    )  # fmt: skip
    fine_tuning_rate: float = option(
        "schedule", 0.0, "peak after the warm-up epochs (default: a tenth of the learning rate)",
        metavar="RATE",
    )  # fmt: skip
    weight_decay: float = option("schedule", 0.02, "default: %(default)g")
    label_smoothing: float = option("schedule", 0.05, "default: %(default)g")
    patience: int = option(
        "schedule", 0,
        "stop after N epochs without a better validation AUC and keep the best epoch (default: "
        "%(default)s, train to the end)",
        metavar="N",
    )  # fmt: skip
    recipe: str = option(
        "schedule", "",
        "TOML file with options, which those after it overrule, and with the families of fakes, "
        "their shares and their experts (docs/training.md)",
        metavar="FILE",
    )  # fmt: skip
    blend_share: float = option(
        "schedule", 0.5, "blended faces among the fakes (default: %(default)g)", metavar="SHARE"
    )
    resynthesis_share: float = option(
        "schedule", 0.0, "resynthesised faces among the fakes (default: %(default)g)",
        metavar="SHARE",
    )  # fmt: skip
    teachers: str = option(
        "schedule", "",
        "models to learn from beside the labels (distillation), commas between; as --model of the "
        "other commands takes them",
        metavar="MODELS",
    )  # fmt: skip
    teacher_share: float = option(
        "schedule", 0.7, "weight of the teachers against the labels (default: %(default)g)",
        metavar="SHARE",
    )  # fmt: skip
    seed: int = option("schedule", 0, "default: %(default)s")
    mixed_precision: str = option(
        "machine", PRECISIONS[0],
        "16-bit arithmetic; %(default)s (default): on a GPU that is faster with it",
        choices=PRECISIONS,
    )  # fmt: skip
    strategy: str = option(
        "machine", STRATEGIES[0], "mirrored: all devices of this machine", choices=STRATEGIES
    )

    def __post_init__(self) -> None:
        entry = networks.architecture(self.architecture)
        # What the architecture decides is written down like the rest.
        object.__setattr__(self, "image_size", self.image_size or entry.image_size)
        weights = self.weights or ("imagenet" if entry.imagenet else "none")
        object.__setattr__(self, "weights", weights)
        networks.check_size(self.architecture, self.image_size)
        if not entry.imagenet:
            self._refuse_backbone_options()
        self._check_numbers()
        if self.batch_size < 2 or self.batch_size % 2:
            raise TrainingError(
                f"The batch size must be an even number of at least 2. Received: {self.batch_size}."
            )
        if self.epochs < 1 or self.steps < 0 or self.learning_rate <= 0:
            raise TrainingError("Epochs, steps and learning rate must be positive.")
        if self.fine_tuning_rate < 0 or self.weight_decay < 0 or self.patience < 0:
            raise TrainingError(
                "The fine-tuning rate, the weight decay and the patience must not be negative."
            )
        if not 0 <= self.warm_up_epochs < self.epochs:
            raise TrainingError(
                "The warm-up epochs are a part of the epochs and must leave at least one. "
                f"Received: {self.warm_up_epochs} of {self.epochs}."
            )
        if not 0.0 <= self.label_smoothing < 1.0:
            raise TrainingError(
                f"The label smoothing must be at least 0 and below 1. "
                f"Received: {self.label_smoothing}."
            )
        if not 0.0 <= self.blend_share <= 1.0:
            raise TrainingError(f"The blend share must be in 0..1. Received: {self.blend_share}.")
        if self.resynthesis_share < 0 or self.blend_share + self.resynthesis_share > 1.0:
            raise TrainingError(
                "The resynthesis share must be in 0..1, and no more than 1 together with the blend "
                f"share. Received: {self.resynthesis_share} and {self.blend_share}."
            )
        if self.teachers and not all(name.strip() for name in self.teachers.split(",")):
            raise TrainingError(
                f"Teachers are names of models with commas between. Received: {self.teachers!r}."
            )
        if not self.teachers and self.teacher_share != type(self).teacher_share:
            raise TrainingError("A teacher share without --teachers has no meaning. Leave it out.")
        if not 0.0 <= self.teacher_share <= 1.0:
            raise TrainingError(
                f"The teacher share must be in 0..1. Received: {self.teacher_share}."
            )
        if self.mixed_precision not in PRECISIONS:
            raise TrainingError(
                f"Mixed precision is one of {', '.join(PRECISIONS)}. "
                f"Received: {self.mixed_precision!r}."
            )
        for name, value, allowed in (
            ("strategy", self.strategy, STRATEGIES),
            ("alignment", self.align, ALIGNMENTS),
            ("exposure", self.exposure, EXPOSURES),
        ):
            if value not in allowed:
                raise TrainingError(
                    f"{name.capitalize()} is one of {', '.join(allowed)}. Received: {value!r}."
                )

    def require_weights(self) -> None:
        """Refuse to start from a file that is not there.

        Not checked on construction, since a finished run no longer needs the file.

        Raises:
            TrainingError: `weights` is neither a known word nor a file.
        """
        if self.weights not in ("imagenet", "none") and not Path(self.weights).is_file():
            raise TrainingError(
                "Weights are 'imagenet', 'none' or the path of a .keras or .h5 file. "
                f"Received: {self.weights!r}."
            )

    def _check_numbers(self) -> None:
        for name, value in (
            ("crop", self.crop),
            ("learning rate", self.learning_rate),
            ("fine-tuning rate", self.fine_tuning_rate),
            ("weight decay", self.weight_decay),
            ("label smoothing", self.label_smoothing),
            ("blend share", self.blend_share),
            ("resynthesis share", self.resynthesis_share),
        ):
            # NaN is neither below nor above anything, and would pass all checks of a range.
            if not math.isfinite(value):
                raise TrainingError(f"The {name} must be a finite number. Received: {value}.")
        if not SMALLEST_CROP <= self.crop <= LARGEST_CROP:
            raise TrainingError(
                f"The crop must be in {SMALLEST_CROP}..{LARGEST_CROP} face boxes. "
                f"Received: {self.crop}."
            )
        if not 0 <= self.seed < SEEDS:
            raise TrainingError(f"The seed must be in 0..{SEEDS - 1}. Received: {self.seed}.")

    def _refuse_backbone_options(self) -> None:
        if self.weights == "imagenet":
            raise TrainingError(
                f"There are no ImageNet weights for {self.architecture}. Pass --weights none to "
                "start at random, or --weights FILE with a trained network."
            )
        if self.warm_up_epochs:
            raise TrainingError(
                f"{self.architecture} has no pretrained backbone that could be frozen. Leave "
                "--warm-up-epochs out."
            )

    @property
    def has_experts(self) -> bool:
        """Whether the network has experts, who can be told which fake is whose."""
        return self.architecture.endswith(networks.EXPERTS)

    @property
    def input(self) -> Input:
        """The manifest's `input` that goes with this configuration."""
        # Pydantic would take longer to import than the whole parser.
        from deepfake.manifest import Input

        mean, std = networks.architecture(self.architecture).scaling
        return Input.model_validate(
            {
                "size": self.image_size, "crop": self.crop, "mean": mean, "std": std,
                "align": self.align, "exposure": self.exposure,
            }
        )  # fmt: skip
