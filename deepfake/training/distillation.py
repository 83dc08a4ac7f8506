"""Loss and accuracy of a network with teachers: `PairBatches` gives it labels and targets."""

from __future__ import annotations

from typing import Any

import keras


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
