"""Functions that have the same name in Keras 2 and 3, and other values."""

from __future__ import annotations

from typing import Any

_NAME, _PACKAGE = "hard_sigmoid_of_keras_2", "deepfake"
# As Keras 3 describes a function that is registered.
HARD_SIGMOID = {
    "class_name": "function",
    "config": _NAME,
    "module": "builtins",
    "registered_name": f"{_PACKAGE}>{_NAME}",
}


def is_hard_sigmoid(activation: Any) -> bool:
    """Whether an activation in a description of Keras 2 is its `hard_sigmoid`.

    Args:
        activation: what stands there: a name, or an object that has it.
    """
    if isinstance(activation, dict) and activation.get("class_name") == "function":
        activation = activation.get("config")
    return bool(activation == "hard_sigmoid")


def register() -> None:
    """Make them known to Keras 3, which finds them by the names in a rewritten description."""
    import keras
    from keras import ops

    if keras.saving.get_registered_object(HARD_SIGMOID["registered_name"]) is not None:
        return

    def hard_sigmoid(x: Any) -> Any:
        """max(0, min(1, 0.2 x + 0.5)) of Keras 2; Keras 3 has relu6(x + 3) / 6 by that name."""
        return ops.clip(0.2 * x + 0.5, 0.0, 1.0)

    keras.saving.register_keras_serializable(_PACKAGE, _NAME)(hard_sigmoid)
