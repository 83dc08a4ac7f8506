"""The ONNX backend: serves `.onnx` files with ONNX Runtime (the extra `onnx`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from deepfake.errors import MissingPackageError, ModelError, UnansweredError
from deepfake.formatting import quoted
from deepfake.manifest import MAX_CLASSES, ModelManifest
from deepfake.modelstore.backends.protocol import (
    EVIDENCE,
    LOGIT,
    Choice,
    Network,
    Opened,
    Scores,
    usual_outputs,
)
from deepfake.settings import Settings

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# Bounds the memory of one call; more faces run as several batches.
MAX_BATCH = 8
SMALLEST, LARGEST = 16, 2048
INPUT_TYPES: Mapping[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
}
OUTPUT_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)")
# What classifiers exported from transformers call theirs.
USUAL_SCORE = "logits"
# Ranges that networks are trained with; what leaves 0..1 on any of them is no probability.
NOISE_RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0))
NOISE_EACH = 3
MAX_QUOTED = 200
ERROR_ONLY = 4  # log severity "fatal": errors come as exceptions all the same
Layout = Literal["NCHW", "NHWC"]


@dataclass(frozen=True)
class _Input:
    """What the network takes.

    Attributes:
        name: str. Of the tensor.
        layout: Layout. Channels first or last.
        size: int. Side in pixels.
        batch: int. Pictures of one run; 0 for any number.
        dtype: numpy type of the values.
        channels: int. 3 for colour, 1 for grey.
        fixed: bool. Whether the file says the size.
    """

    name: str
    layout: Layout
    size: int
    batch: int
    dtype: np.dtype[Any]
    channels: int = 3
    fixed: bool = True


class OnnxBackend:
    """Runs an `.onnx` network on the CPU. Safe to share between threads.

    Args:
        session: InferenceSession. The network.
        taken: _Input. What it takes.
        manifest: ModelManifest. Names of the outputs and size of the input.
        settings: Settings. How many predictions run at the same time.

    Raises:
        ModelError: its inputs or outputs are not what the manifest says.
    """

    name = "ONNX Runtime"

    def __init__(
        self,
        session: InferenceSession,
        taken: _Input,
        manifest: ModelManifest,
        settings: Settings,
    ):
        self._session = session
        self._taken = taken
        self._output, self._columns = manifest.output, manifest.columns
        # A session runs any number of calls at once; this bounds their memory.
        self._free = threading.BoundedSemaphore(settings.interpreters)
        names = [output.name for output in session.get_outputs()]
        if manifest.input.planes != taken.channels:
            raise ModelError(
                f"The manifest says that the model takes {manifest.input.planes} channel(s), but "
                f"its file takes {taken.channels}. Correct 'channels' in the manifest."
            )
        if manifest.input.size != taken.size:
            raise ModelError(
                f"The manifest says that the model takes pictures of {manifest.input.size} × "
                f"{manifest.input.size}, but its file takes {taken.size} × {taken.size}. Correct "
                "the manifest, or export the model again."
            )
        wanted = [name for name in (self._output.score, *self._output.beside_score) if name]
        missing = [name for name in wanted if name not in names]
        if missing or (not self._output.score and len(names) != 1):
            raise ModelError(
                f"The manifest names outputs that the model does not have: {missing}. "
                f"It has: {names}."
            )
        self._score = self._output.score or names[0]
        size = taken.size
        found = self.scores(np.zeros((1, size, size, manifest.input.planes), np.float32))
        if found.evidence is not None and found.evidence.ndim != 3:
            raise ModelError("The evidence output must have the shape (batch, rows, columns).")

    def scores(self, batch: np.ndarray) -> Scores:
        """Run the network.

        Args:
            batch: float32 array (count, size, size, channels), scaled as the manifest says;
                count ≥ 1.

        Returns:
            The raw scores and, where the network has them, the evidence maps.

        Raises:
            ModelError: the network failed, or returned something else than the manifest says.
        """
        names = [self._score, *self._output.beside_score]
        parts = []
        for part in _parts(batch, self._taken.batch):
            with self._free:
                parts.append(_run(self._session, self._taken, part, names))
        columns = self._columns
        raw = np.concatenate([_columns(part[0]) for part in parts])
        if raw.shape != (len(batch), columns):
            raise ModelError(
                f"The manifest says {self._output.kind}, which is {columns} number(s) a face, but "
                f"the model returns {raw.shape[1:]}. Correct the manifest."
            )
        if not np.isfinite(raw).all():
            raise ModelError(
                "The model returned something that is not a number. It may need other values: "
                "check its --scale; or export it again in float32."
            )
        named = [dict(zip(names, part, strict=True)) for part in parts]
        return Scores.of(raw[:, 0] if columns == 1 else raw, named, self._output)


def open_onnx(
    path: Path, settings: Settings, architecture: str = "", size: int | None = None
) -> Opened:
    """Open an `.onnx` file and find out what it takes and returns.

    Weights beside the file (external data) are read from its own folder only; ONNX Runtime refuses
    other places.

    Args:
        path: Path. The file.
        settings: Settings. Threads, and how many predictions run at the same time.
        architecture: str. Not needed: the network is in the file.
        size: int. Side of the input, for files that leave it open. Defaults to none.

    Raises:
        ModelError: ONNX Runtime is not installed; the file is damaged, or needs something that is
            not there; or it is not a network that takes a picture and returns one number, or one of
            each class.
    """
    session = _session(path, settings)
    taken = _input(session, path.name, size)
    choices = _scores(session, taken, path.name)
    names = [output.name for output in session.get_outputs()]
    maps = [o.name for o in session.get_outputs() if o.name == EVIDENCE and len(o.shape or ()) == 3]
    usual = usual_outputs(names)
    score = choices[0].name
    network = Network(
        size=taken.size,
        kind=choices[0].kind,
        guessed=choices[0].guessed,
        score=score if len(names) > 1 else "",
        evidence=maps[0] if maps and score != EVIDENCE else None,
        experts=usual[1] if usual else None,
        architecture=session.get_modelmeta().graph_name or "unknown",
        channels=taken.channels,
        classes=choices[0].classes,
        choices=choices if len(choices) > 1 else (),
    )
    return Opened(network, lambda manifest, now: OnnxBackend(session, taken, manifest, now))


def _session(path: Path, settings: Settings) -> InferenceSession:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "ONNX models need ONNX Runtime, which is not installed. Run: pip install onnxruntime"
        ) from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERROR_ONLY
    # Idle threads would keep their cores busy while waiting for the next picture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its errors have no base class of their own
        raise ModelError(
            _not_loaded(path, str(error).replace(str(path), path.name)), path=path
        ) from error


def _not_loaded(path: Path, error: str) -> str:
    if "External data path does not exist" in error:
        missing = error.rpartition('"')[0].rpartition('"')[2]
        return (
            f"{path.name} keeps its weights in a file of their own, {Path(missing).name}, which is "
            "not beside it. Put it there."
        )
    if "External data path" in error or "external data location" in error:
        return (
            f"{path.name} asks for weights outside its own folder. That is refused: it could read "
            "any file of this machine. Export it again, with its weights beside it."
        )
    if "Protobuf parsing failed" in error or "INVALID_PROTOBUF" in error:
        return f"{path} is damaged or is not an ONNX model. Get it again."
    if "opset" in error.lower() or "IR version" in error:
        return (
            f"{path.name} was exported for a newer ONNX Runtime. Update it: "
            "pip install -U onnxruntime; or export the model with a lower opset, such as 17."
        )
    if "is not a registered function/op" in error or "NOT_IMPLEMENTED" in error:
        return (
            f"{path.name} uses an operation that ONNX Runtime does not have: {_brief(error)} "
            "Export it with standard operations only."
        )
    return f"{path.name} cannot be loaded by ONNX Runtime: {_brief(error)} Export it again."


def _input(session: InferenceSession, name: str, size: int | None) -> _Input:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ModelError(
            f"{name} takes {len(inputs)} inputs ({', '.join(i.name for i in inputs)}). Only "
            "networks that take one picture can be used."
        )
    (found,) = inputs
    shape = list(found.shape or ())
    if found.type not in INPUT_TYPES:
        raise ModelError(
            f"{name} takes {found.type}, not float32 or float16. Export it with an input of "
            "float32."
        )
    if len(shape) != 4:
        raise ModelError(
            f"{name} takes an input of the shape {shape}, not a batch of pictures (batch, 3, "
            "height, width) or (batch, height, width, 3)."
        )
    layout, channels = _layout(shape, name)
    sides = shape[2:] if layout == "NCHW" else shape[1:3]
    fixed = {side for side in sides if _is_number(side)}
    if len(fixed) > 1:
        raise ModelError(
            f"{name} takes pictures of {sides[1]} × {sides[0]} pixels. Only square ones are used "
            "here: export it with a square input."
        )
    if fixed and size and size not in fixed:
        raise ModelError(
            f"{name} takes pictures of {max(fixed)} × {max(fixed)} pixels, not of {size} × {size}. "
            "Leave --size out."
        )
    side = max(fixed) if fixed else size
    if side is None:
        raise UnansweredError(
            f"{name} leaves the size of its input open. Say which one it was trained with: --size, "
            "such as --size 224."
        )
    if not SMALLEST <= side <= LARGEST:
        raise ModelError(
            f"{name} takes pictures of {side} × {side} pixels; only {SMALLEST} to {LARGEST} can be "
            "used."
        )
    batch = shape[0] if _is_number(shape[0]) else 0
    if batch > LARGEST:
        raise ModelError(f"{name} takes batches of {batch} pictures. Export it with a free batch.")
    return _Input(found.name, layout, side, batch, INPUT_TYPES[found.type], channels, bool(fixed))


def _layout(shape: list[int | str | None], name: str) -> tuple[Layout, int]:
    """Where the channels are, and how many. PyTorch often leaves these open, but names them."""
    first, last = shape[1], shape[3]
    for channels in (3, 1):
        if first == channels and last != channels:
            return "NCHW", channels
        if last == channels and first != channels:
            return "NHWC", channels
    if _is_number(first) or _is_number(last):
        raise ModelError(
            f"{name} takes an input of the shape {shape}, which has neither 3 channels "
            "(colour) nor 1 (grey). Only networks for such pictures can be used."
        )
    return ("NHWC" if "channel" in str(last).lower() else "NCHW"), 3


def _scores(session: InferenceSession, taken: _Input, name: str) -> tuple[Choice, ...]:
    """The outputs that could be the score, by what they return for noise; one if that is clear."""
    outputs = [output for output in session.get_outputs() if output.type in OUTPUT_TYPES]
    batch = _noise(taken.size, taken.channels)
    parts = [
        _run(session, taken, part, [output.name for output in outputs])
        for part in _parts(batch, taken.batch or 1)
    ]
    found = {}
    for index, output in enumerate(outputs):
        try:
            joined = np.concatenate([_columns(part[index]) for part in parts])
        except (ModelError, ValueError):
            continue
        if len(joined) == len(batch) and 1 <= joined.shape[1] <= MAX_CLASSES:
            found[output.name] = joined
    usual = LOGIT if usual_outputs(o.name for o in session.get_outputs()) else USUAL_SCORE
    if not found:
        raise ModelError(_no_score(session, name))
    if usual in found:
        found = {usual: found[usual]}
    if not all(np.isfinite(values).all() for values in found.values()):
        raise ModelError(
            f"{name} returns something that is not a number for plain noise. Export it again, in "
            "float32."
        )
    return tuple(Choice.judged(output, values) for output, values in found.items())


def _no_score(session: InferenceSession, name: str) -> str:
    shapes = ", ".join(f"{output.name} {output.shape}" for output in session.get_outputs())
    return (
        f"{name} returns {shapes}. A model that tells real from fake returns one number a picture, "
        "or one of each class. Export the classifier with its last layer."
    )


def _noise(size: int, channels: int) -> np.ndarray:
    random = np.random.default_rng(0)
    shape = (NOISE_EACH, size, size, channels)
    return np.concatenate(
        [random.uniform(low, high, shape).astype(np.float32) for low, high in NOISE_RANGES]
    )


def _parts(batch: np.ndarray, fixed: int) -> Iterator[np.ndarray]:
    step = fixed or MAX_BATCH
    for start in range(0, len(batch), step):
        yield batch[start : start + step]


def _run(
    session: InferenceSession, taken: _Input, batch: np.ndarray, names: list[str]
) -> list[np.ndarray]:
    """The outputs for at most `taken.batch` pictures, in the order of `names`."""
    count = len(batch)
    if taken.batch > count:
        batch = np.concatenate([batch, np.repeat(batch[-1:], taken.batch - count, axis=0)])
    if taken.layout == "NCHW":
        batch = batch.transpose(0, 3, 1, 2)
    values = np.ascontiguousarray(batch, dtype=taken.dtype)
    try:
        outputs = session.run(names, {taken.name: values})
    except Exception as error:  # its errors have no base class of their own
        failed = (
            f"The ONNX model failed on pictures of {taken.size} × {taken.size} pixels: "
            f"{_brief(str(error))}"
        )
        if taken.fixed:
            raise ModelError(
                f"{failed} Export it again, and try it with ONNX Runtime where it was made."
            ) from error
        raise UnansweredError(
            f"{failed} If it was trained with another size, say it with --size."
        ) from error
    return [np.asarray(output)[:count] for output in outputs]


def _columns(output: np.ndarray) -> np.ndarray:
    """(count, numbers a picture), whatever axes of length 1 there are."""
    if output.ndim == 0 or len(output) == 0:
        raise ModelError("The ONNX model returns one number for the whole batch, not one a face.")
    columns: np.ndarray = output.reshape(len(output), -1).astype(np.float32)
    return columns


def _is_number(side: object) -> bool:
    return isinstance(side, int) and side > 0


def _brief(error: str) -> str:
    """The first sentence of ONNX Runtime's message, without its codes and source lines."""
    lines = error.split(" : ", 3)[-1].strip().splitlines()
    return quoted(lines[0] if lines else "no reason given", MAX_QUOTED)
