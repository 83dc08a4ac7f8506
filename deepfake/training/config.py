"""What a training run is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from deepfake import networks
from deepfake.errors import TrainingError
from deepfake.manifest import Input

STRATEGIES = ("none", "mirrored", "multiworker")
PRECISIONS = ("auto", "on", "off")
# What the manifest takes, in face boxes.
SMALLEST_CROP, LARGEST_CROP = 0.5, 4.0
# What NumPy and TensorFlow both take as a seed.
SEEDS = 2**32


@dataclass(frozen=True)
class TrainingConfig:
    """What a run is made of; written to the run folder.

    Attributes:
        architecture: str. A name of `architectures.ARCHITECTURES`.
        image_size: int. Side of the input in pixels.
        crop: float. Side of the crop as a multiple of the face box.
        epochs: int. How many epochs, the frozen ones included.
        warm_up_epochs: int. Epochs at the start in which only the head learns and the backbone
            keeps its weights.
        steps: int. Batches an epoch; 0 for one batch per `batch_size` training faces.
        batch_size: int. Faces a batch, half of them real, over all devices.
        learning_rate: float. Peak of the cosine schedule.
        fine_tuning_rate: float. Peak for the epochs after the frozen ones; 0 for a tenth of
            `learning_rate`. Without frozen epochs it is not used.
        weight_decay: float. Of AdamW.
        label_smoothing: float. In [0, 1).
        blend_share: float. Share of blended faces among the fakes.
        resynthesis_share: float. Share of resynthesised faces among the fakes.
        patience: int. Epochs without a better validation AUC after which training ends with the
            best epoch's weights; 0 to train to the end and keep the last weights.
        weights: str. "imagenet", "none", or the path of a file: a network of this architecture to
            go on from, whose wrong faces are then drawn more often, or its backbone alone.
        teachers: str. Models that the network learns from beside the labels, as `load_model` takes
            them, with commas between; "" for none.
        teacher_share: float. Weight of what the teachers say; the labels have the rest.
        mixed_precision: str. "auto" (on a GPU), "on" or "off".
        strategy: str. "none", "mirrored" (all devices of this machine) or "multiworker".
        seed: int. Seed of everything random.
    """

    architecture: str = "efficientnet-lite0"
    image_size: int = 192
    crop: float = 1.3
    epochs: int = 8
    warm_up_epochs: int = 0
    steps: int = 0
    batch_size: int = 32
    learning_rate: float = 6e-4
    fine_tuning_rate: float = 0.0
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    blend_share: float = 0.5
    resynthesis_share: float = 0.0
    patience: int = 0
    weights: str = "imagenet"
    teachers: str = ""
    teacher_share: float = 0.7
    mixed_precision: str = "auto"
    strategy: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        networks.check_size(self.architecture, self.image_size)
        if networks.architecture(self.architecture).load_imagenet is None:
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
        if self.strategy not in STRATEGIES:
            raise TrainingError(
                f"A strategy is one of {', '.join(STRATEGIES)}. Received: {self.strategy!r}."
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
    def input(self) -> Input:
        """The manifest's `input` that goes with this configuration."""
        entry = networks.architecture(self.architecture)
        return Input(size=self.image_size, crop=self.crop, mean=entry.mean, std=entry.std)
