"""Steps between layers, such as `a + b` or `preprocess_input(x)`, as Keras 3's operations.

Keras 2 wrote them as TFOpLambda with the name of a TensorFlow function. Keras 3 has operations of
its own and writes them into an `.h5` without their module, so that it does not find them again.
Only what is in these tables is rewritten; each does nothing but compute.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Config = dict[str, Any]

NUMPY, NN, CORE, IMAGE = (f"keras.src.ops.{name}" for name in ("numpy", "nn", "core", "image"))
# What may stand in an `.h5` of Keras 3 without its module.
MODULES: Mapping[str, str] = {
    name: module
    for module, names in {
        NUMPY: """
            Abs Absolute Add All Amax Amin Any Average BroadcastTo Ceil Clip Concatenate Conj Cos
            Divide DivideNoNan Einsum Equal Exp ExpandDims Expm1 Flip Floor FloorDivide GetItem
            Greater GreaterEqual Less LessEqual Log Log10 Log1p Log2 LogicalAnd LogicalNot
            LogicalOr Matmul Max Maximum Mean Median Min Minimum Mod Moveaxis Multiply Negative
            NotEqual OnesLike Pad Power Prod Reciprocal Repeat Reshape Roll Round Sign Sin Split
            Sqrt Square Squeeze Stack Std Subtract Sum Swapaxes Tanh Tile Transpose TrueDivide Var
            Where ZerosLike
        """,
        NN: """
            AveragePool BatchNorm Celu Conv DepthwiseConv Elu Gelu Glu HardShrink HardSigmoid
            HardSilu HardTanh LayerNorm LeakyRelu LogSigmoid LogSoftmax MaxPool Moments Normalize
            Relu Relu6 RMSNorm Selu SeparableConv Sigmoid Silu Softmax Softplus Softsign
        """,
        CORE: "Cast StopGradient",
        IMAGE: "CropImages HSVToRGB PadImages RGBToGrayscale RGBToHSV Resize",
    }.items()
    for name in names.split()
}
# Of two numbers or tensors each.
PAIRS: Mapping[str, str] = {
    "__operators__.add": "Add", "math.add": "Add", "math.subtract": "Subtract",
    "math.multiply": "Multiply", "math.truediv": "TrueDivide", "math.divide": "TrueDivide",
    "math.pow": "Power", "math.maximum": "Maximum", "math.minimum": "Minimum",
    "maximum": "Maximum", "minimum": "Minimum",
}  # fmt: skip
# Of one tensor: what the function is called, and which of its options are called how.
SINGLE: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "abs": ("Absolute", {}), "math.abs": ("Absolute", {}),
    "math.exp": ("Exp", {}), "math.log": ("Log", {}), "math.negative": ("Negative", {}),
    "math.sqrt": ("Sqrt", {}), "math.square": ("Square", {}), "math.tanh": ("Tanh", {}),
    "math.sigmoid": ("Sigmoid", {}), "nn.sigmoid": ("Sigmoid", {}), "nn.tanh": ("Tanh", {}),
    "nn.relu": ("Relu", {}), "nn.relu6": ("Relu6", {}),
    "nn.silu": ("Silu", {}), "nn.swish": ("Silu", {}), "nn.softplus": ("Softplus", {}),
    "math.softplus": ("Softplus", {}),
    "nn.softmax": ("Softmax", {"axis": "axis"}),
    "nn.elu": ("Elu", {}), "nn.leaky_relu": ("LeakyRelu", {"alpha": "negative_slope"}),
    "cast": ("Cast", {"dtype": "dtype"}),
    "clip_by_value": ("Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "expand_dims": ("ExpandDims", {"axis": "axis"}),
    "squeeze": ("Squeeze", {"axis": "axis"}),
    "reshape": ("Reshape", {"shape": "newshape"}),
    "reverse": ("Flip", {"axis": "axis"}),
    "math.reduce_mean": ("Mean", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_max": ("Max", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_min": ("Min", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_sum": ("Sum", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_std": ("Std", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_variance": ("Var", {"axis": "axis", "keepdims": "keepdims"}),
    "image.resize": ("Resize", {"size": "size", "method": "interpolation"}),
    "image.rgb_to_grayscale": ("RGBToGrayscale", {}),
}  # fmt: skip


def of_keras_2(layer: Config) -> bool:
    """Turn a TFOpLambda or SlicingOpLambda into an operation of Keras 3, in place.

    Args:
        layer: dict. One layer of a functional network: class_name, config, inbound_nodes.

    Returns:
        Whether it was one that is known; everything else stays as it is.
    """
    if layer["class_name"] not in ("TFOpLambda", "SlicingOpLambda"):
        return False
    function = str(layer["config"].get("function"))
    nodes = layer.get("inbound_nodes")
    if not isinstance(nodes, list) or len(nodes) != 1:
        return False
    found = _translated(function, nodes[0])
    if found is None:
        return False
    name, options, arguments = found
    layer["class_name"] = layer["registered_name"] = name
    layer["module"] = MODULES[name]
    layer["config"] = {"name": layer["config"].get("name"), **options}
    layer["inbound_nodes"] = [{"args": arguments, "kwargs": {}}]
    layer.pop("build_config", None)
    return True


def of_keras_3(layer: Config) -> bool:
    """Say of which module an operation is that an `.h5` of Keras 3 names, in place.

    Args:
        layer: dict. One layer of a functional network.

    Returns:
        Whether it was one.
    """
    name = layer["class_name"]
    # Layers have the names of operations, too; each says whether it can be trained.
    if "module" in layer or "trainable" in layer["config"] or name not in MODULES:
        return False
    layer["module"], layer["registered_name"] = MODULES[name], name
    return True


def _translated(function: str, node: Any) -> tuple[str, Config, list[Any]] | None:
    """(name of the operation, its options, its arguments); None where it is not known."""
    options: Config
    match node:
        # A list of tensors, each with the same options.
        case [[str(), int(), int(), dict(options)], *_] if function == "concat":
            tensors = [_tensor(item[:3]) for item in node if _is_tensor(item[:3])]
            if len(tensors) != len(node) or set(options) - {"axis", "name"}:
                return None
            return "Concatenate", {"axis": options.get("axis", 0)}, [tensors]
        case ["_CONSTANT_VALUE", -1, first, dict(options)]:
            argument = _argument(first)
        case [str(), int(), int(), dict(options)]:
            argument = _tensor(node[:3])
        case _:
            return None
    if argument is None:
        return None
    options = {key: value for key, value in options.items() if key != "name" and value is not None}
    if function in PAIRS and set(options) == {"y"}:
        other = _argument(options["y"])
        return None if other is None else (PAIRS[function], {}, [argument, other])
    if function == "nn.bias_add" and options.pop("data_format", "NHWC") == "NHWC":
        other = _argument(options.pop("bias", None))
        return None if other is None or options else ("Add", {}, [argument, other])
    if function == "__operators__.getitem" and set(options) == {"slice_spec"}:
        places = _places(options["slice_spec"])
        return None if places is None else ("GetItem", {}, [argument, places])
    if function not in SINGLE:
        return None
    name, names = SINGLE[function]
    if set(options) - set(names):
        return None
    return name, {names[key]: value for key, value in options.items()}, [argument]


def attention_of_keras_2(layer: Config) -> bool:
    """Write how MultiHeadAttention is called as Keras 3 does, in place: its value is an argument.

    Args:
        layer: dict. As of `of_keras_2`.

    Returns:
        Whether it was one that is called with tensors and nothing else.
    """
    if layer["class_name"] != "MultiHeadAttention":
        return False
    match layer.get("inbound_nodes"):
        case [[[str(name), int(node), int(tensor), dict(given)]]]:
            named = {key: value for key, value in given.items() if value not in (None, False)}
            if not all(key in ("value", "key") and _is_tensor(v) for key, v in named.items()):
                return False
            tensors = {key: _tensor(value) for key, value in named.items()}
            query = _tensor([name, node, tensor])
            layer["inbound_nodes"] = [{"args": [query], "kwargs": tensors}]
            return True
    return False


def _argument(value: Any) -> Any:
    """A tensor or a constant as Keras 3 writes it; None for anything else."""
    if _is_tensor(value):
        return _tensor(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
        return {"class_name": "__tensor__", "config": {"value": value, "dtype": "float32"}}
    return None


def _is_tensor(value: Any) -> bool:
    match value:
        case [str(name), int(), int()]:
            return not name.startswith("_")
    return False


def _tensor(place: list[Any]) -> Config:
    # Keras looks the tensor up by its place; this shape is not used.
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None], "dtype": "float32", "keras_history": list(place[:3])},
    }


def _places(slices: Any) -> list[Any] | None:
    """What stands in the brackets of x[…]."""
    found: list[Any] = []
    for item in slices if isinstance(slices, list) else [slices]:
        match item:
            case {"class_name": "__ellipsis__"}:
                found.append({"class_name": "__ellipsis__", "config": {}})
            case {"start": start, "stop": stop, "step": step}:
                edges = {"start": start, "stop": stop, "step": step}
                if any(not isinstance(edge, int | None) for edge in edges.values()):
                    return None
                found.append({"class_name": "__slice__", "config": edges})
            case int():
                found.append(item)
            case _:
                return None
    return found
