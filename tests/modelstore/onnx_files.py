"""Tiny ONNX classifiers of the forms that exporters write."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from deepfake.manifest import Calibration, Input, Labels, ModelManifest, Output
from deepfake.modelstore.backends.protocol import Network

TYPES = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16}


def classifier(
    path, *, shape=("batch_size", "num_channels", "height", "width"), columns=2, end="",
    dtype=np.float32, external="", outputs=("logits",), name="pixel_values", bias=None,
):  # fmt: skip
    """Mean of each channel → a linear layer → `end` ("", "Sigmoid", "Softmax").

    Args:
        shape: of the input, as an exporter writes it; channels last if its last is 3.
        external: where the weights are said to be, beside the file; "" for inside.
        outputs: the first is the score; others are copies of it.
    """
    channels = shape[1] if shape[-1] != 3 and isinstance(shape[1], int) else 3
    weights = np.random.default_rng(0).normal(size=(channels, columns)).astype(dtype)
    offset = np.zeros(columns, dtype) if bias is None else np.full(columns, bias, dtype)
    axes = [1, 2] if shape[-1] == 3 else [2, 3]
    last = f"{outputs[0]}_raw" if end else outputs[0]
    nodes = [
        helper.make_node("ReduceMean", [name, "axes"], ["means"], keepdims=0),
        helper.make_node("Gemm", ["means", "weights", "offset"], [last]),
    ]
    if end:
        nodes.append(helper.make_node(end, [last], [outputs[0]]))
    nodes += [helper.make_node("Identity", [outputs[0]], [other]) for other in outputs[1:]]
    stored = numpy_helper.from_array(weights, "weights")
    if external:
        stored.ClearField("raw_data")
        stored.data_location = TensorProto.EXTERNAL
        for key, value in (("location", external), ("offset", "0"), ("length", weights.nbytes)):
            stored.external_data.add(key=key, value=str(value))
        if "/" not in external:
            (path.parent / external).write_bytes(weights.tobytes())
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info(name, TYPES[dtype], list(shape))],
        [helper.make_tensor_value_info(o, TYPES[dtype], [shape[0], columns]) for o in outputs],
        [
            stored,
            numpy_helper.from_array(offset, "offset"),
            numpy_helper.from_array(np.array(axes, np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def manifest(network: Network, **changes) -> ModelManifest:
    output = Output(score=network.score, kind=network.kind, evidence=network.evidence)
    values = {
        "format": 1, "name": "tiny", "version": "1", "architecture": "tiny", "output": output,
        "labels": Labels(order=("real", "fake"), fake="fake"),
        "input": Input(size=network.size, crop=1.3, mean=(0, 0, 0), std=(1, 1, 1)),
        "calibration": Calibration(temperature=1, bias=0, fitted_on="nothing"),
        "threshold": 0.5, "uncertain_band": (0.4, 0.6), "files": {"model.onnx": "0" * 64},
        "licence": "MIT", "training_data": "none",
    }  # fmt: skip
    return ModelManifest(**{**values, **changes})
