"""Arithmetic between layers, such as `x / 127.5 - 1`, as Rescaling layers.

Keras 2 wrote such steps as TFOpLambda, which Keras 3 does not know; Keras 3 itself cannot read
them back from an `.h5`. A step with a constant is what a Rescaling layer does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Config = dict[str, Any]
Constant = float | list[float]

FUNCTIONS = {
    "math.truediv": "divide",
    "math.divide": "divide",
    "math.multiply": "multiply",
    "math.subtract": "subtract",
    "math.add": "add",
    "__operators__.add": "add",
}
OPERATIONS = {
    "TrueDivide": "divide",
    "Divide": "divide",
    "Multiply": "multiply",
    "Subtract": "subtract",
    "Add": "add",
}
EITHER_WAY = ("multiply", "add")


def as_rescaling(layer: Config) -> bool:
    """Turn an arithmetic step with a constant into a Rescaling layer, in place.

    Args:
        layer: dict. One layer of a functional network: class_name, config, inbound_nodes.

    Returns:
        Whether it was one; everything else stays as it is.
    """
    if layer["class_name"] == "TFOpLambda":
        step = FUNCTIONS.get(str(layer["config"].get("function")))
        found = None if step is None else _keras_2(layer.get("inbound_nodes"))
    else:
        step = OPERATIONS.get(layer["class_name"])
        found = None if step is None else _keras_3(layer.get("inbound_nodes"), step)
    if step is None or found is None:
        return False
    nodes, constant = found
    linear = _linear(step, constant)
    if linear is None:
        return False
    scale, offset = linear
    layer["class_name"] = "Rescaling"
    layer["config"] = {
        "name": layer["config"].get("name"), "dtype": "float32", "scale": scale, "offset": offset,
    }  # fmt: skip
    layer["inbound_nodes"] = nodes
    return True


def _keras_2(nodes: Any) -> tuple[Any, Constant] | None:
    """[[layer, node, tensor, {"y": constant, "name": …}]] → its input and the constant."""
    match nodes:
        case [[str(name), int(node), int(tensor), {"y": constant, **rest}]]:
            if name.startswith("_") or not _is_constant(constant):
                return None
            if any(value is not None for value in rest.values()):
                return None
            return [[[name, node, tensor, {}]]], constant
    return None


def _keras_3(nodes: Any, step: str) -> tuple[Any, Constant] | None:
    """[{"args": [tensor, constant], "kwargs": {}}] → its input and the constant."""
    match nodes:
        case [{"args": [dict(tensor), constant], "kwargs": {**rest}}] if not rest:
            pass
        case [{"args": [constant, dict(tensor)], "kwargs": {**rest}}] if not rest:
            if step not in EITHER_WAY:
                return None
        case _:
            return None
    if not _is_constant(constant):
        return None
    return [{"args": [tensor], "kwargs": {}}], constant


def _linear(step: str, constant: Constant) -> tuple[Constant, Constant] | None:
    """Scale and offset of `x step constant`."""
    if step == "multiply":
        return constant, 0.0
    if step == "add":
        return 1.0, constant
    if step == "subtract":
        return 1.0, _each(constant, lambda value: -value)
    if 0 in (constant if isinstance(constant, list) else [constant]):
        return None
    return _each(constant, lambda value: 1.0 / value), 0.0


def _each(constant: Constant, change: Callable[[float], float]) -> Constant:
    if isinstance(constant, list):
        return [change(value) for value in constant]
    return change(constant)


def _is_constant(value: Any) -> bool:
    if isinstance(value, list):
        # One for each colour.
        return len(value) in (1, 3) and all(_is_number(item) for item in value)
    return _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
