"""What a loaded Keras model says of itself: its input, its output, and scaling inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepfake.errors import ModelError, UnansweredError
from deepfake.manifest import MAX_CLASSES
from deepfake.modelstore.backends.protocol import (
    LOGIT,
    Network,
    OutputKind,
    output_kind,
    usual_outputs,
)

SINGLE: dict[str, OutputKind] = {"sigmoid": "sigmoid", "hard_sigmoid": "sigmoid", "linear": "logit"}
# Sigmoids of several classes: verdict.fake_logits compares their logarithms, p1 / (p0 + p1).
PAIR: dict[str, OutputKind] = {"softmax": "softmax", "sigmoid": "softmax", "linear": "logits"}
# Layers that hand on what they get, when scoring.
PASSIVE = (
    "Dropout", "Flatten", "Identity", "Reshape", "SpatialDropout2D", "Cast", "GaussianNoise",
)  # fmt: skip
ARITHMETIC = ("Add", "Divide", "Multiply", "Subtract", "TrueDivide", "True_divide")
NOISE_COUNT = 8


def describe(model: Any, size: int | None = None) -> Network:
    """Read input and output off a model.

    Args:
        model: keras.Model. Functional or Sequential, built.
        size: int. Side of its input where the model leaves that open.

    Raises:
        ModelError: it does not look at one square RGB picture, or does not tell two classes apart.
    """
    inputs = _list(model, "inputs")
    if len(inputs) != 1:
        raise ModelError(
            f"The model takes {len(inputs)} inputs; only models that look at one picture can be "
            "used. Export a model with a single image input."
        )
    side, channels = _side(tuple(inputs[0].shape), size)
    score, (evidence, experts), tensor = _score(model)
    shape = tuple(tensor.shape)
    columns = _columns(shape)
    activation = _activation(tensor)
    if activation is None:
        kind = _judged(model, score, (side, side, channels), columns)
    else:
        kind = _kind(activation, columns)
    return Network(
        size=side, kind=kind, score=score, evidence=evidence, experts=experts,
        rescaling=", ".join(_rescaling(model)), architecture=str(model.name),
        channels=channels, classes=max(2, columns),
    )  # fmt: skip


def pick(outputs: Any, name: str) -> Any:
    """One of the outputs of a model.

    Args:
        outputs: what calling the model returned: a tensor, or a dictionary or list of tensors.
        name: str. Which one; "" for the only one.
    """
    if isinstance(outputs, dict):
        return outputs[name] if name else next(iter(outputs.values()))
    return outputs[0] if isinstance(outputs, list | tuple) else outputs


def _list(model: Any, which: str) -> list[Any]:
    try:
        return list(getattr(model, which) or ())
    except (AttributeError, ValueError) as error:
        raise ModelError(
            "The model does not say what it takes and returns. Where it was made, call it once on "
            "a picture and save it again with model.save('model.keras')."
        ) from error


def _side(shape: tuple[int | None, ...], size: int | None) -> tuple[int, int]:
    """Side and channels of the pictures that it takes."""
    if len(shape) != 4:
        raise ModelError(
            f"The model takes numbers of the shape {_words(shape)}, not pictures (height × width "
            "× 3). Export a model whose input is a picture."
        )
    _, height, width, channels = shape
    if channels not in (1, 3) and shape[1] == 3:
        raise ModelError(
            f"The model takes colour first ({_words(shape)}). Convert it to channels_last."
        )
    if channels not in (1, 3):
        raise ModelError(
            f"The model's input must have 3 channels (colour) or 1 (grey), not {channels}."
        )
    if height is None or width is None:
        if size is None:
            raise UnansweredError(
                "The model takes pictures of any size, and the one it was trained with is not in "
                "the file. Say it: --size 224, for example."
            )
        return size, channels
    if height != width:
        raise ModelError(
            f"The model takes pictures of {height} × {width}; only square ones can be used, so "
            "that faces are not squeezed. Export it with a square input."
        )
    return height, channels


def _score(model: Any) -> tuple[str, tuple[str | None, tuple[str, str] | None], Any]:
    """Name of the score, those of evidence map and experts, and the score's symbolic tensor."""
    outputs = _list(model, "outputs")
    structure = getattr(model, "output", None)
    if isinstance(structure, dict) and len(outputs) > 1:
        usual = usual_outputs(structure)
        if usual is not None:
            return LOGIT, usual, structure[LOGIT]
    if len(outputs) != 1:
        names = f" ({', '.join(structure)})" if isinstance(structure, dict) else ""
        raise ModelError(
            f"The model has {len(outputs)} outputs{names}; only one that tells real from fake can "
            "be used. Export a model with that output alone."
        )
    return "", (None, None), outputs[0]


