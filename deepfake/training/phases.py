"""The parts of a run: an optional start with a frozen backbone, then fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from deepfake import networks
from deepfake.training.config import TrainingConfig

# Peak of the fine-tuning after a frozen start, as a share of the head's rate.
FINE_TUNING_SHARE = 0.1


@dataclass(frozen=True)
class Phase:
    """Epochs that share an optimizer.

    Attributes:
        first_epoch: int. The first of them.
        end_epoch: int. The first one after them.
        learning_rate: float. Peak of their cosine schedule.
        frozen: bool. Whether the backbone keeps its weights.
    """

    first_epoch: int
    end_epoch: int
    learning_rate: float
    frozen: bool


def phases(config: TrainingConfig) -> list[Phase]:
    """The phases of a run, in order."""
    if not config.warm_up_epochs:
        return [Phase(0, config.epochs, config.learning_rate, frozen=False)]
    rate = config.fine_tuning_rate or FINE_TUNING_SHARE * config.learning_rate
    return [
        Phase(0, config.warm_up_epochs, config.learning_rate, frozen=True),
        Phase(config.warm_up_epochs, config.epochs, rate, frozen=False),
    ]


def prepare(model: keras.Model, phase: Phase, config: TrainingConfig, steps: int) -> None:
    """Freeze what is frozen in a phase and compile with a fresh optimizer.

    Args:
        model: keras.Model. The logit of a network of `networks.build`.
        phase: Phase. What comes next.
        config: TrainingConfig. Of the run.
        steps: int. Batches an epoch.
    """
    if config.warm_up_epochs:
        networks.freeze_backbone(model, phase.frozen)
    total = steps * (phase.end_epoch - phase.first_epoch)
    rising = min(300, total // 10 + 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - rising), warmup_target=phase.learning_rate, warmup_steps=rising
    )
    # The averaging window is about a sixth of the phase, at most a thousand steps.
    momentum = 1.0 - 1.0 / min(1000.0, max(2.0, total / 6))
    if config.teachers:
        # Only the labels are smoothed, where the targets are made.
        loss, accuracy, smoothing = TaughtCrossentropy, LabelAccuracy, 0.0
    else:
        loss, accuracy = keras.losses.BinaryCrossentropy, keras.metrics.BinaryAccuracy
        smoothing = config.label_smoothing
    model.compile(
        optimizer=keras.optimizers.AdamW(
            schedule, weight_decay=config.weight_decay, clipnorm=5.0,
            use_ema=True, ema_momentum=momentum, ema_overwrite_frequency=None,
        ),
        loss=loss(from_logits=True, label_smoothing=smoothing),
        metrics=[accuracy(name="accuracy", threshold=0.0)],
        jit_compile=False,
    )  # fmt: skip


@keras.saving.register_keras_serializable("deepfake")
class TaughtCrossentropy(keras.losses.BinaryCrossentropy):  # type: ignore[misc]  # not typed
    """Binary cross-entropy with the target; (batch, 2) holds label and target."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row."""
        return super().call(y_true[:, 1:], y_pred)


@keras.saving.register_keras_serializable("deepfake")
class LabelAccuracy(keras.metrics.BinaryAccuracy):  # type: ignore[misc]  # Keras is not typed
    """Share of rows whose label is met; (batch, 2) holds label and target."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Count a batch."""
        return super().update_state(y_true[:, :1], y_pred, sample_weight)
