"""The parts of a run: an optional start with a frozen backbone, then fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from deepfake import networks
from deepfake.training.config import TrainingConfig

# Peak of the fine-tuning after a frozen start, as a share of the head's rate.
FINE_TUNING_SHARE = 0.1
# Of each expert's own loss beside that of the logit (docs/model-2.md).
EXPERTS_WEIGHT = 0.5


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
    # With teachers only the labels are smoothed, where the targets are made.
    smoothing = 0.0 if config.teachers else config.label_smoothing
    if model.output_shape[1] > 1:
        loss, accuracy = ExpertsCrossentropy, LabelAccuracy
    elif config.teachers:
        loss, accuracy = TaughtCrossentropy, LabelAccuracy
    else:
        loss, accuracy = keras.losses.BinaryCrossentropy, keras.metrics.BinaryAccuracy
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
class ExpertsCrossentropy(keras.losses.BinaryCrossentropy):  # type: ignore[misc]  # not typed
    """Binary cross-entropy of the logit, and of each expert on reals and on its own fakes.

    The network says (batch, 1 + experts): the logit, which all experts share, and theirs. The
    targets' last column tells whose fake a row is; the one before it is what the logit should be.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row."""
        whole = super().call(y_true[:, -2:-1], y_pred[:, :1])
        label, trace, logits = y_true[:, :1], y_true[:, -1:], y_pred[:, 1:]
        experts = ops.arange(logits.shape[1], dtype=trace.dtype)[None]
        seen = ops.cast(ops.logical_or(label == 0, trace == experts), logits.dtype)
        # −log(1 − p) of reals, −log p of fakes.
        each = ops.softplus(logits) - ops.cast(label, logits.dtype) * logits
        return whole + EXPERTS_WEIGHT * ops.sum(seen * each, axis=1)


@keras.saving.register_keras_serializable("deepfake")
class LabelAccuracy(keras.metrics.BinaryAccuracy):  # type: ignore[misc]  # Keras is not typed
    """Share of rows whose label is met by the logit; the label is the first column."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Count a batch."""
        return super().update_state(y_true[:, :1], y_pred[:, :1], sample_weight)
