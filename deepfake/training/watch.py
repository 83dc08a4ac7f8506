"""What happens beside the training itself: validation, history, checkpoints, news."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from deepfake.errors import TrainingError
from deepfake.training import checkpoint
from deepfake.training.config import TrainingConfig
from deepfake.training.run_folder import Row, RunFolder, put_in_place
from deepfake.training.validation import DIVERGED, ValidationSet, measure

logger = logging.getLogger(__name__)

NEWS_SECONDS = 60.0


class Watch(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Follows the training of one phase.

    After each epoch it validates with averaged weights, writes the history and a checkpoint, and
    stops the training when it has stopped getting better; in between it writes checkpoints too.

    Args:
        run: RunFolder. Written to.
        config: TrainingConfig. Of the run.
        sets: the validation sets.
        steps: int. Batches an epoch.
        progress: Progress. Where the phase begins.
        checkpoint_seconds: float. Time between checkpoints within an epoch; 0 for none.

    Attributes:
        stalled: bool. Whether the validation AUC has not risen for `patience` epochs.
        raw: the weights of the last epoch's end before averaging.
    """

    def __init__(
        self,
        run: RunFolder,
        config: TrainingConfig,
        sets: dict[str, ValidationSet],
        steps: int,
        progress: checkpoint.Progress,
        checkpoint_seconds: float,
    ):
        super().__init__()
        self.stalled = False
        self.raw: list[np.ndarray] = []
        self._run, self._config, self._sets = run, config, sets
        self._steps = steps
        self._resumed_at: checkpoint.Progress | None = progress
        self._summed_before: list[Any] = []
        self._checkpoint_seconds = checkpoint_seconds
        self._epoch, self._first_step = progress.epoch, progress.step
        self._written = self._said = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note where the epoch begins."""
        self._epoch = epoch
        resumed, self._resumed_at = self._resumed_at, None
        self._first_step = resumed.step if resumed and resumed.epoch == epoch else 0
        self._summed_before = resumed.metrics if resumed and self._first_step else []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Write a checkpoint and a line of news from time to time."""
        if self._summed_before:
            # Keras makes the metrics in the first batch; they are sums and counts.
            for variable, value in zip(
                self.model.metrics_variables, self._summed_before, strict=True
            ):
                variable.assign_add(value)
            self._summed_before = []
        done, now = self._first_step + batch + 1, time.monotonic()
        loss = float((logs or {}).get("loss", 0.0))
        if math.isnan(loss):
            # Before it is written: nothing can go on from such a checkpoint.
            raise TrainingError(DIVERGED)
        if now - self._said >= NEWS_SECONDS:
            self._said = now
            logger.info(
                "epoch %d of %d, batch %d of %d: loss %.4f",
                self._epoch + 1, self._config.epochs, done, self._steps, loss,
            )  # fmt: skip
        due = self._checkpoint_seconds and now - self._written >= self._checkpoint_seconds
        if due and done < self._steps:
            checkpoint.save(self.model, self._epoch, done, self._run.checkpoint)
            self._written = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Validate, write, and decide whether to go on."""
        logs = {} if logs is None else logs
        variables = self.model.trainable_variables
        self.raw = [np.array(variable) for variable in variables]
        row: Row = {"epoch": epoch, **{key: float(value) for key, value in logs.items()}}
        row["learning_rate"] = float(np.array(self.model.optimizer.learning_rate))
        # Validate what will be shipped, go on training with what is trained.
        checkpoint.assign(variables, _averaged(self.model))
        row |= measure(self.model, self._sets)
        rows = [*self._run.read_history(), row]
        best = best_epoch(rows)
        if self._config.patience and best == epoch:
            self._keep_best(epoch)
        checkpoint.assign(variables, self.raw)
        # The history first: what it has beyond the checkpoint is cut off on resuming.
        self._run.write_history(rows)
        checkpoint.save(self.model, epoch + 1, 0, self._run.checkpoint)
        self._run.remove("best-*.weights.h5", keep=[self._run.best(best)])
        self._written = self._said = time.monotonic()
        self.stalled = is_stalled(rows, self._config)
        logs.update({k: v for k, v in row.items() if k not in ("epoch", *logs)})
        logger.info("epoch %d of %d: %s", epoch + 1, self._config.epochs, _as_text(row))
        self.model.stop_training = self.model.stop_training or self.stalled

    def _keep_best(self, epoch: int) -> None:
        path = self._run.best(epoch)
        part = path.with_name(f"part-{path.name}")
        self.model.save_weights(part, overwrite=True)
        put_in_place(part, path)


def best_epoch(rows: Sequence[Row]) -> int:
    """The epoch with the highest validation AUC; the first of equals."""
    return int(max(rows, key=lambda row: row["valid_auc"])["epoch"])


def is_stalled(rows: Sequence[Row], config: TrainingConfig) -> bool:
    """Whether the validation AUC has not risen for `patience` epochs of fine-tuning."""
    if not config.patience or not rows:
        return False
    # A head that has learnt all it can is the reason to go on with the backbone, not to stop.
    since = max(best_epoch(rows), config.warm_up_epochs - 1)
    return int(rows[-1]["epoch"]) - since >= config.patience


def _averaged(model: keras.Model) -> list[Any]:
    # With float16, Keras wraps the optimizer to scale the loss.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return [np.array(average) for average in optimizer._model_variables_moving_average]


def _as_text(row: Row) -> str:
    return ", ".join(
        f"{key.replace('_', ' ')} {value:.4g}" for key, value in row.items() if key != "epoch"
    )