def _columns(shape: tuple[int | None, ...]) -> int:
    if len(shape) == 1:
        return 1
    if len(shape) == 2 and shape[1] is not None and 1 <= shape[1] <= MAX_CLASSES:
        return int(shape[1])
    if len(shape) == 2 and shape[1] is not None:
        raise ModelError(
            f"The model tells {shape[1]} classes apart, not real from fake; up to {MAX_CLASSES} "
            "can be used."
        )
    raise ModelError(
        f"The model returns numbers of the shape {_words(shape)}, not one or one of each class for "
        "a picture. It is perhaps a backbone without its classifier: name the whole model."
    )


def _activation(tensor: Any) -> str | None:
    """The activation that made a tensor; None where the network does not say it."""
    while True:
        history: Any = getattr(tensor, "_keras_history", None)
        operation = getattr(history, "operation", None)
        if operation is None:
            return None
        name = type(operation).__name__
        if name in ("Functional", "Sequential"):
            index = history.tensor_index
            tensor = operation.outputs[index]
        elif name in PASSIVE:
            tensor = operation.input
        elif name in ("Softmax", "Sigmoid"):
            return name.lower()
        else:
            activation = getattr(operation, "activation", None)
            return None if activation is None else str(getattr(activation, "__name__", ""))


def _kind(activation: str, columns: int) -> OutputKind:
    if columns == 1 and activation == "softmax":
        raise ModelError(
            "The model ends in a softmax of a single number, which is always 1: it cannot tell "
            "anything apart. Train it with Dense(1, activation='sigmoid')."
        )
    kinds = SINGLE if columns == 1 else PAIR
    if activation not in kinds:
        raise ModelError(
            f"The model ends in {activation!r}, which gives neither a probability nor a logit. "
            "Use one whose last layer is a sigmoid, a softmax or linear."
        )
    return kinds[activation]


def _judged(model: Any, score: str, shape: tuple[int, ...], columns: int) -> OutputKind:
    """The kind of an output whose last step is not an activation, by what noise gives."""
    noise = np.random.default_rng(0).random((NOISE_COUNT, *shape), np.float32)
    found = []
    for scale in (1.0, 255.0):
        outputs = pick(model(noise * scale, training=False), score)
        found.append(np.asarray(outputs, np.float32).reshape(NOISE_COUNT, columns))
    return output_kind(np.concatenate(found))


def _rescaling(model: Any) -> Iterator[str]:
    """Scaling of the input, from the input up to the first layer that learned something."""
    for operation in _operations(model):
        name = type(operation).__name__
        if name == "Rescaling":
            yield f"Rescaling(scale={_number(operation.scale)}, offset={_number(operation.offset)})"
        elif name == "Normalization":
            yield "Normalization"
        elif name in ARITHMETIC and len(_inputs(operation)) == 1:
            yield f"{name.lower()} on the input"
        elif getattr(operation, "weights", None):
            return


def _operations(model: Any) -> Iterator[Any]:
    for operation in getattr(model, "operations", None) or model.layers:
        if type(operation).__name__ in ("Functional", "Sequential"):
            yield from _operations(operation)
        else:
            yield operation


def _inputs(operation: Any) -> list[Any]:
    try:
        given = operation.input
    except (AttributeError, ValueError):
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _number(value: Any) -> str:
    values = np.ravel(np.asarray(value, np.float64))
    return ", ".join(f"{number:.3g}" for number in values)


def _words(shape: tuple[int | None, ...]) -> str:
    return " × ".join("any" if side is None else str(side) for side in shape[1:])
