"""One device, all devices of this machine, or several worker processes.

On one machine `tf.distribute.MirroredStrategy` and `Model.fit` do everything. Between machines
they do not: `Model.fit` of Keras 3.15 fails under `MultiWorkerMirroredStrategy` (keras#20585). So
each worker trains a plain copy on its own share of the faces, and its gradients are averaged with
the others' by TensorFlow's collective operation, over the servers that `tf.distribute` starts from
`TF_CONFIG`. All copies start from the chief's weights and take the same steps, so they stay equal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepfake.errors import TrainingError

# Any number that no other collective of this process uses.
GROUP_KEY = 20585
EXAMPLE = (
    '{"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


class Devices:
    """Where a run computes. Make it before TensorFlow runs anything.

    Args:
        strategy: str. "none", "mirrored" or "multiworker".

    Attributes:
        workers: int. Number of worker processes.
        index: int. Which of them this is; the first is the chief.
        replicas: int. Copies of the network in this process.

    Raises:
        TrainingError: `TF_CONFIG` does not describe the workers, or they cannot be reached.
    """

    def __init__(self, strategy: str = "none"):
        self.workers, self.index, self.replicas = 1, 0, 1
        self._mirrored: Any = None
        if strategy == "mirrored":
            self._mirrored = tf.distribute.MirroredStrategy()
            self.replicas = self._mirrored.num_replicas_in_sync
        elif strategy == "multiworker":
            self.workers, self.index = _task(os.environ.get("TF_CONFIG", ""))
            try:
                # Starts this worker's server and waits for the others; only that is needed of it.
                tf.distribute.MultiWorkerMirroredStrategy()
            except (tf.errors.OpError, RuntimeError, ValueError) as error:
                raise TrainingError(
                    f"The workers of TF_CONFIG could not be joined: {error}. Check that every "
                    "address can be reached and that all workers were started."
                ) from error

    @property
    def is_chief(self) -> bool:
        """Whether this process validates and writes the run folder."""
        return self.index == 0

    @property
    def model_class(self) -> type[keras.Model]:
        """What to make the trained model of."""
        return AveragedGradients if self.workers > 1 else keras.Model

    def scope(self) -> AbstractContextManager[Any]:
        """Where variables are made or loaded."""
        return self._mirrored.scope() if self._mirrored else nullcontext()

    def share(self, items: Sequence[Any]) -> list[Any]:
        """This worker's share of a sequence."""
        return list(items[self.index :: self.workers])

    def total(self, values: Sequence[Any]) -> list[np.ndarray]:
        """Sum arrays over all workers. Every worker must call it with the same shapes.

        Args:
            values: sequence of arrays or numbers.

        Returns:
            float64 arrays of the same shapes.
        """
        arrays = [np.asarray(value, np.float64) for value in values]
        if self.workers == 1:
            return arrays
        flat = np.concatenate([array.ravel() for array in arrays])
        with lost_workers_explained():
            summed = _sum(tf.constant(flat), self.workers).numpy()
        ends = np.cumsum([array.size for array in arrays])[:-1]
        parts = np.split(summed, ends)
        return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]

    def from_chief(self, values: Sequence[Any]) -> list[np.ndarray]:
        """The chief's arrays, on every worker; float64, shaped as this worker's."""
        return self.total(
            [np.asarray(value) if self.is_chief else np.zeros(np.shape(value)) for value in values]
        )

    def copy_from_chief(self, variables: Sequence[Any]) -> None:
        """Give variables the chief's values."""
        if self.workers > 1:
            values = self.from_chief([np.array(variable) for variable in variables])
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value.astype(variable.dtype))

    def average(self, variables: Sequence[Any]) -> None:
        """Give variables the mean of their values on all workers."""
        if self.workers > 1:
            values = self.total([np.array(variable) for variable in variables])
            for variable, value in zip(variables, values, strict=True):
                variable.assign((value / self.workers).astype(variable.dtype))


@keras.saving.register_keras_serializable("deepfake")
class AveragedGradients(keras.Model):  # type: ignore[misc]  # Keras is not typed
    """A model whose training step uses the mean gradient of all workers.

    Attributes:
        workers: int. How many there are; set it before the first step.
    """

    workers = 1

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step, as in Keras's guide to custom training steps, with the averaging between."""
        x, y = data[:2]
        with tf.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=prediction)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_variables)
        # All in one vector: one message a step, and no question of order.
        flat = tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], axis=0)
        parts = tf.split(
            _sum(flat, self.workers) / self.workers, [int(np.prod(g.shape)) for g in gradients]
        )
        averaged = [tf.reshape(p, g.shape) for p, g in zip(parts, gradients, strict=True)]
        self.optimizer.apply(averaged, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, prediction)
        return {metric.name: metric.result() for metric in self.metrics}


@contextmanager
def lost_workers_explained() -> Iterator[None]:
    """Turn the failure of a collective operation into a sentence."""
    try:
        yield
    except tf.errors.OpError as error:
        if not any(word in str(error) for word in ("ollective", "Socket", "RecvBuf")):
            raise
        raise TrainingError(
            "Another worker has gone away or failed; its own message says why. Start all workers "
            "again with the same command: the run goes on from its last checkpoint."
        ) from error


def _sum(vector: Any, workers: int) -> Any:
    # On the CPU, because a host can always reach the others; the key tells collectives of
    # different lengths apart.
    with tf.device("CPU:0"):
        return tf.raw_ops.CollectiveReduceV2(
            input=vector,
            group_size=workers,
            group_key=GROUP_KEY,
            instance_key=2 * vector.shape[0] + (vector.dtype == tf.float64),
            ordering_token=[],
            merge_op="Add",
            final_op="Id",
            communication_hint="ring",
        )


def _task(text: str) -> tuple[int, int]:
    """(number of workers, index of this one) of a `TF_CONFIG`."""
    try:
        config = json.loads(text)
        workers = len(config["cluster"]["worker"])
        kind, index = config["task"]["type"], int(config["task"]["index"])
        others = set(config["cluster"]) - {"worker"}
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            "--strategy multiworker needs the environment variable TF_CONFIG with the addresses "
            f"of all workers and the index of this one, such as {EXAMPLE}."
        ) from error
    if kind != "worker" or others or workers < 2 or not 0 <= index < workers:
        raise TrainingError(
            "TF_CONFIG must list at least two workers, no other kind of task, and an index among "
            f"them. Received: {text}"
        )
    return workers, index
