"""Checks the description of a Keras model before Keras builds anything from it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from deepfake.errors import HostileModelError, ModelError
from deepfake.modelstore.safety import keras_names as names

MAX_CONFIG_BYTES = 32_000_000
MAX_DEPTH = 200
MAX_ITEMS = 2_000_000

# The largest value that a network for pictures has a use for; more would only fill the memory.
_LARGEST = {
    "batch_input_shape": 65_536,
    "batch_shape": 65_536,
    "dilation_rate": 4_096,
    "filters": 262_144,
    "height": 16_384,
    "input_dim": 10_000_000,
    "kernel_size": 4_096,
    "key_dim": 65_536,
    "num_heads": 4_096,
    "num_tokens": 10_000_000,
    "output_dim": 1_000_000,
    "padding": 16_384,
    "pool_size": 16_384,
    "target_shape": 100_000_000,
    "units": 1_000_000,
    "value_dim": 65_536,
    "width": 16_384,
}

# They read a file of the machine that loads them when the vocabulary is a text (CVE-2025-12058).
_VOCABULARIES = frozenset(("StringLookup", "IntegerLookup", "TextVectorization"))
_OPERATION_LAYERS = frozenset(("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod"))
_FOREIGN = {
    "TFSMLayer": "runs a SavedModel from elsewhere on the disk",
    "TorchModuleWrapper": "runs a pickled PyTorch module",
    "FlaxLayer": "runs a Python function",
    "JaxLayer": "runs a Python function",
}
# Keras's own, of InceptionResNetV2, which Keras 2 registered as if a user's.
CUSTOM_SCALE = "Custom>CustomScaleLayer"
_KERAS = frozenset(("keras", "tf_keras", "keras_core"))
_INNER_PACKAGES = frozenset(("keras", "_tf_keras", "api", "src", "v2", "_v2", "python"))


def parse_config(text: str | bytes, what: str) -> dict[str, Any]:
    """Read JSON that a model file holds.

    Args:
        text: str or bytes. The JSON, as UTF-8.
        what: str. What it is, for the message, such as "model.h5".

    Returns:
        The object in it.

    Raises:
        ModelError: it is too large, too deep, damaged, or no object.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise HostileModelError(
            f"The description of the network in {what} is {len(text):,} bytes long; at most "
            f"{MAX_CONFIG_BYTES:,} are read. It is not from a usual model: get the file from its "
            "author again."
        )
    try:
        config = json.loads(text)
    # A RecursionError comes of brackets within brackets, thousands deep.
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"The description of the network in {what} cannot be read: it is damaged or not JSON. "
            "Get the file again, or save the model again."
        ) from error
    if not isinstance(config, dict):
        raise ModelError(
            f"The description of the network in {what} is not what Keras writes. "
            "Save the model again with model.save('model.keras')."
        )
    return config


def inspect_config(config: dict[str, Any]) -> None:
    """Refuse a description that names anything but Keras's own layers and their parts.

    Keras's own protection (`safe_mode`) is a list of what is bad and was got around several times;
    this is a list of what is good. The loss, metrics and optimizer of the whole model
    (`compile_config`) may be anything: they are never read, because models are loaded with
    `compile=False`.

    Args:
        config: dict. `config.json` of a `.keras` file, or `model_config` of an `.h5` file.

    Raises:
        ModelError: it names code, files or unknown classes, or is too large or too deep.
    """
    todo: list[tuple[Any, int, str]] = [
        (value, 1, key) for key, value in config.items() if key != "compile_config"
    ]
    if "class_name" in config:
        _inspect_object(config)
    seen = 0
    while todo:
        item, depth, key = todo.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_ITEMS:
            raise HostileModelError(
                "The description of the network is deeper or longer than that of any usual model, "
                "so it was not loaded. Get the file from its author again."
            )
        if isinstance(item, dict):
            if "class_name" in item:
                _inspect_object(item)
            todo.extend((value, depth + 1, str(name)) for name, value in item.items())
        elif isinstance(item, list):
            todo.extend((value, depth + 1, key) for value in item)
        elif isinstance(item, int) and abs(item) > _LARGEST.get(key, abs(item)):
            raise HostileModelError(
                f"The description of the network asks for {key}={item:,}, more than any network "
                "for pictures has. It was not loaded, because it would fill the memory."
            )


def refuse_namesake(item: dict[str, Any]) -> None:
    """Refuse an object of Keras 2 whose class has the name of one of Keras's and is another one.

    Args:
        item: dict. {"class_name", "config", "module", "registered_name"}; the last two may lack.

    Raises:
        ModelError: it says that somebody else registered its class.
    """
    name, module, registered = (
        item.get(key) for key in ("class_name", "module", "registered_name")
    )
    if name not in names.CLASSES or not registered or registered == CUSTOM_SCALE:
        return
    if module is None or not _is_keras(str(module)) or not _is_plain(str(registered), str(name)):
        raise HostileModelError(
            f"The model holds a layer of its author's own{_called(item)}, which only has the name "
            f"of Keras's {name}. It is code, and only Keras's own layers are loaded. Export the "
            "model as ONNX or LiteRT (.tflite) where that class is defined."
        )


