"""Files of Keras 2, made loadable in Keras 3.

Keras 2 described the same layers in slightly other words. The description is JSON, so it is
rewritten in a copy of the file; the weights stay as they are. The rules were found by loading
typical kinds of files and comparing outputs, as tests/modelstore/backends/test_keras.py does.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepfake.errors import ModelError
from deepfake.modelstore.keras2 import functions, operations
from deepfake.modelstore.keras2.arithmetic import as_rescaling
from deepfake.modelstore.safety.keras_config import CUSTOM_SCALE, MAX_CONFIG_BYTES, parse_config

Config = dict[str, Any]

# Options that Keras 3 does not have: {kinds of layers: {option: its one value that means nothing}}.
# `...` is any value: with it, too, the layer does the same.
LEFT_OUT: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("DepthwiseConv2D",), {"groups": 1}),
    (
        ("SeparableConv2D", "SeparableConv1D"),
        {"groups": 1, "kernel_initializer": ..., "kernel_regularizer": ...,
         "kernel_constraint": ...},
    ),
    (("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), {"groups": 1}),
    (("SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
     {"time_major": False}),
    # It is built by what it is called with; the last is about masks, which pictures do not have.
    (("MultiHeadAttention",),
     {"query_shape": ..., "key_shape": ..., "value_shape": ..., "softmax_robust_masking": ...}),
    # Keras 3 takes the word for a loss; it is the default.
    (("Attention",), {"score_mode": "dot"}),
)  # fmt: skip
NETWORKS = ("Functional", "Sequential", "Model")


def rewrite(copy: Path) -> tuple[str, ...]:
    """Change the description of the network in an `.h5` file so that Keras 3 can load it.

    Args:
        copy: Path. A copy of the user's file, already inspected; it is changed in place.

    Returns:
        What was changed, in words; nothing for a file of Keras 3.

    Raises:
        ModelError: the description is missing or damaged.
    """
    import h5py

    try:
        with h5py.File(copy, "r+") as file:
            note = file.attrs.get_id("model_config")
            if note.get_type().get_size() * math.prod(note.shape) > MAX_CONFIG_BYTES:
                raise ValueError("it is too long")
            config = parse_config(_text(file.attrs["model_config"]), "the file")
            if written_by_keras_3(_text(file.attrs.get("keras_version", ""))):
                changes = name_operations(config)
            else:
                changes = modernise(config)
            if changes:
                file.attrs["model_config"] = json.dumps(config)
    except ModelError:
        raise
    # What a made-up file lacks or has in excess comes as almost any exception.
    except Exception as error:
        raise damaged(error) from error
    return changes


def damaged(error: Exception) -> ModelError:
    """What to say where rewriting a description ended in an exception."""
    return ModelError(
        "The description of the network in the file is damaged or of an unknown version of Keras "
        f"({type(error).__name__}: {error}). Save the model again where it was made: "
        "model.save('model.h5') in Keras 2, model.save('model.keras') in Keras 3."
    )


def written_by_keras_3(version: str) -> bool:
    """Whether a file is of Keras 3 or later, by the version that it carries ("2.15.0")."""
    major = version.split(".")[0]
    return major.isdecimal() and int(major) >= 3


def name_operations(config: Config) -> tuple[str, ...]:
    """Make operations between layers readable in an `.h5` of Keras 3, in place.

    Args:
        config: dict. The network as `model_config` has it.

    Returns:
        What was changed, in words.
    """
    changes: Counter[str] = Counter()
    for layer in _layers(config):
        kind = layer["class_name"]
        if as_rescaling(layer):
            changes[f"wrote {kind} with a constant as a Rescaling layer"] += 1
        elif operations.of_keras_3(layer):
            changes["said of operations between layers of which module of Keras they are"] += 1
        elif kind == "Attention":
            # Keras 3.15 cannot read its own word there, either.
            for option in _left_out(kind, layer["config"]):
                changes[f"left out {option!r} of {kind}, which is the default"] += 1
    return _told(changes)


def modernise(config: Config) -> tuple[str, ...]:
    """Rewrite a Keras 2 description of a network in place, for Keras 3.

    Args:
        config: dict. The network as `model_config` of Keras 2 has it.

    Returns:
        What was changed, in words, each kind of change once with how often it was made.
    """
    changes: Counter[str] = Counter()
    for layer in _layers(config):
        kind = layer["class_name"]
        if as_rescaling(layer):
            changes[f"wrote {kind} with a constant as a Rescaling layer"] += 1
        elif operations.of_keras_2(layer):
            changes[f"wrote {kind} as an operation of Keras 3"] += 1
        elif operations.attention_of_keras_2(layer):
            changes["wrote what MultiHeadAttention looks at as Keras 3 does"] += 1
        options = layer["config"]
        policy = options.get("dtype")
        if isinstance(policy, dict) and policy.get("class_name") == "Policy":
            options["dtype"] = "float32"
            changes["computes in 32 bits what was trained in 16 and 32 (mixed precision)"] += 1
        for option in _left_out(kind, options):
            changes[f"left out {option!r} of {kind}, which Keras 3 does not have"] += 1
        for option in [name for name in options if name.endswith("activation")]:
            if functions.is_hard_sigmoid(options[option]):
                options[option] = functions.HARD_SIGMOID
                changes["wrote hard_sigmoid as Keras 2 computes it"] += 1
        if kind.startswith("Random") and options.pop("rng_type", None) is not None:
            changes["left out 'rng_type' of random layers, which Keras 3 does not have"] += 1
        if kind == "ThresholdedReLU" and "theta" in options:
            layer["class_name"], options["threshold"] = "ReLU", options.pop("theta")
            changes["wrote ThresholdedReLU as a ReLU with a threshold"] += 1
        if kind == CUSTOM_SCALE:
            layer["class_name"] = "CustomScaleLayer"
            changes["called CustomScaleLayer by its name in Keras 3"] += 1
        axis = options.get("axis")
        if kind == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
            options["axis"] = axis[0]
            changes["wrote the axis of BatchNormalization as a number, not as a list"] += 1
        if kind in NETWORKS:
            _modernise_network(layer, changes)
        elif "batch_input_shape" in options:
            shape = options.pop("batch_input_shape")
            if kind == "InputLayer":
                options["batch_shape"] = shape
                changes["wrote 'batch_input_shape' of the input as 'batch_shape'"] += 1
            else:
                changes["left out 'batch_input_shape' of layers that are no inputs"] += 1
    return _told(changes)


def _left_out(kind: str, options: Config) -> Iterator[str]:
    for kinds, without in LEFT_OUT:
        for option, means_nothing in without.items() if kind in kinds else ():
            if option in options and means_nothing in (..., options[option]):
                value = options.pop(option)
                if value is not None:
                    yield option


def _modernise_network(network: Config, changes: Counter[str]) -> None:
    options = network["config"]
    if network["class_name"] == "Model":
        network["class_name"] = "Functional"
        changes["called the network 'Functional', not 'Model'"] += 1
    layers = options["layers"]
    if network["class_name"] == "Sequential":
        _give_input(options, changes)
        return
    _rename(options, changes)
    inner = {layer["name"] for layer in layers if layer["class_name"] in NETWORKS}
    references = [reference for reference in _references(options) if reference[0] in inner]
    # Keras 2 counts the making of a nested network as its first use. One that was made by being
    # used starts at 0 and is left alone.
    used_at_0 = {reference[0] for reference in references if reference[1] == 0}
    for reference in references:
        if reference[0] not in used_at_0:
            reference[1] -= 1
            changes["counted the uses of nested networks from 0, not from 1"] += 1
    for end in ("input_layers", "output_layers"):
        places = options.get(end)
        if isinstance(places, list) and len(places) == 1 and isinstance(places[0], list):
            options[end] = places[0]
            changes[f"unwrapped the single entry of {end!r}"] += 1


def _give_input(options: Config, changes: Counter[str]) -> None:
    """Before Keras 2.4 the first layer of a Sequential said the shape of the input itself."""
    layers = options["layers"]
    if not layers or layers[0]["class_name"] == "InputLayer":
        return
    shape = layers[0]["config"].get("batch_input_shape")
    if shape is not None and layers[0]["class_name"] not in NETWORKS:
        given: Config = {"batch_input_shape": shape, "dtype": "float32", "name": "input"}
        layers.insert(0, {"class_name": "InputLayer", "config": given})
        changes["gave the Sequential network an input layer"] += 1


def _rename(options: Config, changes: Counter[str]) -> None:
    """DenseNet of Keras 2 calls its layers "conv1/conv"; Keras 3 does not take the stroke.

    Weights are found by the order of the layers, not by their names.
    """
    layers = options["layers"]
    taken = {layer["name"] for layer in layers}
    if len(taken) < len(layers):
        raise ValueError("two layers have the same name")
    names: dict[str, str] = {}
    again: Counter[str] = Counter()
    for layer in layers:
        old = layer["name"]
        if "/" in old:
            new = first = old.replace("/", "_")
            while new in taken:
                again[first] += 1
                new = f"{first}_{again[first]}"
            taken.add(new)
            names[old] = layer["name"] = layer["config"]["name"] = new
            changes["wrote the names of layers without '/'"] += 1
    if names:
        for reference in _references(options):
            reference[0] = names.get(reference[0], reference[0])


def _references(options: Config) -> Iterator[list[Any]]:
    """Every [layer, node, tensor, …] in the connections of a functional network."""
    waiting: list[Any] = [options.get("input_layers"), options.get("output_layers")]
    waiting += [layer.get("inbound_nodes") for layer in options["layers"]]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            if len(item) >= 3 and isinstance(item[0], str) and isinstance(item[1], int):
                yield item
                waiting.extend(item[3:])
            else:
                waiting.extend(item)


def _layers(config: Config) -> Iterator[Config]:
    """Every layer, the networks and wrappers before what they hold."""
    waiting: list[Any] = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            options = item.get("config")
            if isinstance(item.get("class_name"), str) and isinstance(options, list):
                # Sequential before Keras 2.2.3 was a bare list of layers.
                options = item["config"] = {"name": "sequential", "layers": options}
            if isinstance(item.get("class_name"), str) and isinstance(options, dict):
                yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _told(changes: Counter[str]) -> tuple[str, ...]:
    return tuple(
        f"{change} ({count} times)" if count > 1 else change for change, count in changes.items()
    )


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
