"""The proof that two forms of a network return the same.

Run in the sandbox: `python -m deepfake.modelstore.compiling.parity FOLDER THREADS`.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from deepfake.errors import ModelError
from deepfake.interpreters import InterpreterPool, reason
from deepfake.modelstore.compiling import outcome
from deepfake.modelstore.formats import LITERT

MODULE = "deepfake.modelstore.compiling.parity"
PARITY_FILE, LITERT_FILE = "parity.npz", LITERT.usual[0]
SECONDS, MEMORY, MEMORY_PER_BYTE = 120.0, 4_000_000_000, 8
MAX_DIFFERENCE = 1e-4
# Half of the inputs are noise, half are smooth like photographs.
INPUTS = 8
SMOOTH_CELLS = 4
# Eight inputs of 2048² and their maps; the file comes from a process that is not trusted.
MAX_BYTES = 1_000_000_000
UNLIKE = "Go on with the Keras file, or build the network of other layers."


class NoLiteRTError(ModelError):
    """There is no LiteRT form of the network. Another try with the same versions ends the same."""


def inputs_for(size: int, span: tuple[float, float], channels: int = 3) -> np.ndarray:
    """Inputs to compare two forms of a network on.

    Args:
        size: int. Side of the network's input in pixels.
        span: (low, high). Values that it takes.
        channels: int. Of the input. Defaults to colour.

    Returns:
        float32 array (8, size, size, channels), the same at each call.
    """
    generator = np.random.default_rng(0)
    noise = generator.random((INPUTS // 2, size, size, channels))
    coarse = generator.random((INPUTS - len(noise), SMOOTH_CELLS, SMOOTH_CELLS, channels))
    block = -(-size // SMOOTH_CELLS)
    smooth = coarse.repeat(block, axis=1).repeat(block, axis=2)[:, :size, :size]
    low, high = span
    return (low + (high - low) * np.concatenate([noise, smooth])).astype(np.float32)


def write(folder: Path, inputs: np.ndarray, outputs: Mapping[str, np.ndarray]) -> None:
    """Write inputs and what the network returned for them, for `litert_difference`.

    Args:
        folder: Path. Where `parity.npz` goes.
        inputs: float32 array (count, size, size, channels).
        outputs: name → float32 array (count, …); "" for the only output.
    """
    # The names could be anything; numbers keep them out of the archive's file names.
    arrays: dict[str, Any] = {f"output{index}": a for index, a in enumerate(outputs.values())}
    np.savez(folder / PARITY_FILE, inputs=inputs, names=np.array(list(outputs)), **arrays)


def litert_difference(folder: Path, weights: bytes, threads: int) -> float:
    """Largest difference between a LiteRT file's outputs and the ones that `write` wrote.

    Args:
        folder: Path. Holds `parity.npz`.
        weights: bytes. The `.tflite` file.
        threads: int. To run it with.

    Returns:
        As of `largest_difference`.

    Raises:
        NoLiteRTError: LiteRT cannot run the file, or an output is missing in it.
        ModelError: the outputs cannot be read.
    """
    inputs, outputs = _read(folder / PARITY_FILE)
    pool = InterpreterPool(weights, 1, threads)
    with ExitStack() as stack:
        try:
            interpreter = stack.enter_context(pool.borrow())
            runner = interpreter.get_signature_runner("serving_default")
            (name,) = runner.get_input_details()
            # One by one and together: the size of a batch must not matter.
            alone = [runner(**{name: one[None]}) for one in inputs]
            together = runner(**{name: inputs})
        except (ModelError, ValueError, RuntimeError) as error:
            raise NoLiteRTError(
                f"LiteRT cannot run the converted network: {reason(error)}. {UNLIKE}"
            ) from error
    worst = 0.0
    for output, expected in outputs.items():
        key = output or next(iter(together))
        if key not in together:
            raise NoLiteRTError(f"The converted network has lost its output {output!r}. {UNLIKE}")
        found = np.concatenate([one[key] for one in alone])
        worst = max(
            worst,
            largest_difference(found, expected),
            largest_difference(together[key], expected),
        )
    return worst


def largest_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference of two outputs, as a share of the largest value where that is above 1.

    Probabilities are thereby compared as they are; the logits and maps of a network that returns
    hundreds are not expected to have more digits than float32 has.

    Returns:
        The difference; infinite where the shapes differ or a value is not a number.
    """
    if found.shape != expected.shape:
        return float("inf")
    largest = float(np.abs(expected).max(initial=1.0))
    worst = float(np.abs(found - expected).max(initial=0.0)) / largest
    return worst if np.isfinite(worst) else float("inf")


def _read(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    try:
        with outcome.opened(path, MAX_BYTES) as file:
            with zipfile.ZipFile(file) as archive:
                if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                    raise ModelError(
                        f"The conversion returned far more than was asked for. {outcome.AGAIN}"
                    )
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                names = [str(name) for name in arrays["names"]]
                return arrays["inputs"], {n: arrays[f"output{i}"] for i, n in enumerate(names)}
    except (OSError, ValueError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        # Not its text, which may hold a path of this machine.
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ModelError(
            f"What the conversion wrote cannot be read ({why}). {outcome.AGAIN}"
        ) from error


def main(folder: Path, threads: int) -> None:
    """Print the difference of the LiteRT file in a folder; errors as of `litert_difference`."""
    print(litert_difference(folder, (folder / LITERT_FILE).read_bytes(), threads))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
