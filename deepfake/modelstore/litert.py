"""The LiteRT backend: serves `.tflite` files without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from deepfake.errors import ModelError
from deepfake.modelstore.interpreters import InterpreterPool
from deepfake.modelstore.manifest import ModelManifest
from deepfake.settings import Settings

# Bounds the memory of one call; more faces run as several batches.
MAX_BATCH = 8


@dataclass(frozen=True)
class Scores:
    """What a backend returns for a batch.

    Attributes:
        raw: float32 array (count,) of logits or sigmoids, or (count, 2) of a softmax.
        evidence: float32 array (count, rows, columns), contributions to the logit by place; None
            where the network has no such output.
    """

    raw: np.ndarray
    evidence: np.ndarray | None


class LiteRTBackend:
    """Runs a `.tflite` network. Safe to share between threads.

    Args:
        weights: bytes. The `.tflite` file, already compared with its hash.
        manifest: ModelManifest. Names of the outputs and size of the input.
        settings: Settings. Pool size and threads.

    Raises:
        ModelError: the file is no LiteRT model, or its inputs or outputs are not what the manifest
            says.
    """

    name = "LiteRT"

    def __init__(self, weights: bytes, manifest: ModelManifest, settings: Settings):
        self._manifest = manifest
        self._pool = InterpreterPool(weights, settings.interpreters, settings.threads)
        with self._pool.borrow() as interpreter:
            self._signature = _signature(interpreter)
            self._check(interpreter)

    def scores(self, batch: np.ndarray) -> Scores:
        """Run the network.

        Args:
            batch: float32 array (count, size, size, 3), scaled as the manifest says; count ≥ 1.

        Returns:
            The raw scores and, where the network has them, the evidence maps.
        """
        results = [self._run(part) for part in _parts(batch)]
        output = self._manifest.output
        raw = np.concatenate([result[output.score or next(iter(result))] for result in results])
        evidence = None
        if output.evidence:
            evidence = np.concatenate([result[output.evidence] for result in results])
        return Scores(raw if output.kind == "softmax" else raw.reshape(len(batch)), evidence)

    def _run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        with self._pool.borrow() as interpreter:
            runner = interpreter.get_signature_runner(self._signature)
            (name,) = runner.get_input_details()
            outputs: dict[str, np.ndarray] = runner(**{name: batch})
            # The arrays are copies: they stay valid when the interpreter is lent again.
            return outputs

    def _check(self, interpreter: Interpreter) -> None:
        runner = interpreter.get_signature_runner(self._signature)
        inputs: dict[str, Any] = runner.get_input_details()
        outputs: dict[str, Any] = runner.get_output_details()
        size = self._manifest.input.size
        shapes = [tuple(int(n) for n in detail["shape"]) for detail in inputs.values()]
        if len(shapes) != 1 or shapes[0][1:] != (size, size, 3):
            raise ModelError(
                f"The manifest says that the model takes one picture of {size} × {size} × 3, but "
                f"its file takes {shapes}. Export the model again."
            )
        wanted = (self._manifest.output.score, self._manifest.output.evidence)
        missing = [name for name in wanted if name and name not in outputs]
        if missing or (not self._manifest.output.score and len(outputs) != 1):
            raise ModelError(
                f"The manifest names outputs that the model does not have: {missing}. "
                f"It has: {sorted(outputs)}."
            )
        output = self._manifest.output
        score = outputs[output.score or next(iter(outputs))]
        columns = 2 if output.kind == "softmax" else 1
        if tuple(int(n) for n in score["shape"][1:]) not in (
            (columns,),
            () if columns == 1 else (2,),
        ):
            raise ModelError(
                f"The manifest says {output.kind}, which is {columns} number(s) a face, but the "
                f"model's output has the shape {score['shape'].tolist()}."
            )
        floats = [*inputs.values(), score]
        if output.evidence:
            floats.append(outputs[output.evidence])
            if len(outputs[output.evidence]["shape"]) != 3:
                raise ModelError("The evidence output must have the shape (batch, rows, columns).")
        if any(detail["dtype"] != np.float32 for detail in floats):
            raise ModelError(
                "The model must take and return float32. Export it without quantising."
            )


def _signature(interpreter: Interpreter) -> str:
    signatures = list(interpreter.get_signature_list())
    if not signatures:
        raise ModelError("The LiteRT model has no signature. Export it with Keras 3 or TensorFlow.")
    return "serving_default" if "serving_default" in signatures else str(signatures[0])


def _parts(batch: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(batch), MAX_BATCH):
        yield batch[start : start + MAX_BATCH]
