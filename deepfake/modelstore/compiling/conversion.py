"""The child process that opens a Keras model and writes it as LiteRT or as a `.keras` file.

It runs within `sandbox`, because the model may come from anywhere and the converter is a large
piece of native code: `python -m deepfake.modelstore.compiling.conversion SOURCE FOLDER`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from deepfake.errors import ModelError, ModelNotFoundError
from deepfake.files.digest import size_of
from deepfake.formatting import quoted
from deepfake.modelstore.backends.protocol import Network
from deepfake.modelstore.compiling import parity
from deepfake.modelstore.compiling.litert import to_litert
from deepfake.modelstore.formats import KERAS, LITERT
from deepfake.modelstore.safety import sandbox
from deepfake.settings import Settings

if TYPE_CHECKING:
    import keras

MODULE = "deepfake.modelstore.compiling.conversion"
KERAS_FILE, LITERT_FILE = KERAS.usual[0], LITERT.usual[0]
# Is there once the model was read; what fails afterwards is not the fault of its file.
READ_FILE = "read"
SECONDS = 900.0
# TensorFlow and the converter, and what they hold several copies of.
MEMORY, MEMORY_PER_BYTE = 4_000_000_000, 8
# Reading alone; only what has been read, and thus has weights in its file, gets more.
MEMORY_TO_READ = 2_000_000_000
# Priority of the process: whoever waits for a score comes first. Not the lowest, as somebody waits
# for the compiled model, too.
NICE = 5
MAX_QUOTED = 300
# In what the converter says: "'tf.TensorListReserve' op requires …".
OPERATION = re.compile(r"'tf\.\w+' op [^\n]*")
# How the child begins its sentence where another try would end the same.
NO_LITERT = "The network does something that LiteRT cannot"


@dataclass(frozen=True)
class Conversion:
    """What the child says of its work.

    Attributes:
        network: Network. What the file says of itself.
        outputs: tuple of str. Names of the outputs of the LiteRT file, or of the network.
        left_out: tuple of str. Outputs of the network that the LiteRT file does not have.
        changes: tuple of str. What had to be changed to load the file, in words.
        keras_difference: float. Largest difference between the outputs of the network and of the
            `.keras` file read again; None where none was written.
    """

    network: Network
    outputs: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    keras_difference: float | None = None

    def to_json(self) -> str:
        """As `from_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Conversion:
        """Read what `to_json` wrote.

        Raises:
            ModelError: it is something else.
        """
        try:
            return _ADAPTER.validate_json(text, strict=True)
        except ValidationError as error:
            raise ModelError(
                "The conversion said something that cannot be understood "
                f"({error.errors()[0]['msg']}). Convert again."
            ) from error


_ADAPTER = TypeAdapter(Conversion)


def in_sandbox(
    source: Path,
    folder: Path,
    settings: Settings,
    *,
    kinds: Sequence[str] = ("litert",),
    architecture: str = "",
    size: int | None = None,
    all_outputs: bool = False,
    span: tuple[float, float] | None = None,
) -> Conversion:
    """Convert in a child process with limits, and wait for it.

    Args:
        source: Path. The Keras model.
        folder: Path. Empty folder for what is made.
        settings: Settings. Limits.
        kinds: sequence of str. What to write: "litert", "keras".
        architecture: str. For a file that holds only weights.
        size: int. Side of the input, for a file that leaves it open.
        all_outputs: bool. Keep every output in the LiteRT file, not the score alone.
        span: (low, high). Values that the network takes. Defaults to 0..255 for networks that scale
            their input themselves, else 0..1.

    Returns:
        What the child says of it.

    Raises:
        NoLiteRTError: it does what LiteRT cannot.
        ModelError: the model is hostile or cannot be read, took too much, or the child was ended.
    """
    source, folder = source.resolve(), folder.resolve()
    if not source.exists():
        # At once, not after the seconds that TensorFlow takes to start.
        raise ModelNotFoundError(
            f"{source} cannot be read: it is not there. Check its name.", path=source
        )
    arguments = [
        str(source), str(folder),
        "--max-model-bytes", str(settings.max_model_bytes),
        *(f"--{kind}" for kind in kinds),
        *(("--architecture", architecture) if architecture else ()),
        *(("--size", str(size)) if size else ()),
        *(("--all-outputs",) if all_outputs else ()),
        *((f"--span={span[0]!r},{span[1]!r}",) if span else ()),
    ]  # fmt: skip
    said = sandbox.run(
        MODULE, arguments, readable=[source], writable=[folder], seconds=SECONDS,
        memory=MEMORY + MEMORY_PER_BYTE * size_of(source),
    )  # fmt: skip
    # Layers and libraries may print, too; the record is the last line.
    return Conversion.from_json(said.strip().rpartition("\n")[2])


def was_read(folder: Path) -> bool:
    """Whether the child of `in_sandbox` could read the model, before whatever went wrong.

    Args:
        folder: Path. Where it wrote.
    """
    return (folder / READ_FILE).is_file()


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert, and print the Conversion as the last line."""
    options = _parser().parse_args(arguments)
    # TensorFlow 2.21 with oneDNN crashes on some graphs (Conv2D + Add + ReLU).
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    if hasattr(os, "nice"):
        os.nice(NICE)
    print(convert(options).to_json())
    return 0


def convert(options: argparse.Namespace) -> Conversion:
    """Write the files that were asked for, inputs and outputs to compare with.

    Args:
        options: Namespace. As of the command line.

    Raises:
        ModelError: the model is hostile or cannot be read, or there is no LiteRT for what it does.
    """
    import keras

    from deepfake.modelstore.backends.keras import load
    from deepfake.modelstore.backends.keras_network import describe

    settings = Settings(max_model_bytes=options.max_model_bytes)
    memory = MEMORY_TO_READ + MEMORY_PER_BYTE * size_of(options.source)
    with sandbox.at_most(memory):
        model, changes = load(options.source, settings, options.architecture, options.size)
    network = describe(model, options.size)
    (options.folder / READ_FILE).touch()
    if None in model.inputs[0].shape[1:]:
        # LiteRT wants to know the size beforehand.
        picture = keras.Input((network.size, network.size, network.channels))
        model = keras.Model(picture, model(picture))
    names = list(_outputs(model))
    # Which of several is the score has not been said yet.
    kept = names if options.all_outputs or network.choices else [network.score]
    inputs = parity.inputs_for(network.size, _span(options.span, network), network.channels)
    expected = _run(model, inputs)
    difference = None
    if options.keras:
        difference = _save_keras(model, options.folder / KERAS_FILE, inputs, expected)
    if options.litert:
        served = model
        if kept != names or (len(names) > 1 and not isinstance(model.output, dict)):
            # As a dictionary, so that the output keeps its name.
            served = keras.Model(model.inputs, {name: _outputs(model)[name] for name in kept})
        _export(served, options.folder / LITERT_FILE)
        parity.write(options.folder, inputs, {name: expected[name] for name in kept})
    left_out = tuple(name for name in names if name not in kept)
    return Conversion(network, tuple(kept), left_out, changes, difference)


def _span(text: str, network: Network) -> tuple[float, float]:
    if not text:
        return (0.0, 255.0) if network.rescaling else (0.0, 1.0)
    low, high = (float(edge) for edge in text.split(","))
    return low, high


def _outputs(model: keras.Model) -> dict[str, Any]:
    """Outputs by the names that a LiteRT file gives them; "" for the only one."""
    from deepfake.modelstore.backends.keras_network import named

    # A Sequential model has no `output`.
    structure = getattr(model, "output", None)
    return named(model, model.outputs if structure is None else structure)


def _run(model: keras.Model, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Eagerly: the plain way, without any rewriting of the graph.

    One by one, since Keras keeps what every layer made until the last is done.
    """
    from deepfake.modelstore.backends.keras_network import named

    parts: list[dict[str, np.ndarray]] = []
    for start in range(len(inputs)):
        found = model(inputs[start : start + 1], training=False)
        values = named(model, found)
        parts.append({name: np.asarray(value, np.float32) for name, value in values.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _save_keras(
    model: keras.Model, path: Path, inputs: np.ndarray, expected: dict[str, np.ndarray]
) -> float:
    import keras

    try:
        model.save(path)
        again = _run(keras.saving.load_model(path, compile=False, safe_mode=True), inputs)
    except Exception as error:  # Keras raises whatever its layers raise
        raise ModelError(f"Keras cannot save this model: {_first_line(error)}") from error
    return max(parity.largest_difference(again[name], expected[name]) for name in expected)


def _export(model: keras.Model, path: Path) -> None:
    try:
        path.write_bytes(to_litert(model))
    except Exception as error:  # so does the converter
        if _is_passing(error):
            raise ModelError(
                f"The conversion was cut short ({_first_line(error).removesuffix('.')}). Free "
                "some memory and disk space, then convert again."
            ) from error
        # Before it stand places within the converter and the network.
        operation = OPERATION.search(str(error))
        reason = quoted(operation[0], MAX_QUOTED) if operation else _first_line(error)
        raise parity.NoLiteRTError(f"{NO_LITERT}: {reason}") from error


def _is_passing(error: BaseException | None) -> bool:
    """Whether an error comes from memory, disk or a folder, not from the network."""
    from tensorflow import errors

    passing = (
        OSError, MemoryError, errors.ResourceExhaustedError, errors.NotFoundError,
        errors.PermissionDeniedError, errors.AbortedError, errors.CancelledError,
    )  # fmt: skip
    while error is not None:
        if isinstance(error, passing):
            return True
        # Some parts of TensorFlow and Keras wrap what others raise.
        error = error.__cause__ or error.__context__
    return False


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return quoted(lines[0] if lines else type(error).__name__, MAX_QUOTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=MODULE, description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--litert", action="store_true")
    parser.add_argument("--keras", action="store_true")
    parser.add_argument("--architecture", default="")
    parser.add_argument("--size", type=int)
    parser.add_argument("--all-outputs", action="store_true")
    parser.add_argument("--span", default="", metavar="LOW,HIGH")
    parser.add_argument("--max-model-bytes", type=int, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