def _inspect_object(item: dict[str, Any]) -> None:
    """One object that Keras would make: {"class_name", "config", "module", "registered_name"}."""
    name = item["class_name"]
    module = item.get("module")
    registered = item.get("registered_name")
    if not isinstance(name, str):
        _refuse_damaged()
    if not isinstance(module, str | None) or not isinstance(registered, str | None):
        _refuse_damaged()
    if name in ("Lambda", "__lambda__"):
        raise HostileModelError(
            f"The model holds a Lambda layer{_called(item)}: Python code inside the file. Code in "
            "model files is never run here. Replace the layer by one of Keras's own (Rescaling, "
            "Activation, Resizing …) and save the model again, or export it as ONNX or LiteRT "
            "(.tflite) where it was trained."
        )
    if name in _OPERATION_LAYERS:
        raise ModelError(
            f"The model holds a {name}{_called(item)}: a TensorFlow operation written straight "
            "into the network, such as x / 127.5 - 1, which Keras 3 cannot read. Use a Rescaling "
            "layer in its place and save the model again, or export it as ONNX or LiteRT (.tflite) "
            "where it was trained."
        )
    if name in _FOREIGN:
        raise HostileModelError(
            f"The model holds a {name}{_called(item)}, which {_FOREIGN[name]}. That is not loaded "
            "from a file. Export the model as ONNX or LiteRT (.tflite) where it was trained."
        )
    if name == "function":
        _inspect_function(item, module, registered)
        return
    if name in names.VALUES:
        return
    if name in names.OURS and registered == f"deepfake>{name}":
        return
    if _is_operation(name, module):
        return
    if name not in names.CLASSES or not _is_keras(module) or not _is_plain(registered, name):
        shown = ".".join(part for part in (module, name) if part)
        raise HostileModelError(
            f"The model names {_short(registered if _is_keras(module) and registered else shown)}"
            f"{_called(item)}, which is not one of Keras's own layers. Only those are loaded, "
            "because anything else is code. Export the model as ONNX or LiteRT (.tflite) where "
            "that class is defined."
        )
    if name in _VOCABULARIES:
        _inspect_vocabulary(item, name)


def _inspect_function(item: dict[str, Any], module: str | None, registered: str | None) -> None:
    function = item.get("config")
    if not isinstance(function, str):
        _refuse_damaged()
    allowed = module in (None, "builtins") or _is_keras(module)
    if function in names.OUR_FUNCTIONS and registered == f"deepfake>{function}":
        return
    if (
        function in names.FUNCTIONS
        and allowed
        and registered in (None, "", "function", "builtins", function)
    ):
        return
    shown = ".".join(part for part in (module, function) if part)
    raise HostileModelError(
        f"The model names the function {_short(shown)}, which is not one of Keras's activations. "
        "It was not loaded, because functions named in a file could do anything. If the model is "
        "yours, use one of Keras's own activations or export it as ONNX or LiteRT (.tflite); "
        "otherwise do not trust the file."
    )


def _inspect_vocabulary(item: dict[str, Any], name: str) -> None:
    inner = item.get("config")
    settings = inner if isinstance(inner, dict) else {}
    if any(isinstance(settings.get(key), str) for key in ("vocabulary", "idf_weights")):
        raise HostileModelError(
            f"The model's {name} layer{_called(item)} names a file to read on this machine. Model "
            "files must not do that. Save the model again with the words themselves in it."
        )


def _is_keras(module: str | None) -> bool:
    """Whether a module is a part of Keras that holds layers and their parts, or not named."""
    if module is None:
        return True
    if not re.fullmatch(r"\w+(\.\w+)*", module):
        return False
    parts = module.split(".")
    if parts[0] == "tensorflow":
        parts = parts[1:]
        while parts and parts[0] in ("python", "compat", "v1", "v2"):
            parts = parts[1:]
    if not parts or parts[0] not in _KERAS:
        return False
    parts = parts[1:]
    while parts and parts[0] in _INNER_PACKAGES:
        parts = parts[1:]
    return not parts or parts[0] in names.SECTIONS


def _is_operation(name: str, module: str | None) -> bool:
    """Whether it is a step such as `x / 127.5` in the graph, as Keras 3 writes it."""
    return (
        module is not None
        and re.fullmatch(r"keras(\.src)?\.ops(\.(core|image|linalg|math|nn|numpy))?", module)
        is not None
        and re.fullmatch(r"[A-Z]\w*", name) is not None
        and name not in names.OPERATIONS_WITH_FUNCTIONS
    )


def _is_plain(registered: str | None, name: str) -> bool:
    if not registered or registered == name:
        return True
    package, _, rest = registered.rpartition(">")
    return rest == name and package.split(".")[0].lower() in _KERAS


def _called(item: dict[str, Any]) -> str:
    inner = item.get("config")
    name = item.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    return f" ({_short(name)})" if isinstance(name, str) and name else ""


def _short(text: str) -> str:
    """As text from an untrusted file may be shown: short, and without control characters."""
    return repr(text if len(text) <= 80 else text[:79] + "…")


def _refuse_damaged() -> NoReturn:
    raise ModelError(
        "The description of the network is damaged: something in it has no proper name. "
        "Get the file again, or save the model again."
    )
