"""The LiteRT backend: serves `.tflite` files without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from deepfake.errors import ModelError
from deepfake.interpreters import InterpreterPool, reason
from deepfake.manifest import MAX_CLASSES, ModelManifest
from deepfake.modelstore.backends.protocol import (
    LOGIT,
    Choice,
    Network,
    Opened,
    Scores,
    require_numbers,
    usual_outputs,
)
from deepfake.settings import Settings

# Bounds the memory of one call; more faces run as several batches.
MAX_BATCH = 8
# Pictures of noise that show what the output is.
NOISE = 8


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
            self._runner = _Runner.of(interpreter)
            self._check(interpreter)
            details = self._runner.inputs(interpreter)[0]
        # A network with a fixed batch of one cannot always be resized.
        self._batch = 1 if int(details["shape_signature"][0]) == 1 else MAX_BATCH

    def scores(self, batch: np.ndarray) -> Scores:
        """Run the network.

        Args:
            batch: float32 array (count, size, size, channels), scaled as the manifest says;
                count ≥ 1.

        Returns:
            The raw scores and, where the network has them, the evidence maps.

        Raises:
            ModelError: the network returned something else than numbers.
        """
        results = [
            self._run(batch[start : start + self._batch])
            for start in range(0, len(batch), self._batch)
        ]
        output = self._manifest.output
        raw = np.concatenate([result[output.score or next(iter(result))] for result in results])
        require_numbers(raw)
        single = self._manifest.columns == 1
        return Scores.of(raw.reshape(len(batch)) if single else raw, results, output)

    def _run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        with self._pool.borrow() as interpreter:
            return self._runner.run(interpreter, batch)

    def _check(self, interpreter: Interpreter) -> None:
        inputs, outputs = self._runner.inputs(interpreter), self._runner.outputs(interpreter)
        size, planes = self._manifest.input.size, self._manifest.input.planes
        shapes = [tuple(int(n) for n in detail["shape"]) for detail in inputs]
        if len(shapes) != 1 or shapes[0][1:] != (size, size, planes):
            raise ModelError(
                "The manifest says that the model takes one picture of "
                f"{size} × {size} × {planes}, but its file takes {shapes}. Export the model again."
            )
        wanted = (self._manifest.output.score, *self._manifest.output.beside_score)
        missing = [name for name in wanted if name and name not in outputs]
        if missing or (not self._manifest.output.score and len(outputs) != 1):
            raise ModelError(
                f"The manifest names outputs that the model does not have: {missing}. "
                f"It has: {sorted(outputs)}."
            )
        output = self._manifest.output
        score = outputs[output.score or next(iter(outputs))]
        columns = self._manifest.columns
        if tuple(int(n) for n in score["shape"][1:]) not in (
            (columns,),
            () if columns == 1 else (columns,),
        ):
            raise ModelError(
                f"The manifest says {output.kind}, which is {columns} number(s) a face, but the "
                f"model's output has the shape {score['shape'].tolist()}."
            )
        floats = [*inputs, score, *(outputs[name] for name in output.beside_score)]
        if output.evidence and len(outputs[output.evidence]["shape"]) != 3:
            raise ModelError("The evidence output must have the shape (batch, rows, columns).")
        if any(detail["dtype"] != np.float32 for detail in floats):
            raise ModelError(
                "The model must take and return float32. Export it without quantising."
            )


def open_litert(
    path: Path, settings: Settings, architecture: str = "", size: int | None = None
) -> Opened:
    """Read what a `.tflite` file says of itself.

    Args:
        path: Path. The file.
        settings: Settings. Threads.
        architecture: str. Not needed: the network is in the file.
        size: int. Not needed: LiteRT files are exported for one size.

    Returns:
        The network; what its output is, is judged by what it returns for noise.

    Raises:
        ModelError: it is no LiteRT model, takes something else than one square colour picture, or
            returns something else than one or two numbers.
    """
    weights = path.read_bytes()
    pool = InterpreterPool(weights, 1, settings.threads)
    with pool.borrow() as interpreter:
        runner = _Runner.of(interpreter)
        inputs, outputs = runner.inputs(interpreter), runner.outputs(interpreter)
        size, channels = _square(inputs)
        shape = (NOISE, size, size, channels)
        noise = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        try:
            found = [runner.run(interpreter, one[None]) for one in noise]
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"The model could not be run: {reason(error)}. Export it again."
            ) from error
    usual = usual_outputs(outputs)
    values = {
        name: np.concatenate([one[name] for one in found]).reshape(NOISE, -1)
        for name in ([LOGIT] if usual else outputs)
    }
    choices = tuple(
        Choice.judged(name, numbers)
        for name, numbers in values.items()
        if 1 <= numbers.shape[1] <= MAX_CLASSES
    )
    if not choices:
        counts = ", ".join(str(numbers.shape[1]) for numbers in values.values())
        raise ModelError(
            f"The model returns {counts} numbers a picture, but only models with one, or one of "
            f"each class for up to {MAX_CLASSES} classes, can be used."
        )
    first = choices[0]
    network = Network(
        size, first.kind, "" if len(outputs) == 1 else first.name, *(usual or (None, None)),
        guessed=first.guessed, channels=channels, classes=first.classes,
        choices=choices if len(choices) > 1 else (),
    )  # fmt: skip
    return Opened(network, lambda manifest, given: LiteRTBackend(weights, manifest, given))


@dataclass(frozen=True)
class _Runner:
    """How an interpreter's network is called: by a signature, or, in old files, by its tensors."""

    signature: str | None

    @classmethod
    def of(cls, interpreter: Interpreter) -> _Runner:
        signatures = list(interpreter.get_signature_list())
        if not signatures:
            return cls(None)
        return cls("serving_default" if "serving_default" in signatures else str(signatures[0]))

    def inputs(self, interpreter: Interpreter) -> list[dict[str, Any]]:
        if self.signature is None:
            return list(interpreter.get_input_details())
        runner = interpreter.get_signature_runner(self.signature)
        return list(runner.get_input_details().values())

    def outputs(self, interpreter: Interpreter) -> dict[str, dict[str, Any]]:
        if self.signature is None:
            return {str(detail["name"]): detail for detail in interpreter.get_output_details()}
        details = interpreter.get_signature_runner(self.signature).get_output_details()
        return dict(details)

    def run(self, interpreter: Interpreter, batch: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs by name; the arrays are copies that stay valid when it is lent again."""
        if self.signature is not None:
            runner = interpreter.get_signature_runner(self.signature)
            (name,) = runner.get_input_details()
            outputs: dict[str, np.ndarray] = runner(**{name: batch})
            return outputs
        (entry,) = interpreter.get_input_details()
        if tuple(entry["shape"]) != batch.shape:
            interpreter.resize_tensor_input(entry["index"], batch.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(entry["index"], batch)
        interpreter.invoke()
        return {
            str(detail["name"]): interpreter.get_tensor(detail["index"])
            for detail in interpreter.get_output_details()
        }


def _square(inputs: list[dict[str, Any]]) -> tuple[int, int]:
    """Side and channels of the picture that a network takes."""
    shapes = [tuple(int(n) for n in detail["shape_signature"]) for detail in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] not in (1, 3):
        raise ModelError(
            "Only models that take one picture (batch, side, side, 3), or (batch, side, side, 1) "
            f"for grey, can be used. This one takes {shapes}."
        )
    if shapes[0][1] != shapes[0][2] or shapes[0][1] < 1:
        raise ModelError(
            f"Only models for square pictures of a fixed size can be used. This one takes "
            f"{shapes[0][1]} × {shapes[0][2]}; -1 means that it is left open. Export it again."
        )
    if inputs[0]["dtype"] != np.float32:
        raise ModelError("The model must take and return float32. Export it without quantising.")
    return shapes[0][1], shapes[0][3]
