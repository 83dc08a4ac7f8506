"""What a loaded Keras model says of itself: its input, its output, and scaling inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepfake.errors import ModelError, UnansweredError
from deepfake.manifest import MAX_CLASSES
from deepfake.modelstore.backends.protocol import (
    LOGIT,
    Choice,
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
    shape = (side, side, channels)
    names = list(named(model, getattr(model, "output", None)))
    usual = usual_outputs(names) if len(names) > 1 else None
    choices = _choices(model, shape, usual is not None)
    first = choices[0]
    evidence, experts = usual or (None, None)
    return Network(
        size=side, kind=first.kind, score=first.name, evidence=evidence, experts=experts,
        rescaling=", ".join(_rescaling(model)), architecture=str(model.name),
        channels=channels, classes=first.classes, choices=choices if len(choices) > 1 else (),
    )  # fmt: skip


def named(model: Any, outputs: Any) -> dict[str, Any]:
    """What a model returned, or will return, by name; "" for the only output.

    Args:
        model: keras.Model.
        outputs: a tensor, or a dictionary or list of tensors.
    """
    if isinstance(outputs, dict):
        return dict(outputs)
    if not isinstance(outputs, list | tuple):
        return {"": outputs}
    if len(outputs) == 1:
        return {"": outputs[0]}
    names = list(model.output_names)
    if len(set(names)) < len(outputs):
        # Several of one layer.
        names = [f"output_{index}" for index in range(len(outputs))]
    return dict(zip(names, outputs, strict=True))


def pick(model: Any, outputs: Any, name: str) -> Any:
    """One of the outputs of a model.

    Args:
        model: keras.Model.
        outputs: as for `named`.
        name: str. Which one; "" for the only one.
    """
    found = named(model, outputs)
    return found[name] if name else next(iter(found.values()))


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


def _choices(model: Any, shape: tuple[int, ...], usual: bool) -> tuple[Choice, ...]:
    """The outputs that could be the score; what else a model returns is left out.

    Of a usual network, as `deepfake train` makes them, that is the one named so.
    """
    # A Sequential model has no `output`.
    structure = getattr(model, "output", None)
    tensors = named(model, _list(model, "outputs") if structure is None else structure)
    if usual:
        tensors = {LOGIT: tensors[LOGIT]}
    alone = len(tensors) == 1
    choices, problems = [], []
    for name, tensor in tensors.items():
        # A dictionary with one output has a name for it, which nobody needs.
        score = "" if alone and not usual else name
        try:
            columns = _columns(tuple(tensor.shape))
            activation = _activation(tensor)
            if usual and activation is None:
                activation = "linear"
            kind = (
                _judged(model, score, shape, columns)
                if activation is None
                else _kind(activation, columns)
            )
        except ModelError as error:
            problems.append(error)
        else:
            choices.append(Choice(score, kind, max(2, columns)))
    if not choices and alone:
        raise problems[0]
    if not choices:
        raise ModelError(
            f"The model has {len(tensors)} outputs ({', '.join(tensors)}), and none of them is a "
            "score: one number a picture, or one of each class. Export it with that output alone."
        )
    return tuple(choices)


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
        # One by one: a large network may not have the memory for all.
        for one in noise * scale:
            output = pick(model, model(one[None], training=False), score)
            found.append(np.asarray(output, np.float32).reshape(1, columns))
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
