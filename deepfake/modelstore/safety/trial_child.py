"""Loads a model file and runs it once. Started by `trial.try_file` in a sandbox.

python -m deepfake.modelstore.safety.trial_child KIND PATH
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from deepfake.errors import MissingPackageError, ModelError, UnrunnableError
from deepfake.modelstore.formats import BY_KIND, bring

# Stands for a side that the model leaves open; any size does for a trial.
OPEN_SIDE = 224
MAX_INPUT = 100_000_000


def main(kind: str, path: Path) -> None:
    """Load and run a file.

    Args:
        kind: str. Of its Format.
        path: Path. The file.

    Raises:
        ModelError: it cannot be.
    """
    bring(BY_KIND[kind].trial)(path)
    print("ran")


def run_litert(path: Path) -> None:
    """Run a LiteRT file once; errors as of `main`."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            values = _noise(tuple(detail["shape"]), np.dtype(detail["dtype"]))
            interpreter.set_tensor(detail["index"], values)
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            interpreter.get_tensor(detail["index"])
    except (ValueError, RuntimeError, OSError, TypeError) as error:
        raise UnrunnableError(_refusal(path, "a LiteRT model", error), path=path) from error


def run_onnx(path: Path) -> None:
    """Run an ONNX file once; errors as of `main`."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "Models in ONNX format need ONNX Runtime. Install it with: pip install onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        session.run(None, {item.name: _onnx_input(item) for item in session.get_inputs()})
    except ModelError:
        raise
    except Exception as error:  # ONNX Runtime's own exceptions share no base but this one
        raise UnrunnableError(_refusal(path, "an ONNX model", error), path=path) from error


def _onnx_input(item: Any) -> np.ndarray:
    kinds = {"tensor(float)": "f4", "tensor(float16)": "f2", "tensor(double)": "f8"}
    kinds |= {"tensor(uint8)": "u1", "tensor(int8)": "i1", "tensor(int32)": "i4"}
    kinds |= {"tensor(int64)": "i8", "tensor(bool)": "?"}
    if item.type not in kinds:
        raise ModelError(f"The ONNX model wants {item.type} as input, not a picture.")
    shape = list(item.shape)
    for axis, side in enumerate(shape):
        if not isinstance(side, int) or side < 1:
            shape[axis] = 1 if axis == 0 else 3 if axis == _channel_axis(shape) else OPEN_SIDE
    return _noise(tuple(shape), np.dtype(kinds[item.type]))


def _channel_axis(shape: list[Any]) -> int:
    return 3 if len(shape) == 4 and shape[3] in (1, 3) else 1


def _noise(shape: tuple[int, ...], kind: np.dtype[Any]) -> np.ndarray:
    size = 1
    for side in shape:
        size *= int(side)
    if not 0 < size <= MAX_INPUT:
        raise ModelError(f"The model wants an input of shape {shape}, which is no picture.")
    return np.random.default_rng(0).random(shape, dtype=np.float32).astype(kind)


def _refusal(path: Path, what: str, error: Exception) -> str:
    # The name before the rest is cut: half a path could not be left out for visitors.
    reason = " ".join(str(error).replace(str(path), path.name).split())[:200]
    return f"{path.name} cannot be run as {what}: {reason}. It may be damaged. Get the file again."


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
