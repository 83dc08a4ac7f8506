"""Tiny ONNX models whose scores can be told by hand."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def brightness(path: Path, *, slope: float = 1.0, size: int = 32, columns: int = 1) -> Path:
    """A model that returns slope × the mean value of the picture: one number, or (−it, it)."""
    weights = np.array([[slope]] if columns == 1 else [[-slope, slope]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "weights"], ["score"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(weights, "weights"),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", size, size, 3])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", columns])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


def channel_means(
    path: Path, weights: list[list[float]], *, size: int = 32, softmax: bool = False
) -> Path:
    """A model whose outputs are weighted means of the channels of its picture.

    Args:
        weights: a row for each channel that it takes, with a number for each output.
    """
    matrix = np.array(weights, np.float32)
    last = "sums" if softmax else "score"
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], [last]),
        *([helper.make_node("Softmax", [last], ["score"], axis=1)] if softmax else []),
    ]
    taken = ["n", size, size, len(matrix)]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, taken)],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", matrix.shape[1]])],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array(matrix, "weights"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path
