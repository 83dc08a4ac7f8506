"""Writes hostile model files. Their only payload is an empty canary file that must not appear."""

from __future__ import annotations

import base64
import json
import marshal
import os
import pickle
import random
import stat
import zipfile
from pathlib import Path

import h5py
import numpy as np

PATH_OUTSIDE = "/etc/hostname"


def payload(canary):
    """Python code, as Keras keeps that of a Lambda layer."""
    code = compile(f"open({str(canary)!r}, 'w').close()", "<lambda>", "exec")
    return base64.b64encode(marshal.dumps(code)).decode()


def network(*layers, **more):
    """The description of a Sequential model with these layers."""
    start = {"class_name": "InputLayer", "config": {"batch_shape": [None, 32, 32, 3]}}
    config = {"name": "sequential", "layers": [start | {"module": "keras.layers"}, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": config} | more


def layer(class_name, module="keras.layers", **config):
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def lambda_layer(canary):
    code = payload(canary)
    return network(
        layer("Lambda", function={"class_name": "__lambda__", "config": {"value": code}})
    )


def configs(canary):
    """Descriptions that name what is not Keras's own, by what they try."""
    call = {"args": [], "kwargs": {"inputs": f"touch {canary}"}}
    dense = {"units": 1}
    return {
        "lambda": lambda_layer(canary),
        "lambda of Keras 2": network(
            {"class_name": "Lambda", "config": {"function": [payload(canary), None, None]}}
        ),
        "lambda as activation": network(
            layer("Dense", activation={"class_name": "__lambda__", "config": {"value": "x"}})
        ),
        "os.system as activation": network(
            layer("Dense", **dense, activation=function("os", "system"))
        ),
        "os.system as layer": network(layer("system", "os") | {"inbound_nodes": [call]}),
        "subprocess.run as initializer": network(
            layer("Dense", **dense, kernel_initializer=function("subprocess", "run"))
        ),
        "builtins.eval": network(layer("Dense", activation=function("builtins", "eval"))),
        "keras.utils.get_file": network(
            layer("Dense", activation=function("keras.utils", "get_file"))
        ),
        "get_file by its hidden name": network(
            layer("Dense", activation=function("keras.src.utils.file_utils", "get_file"))
        ),
        "load_model": network(
            layer("Activation", activation=function("keras.models", "load_model"))
        ),
        "enable_unsafe_deserialization": network(
            layer(
                "Activation", activation=function("keras.config", "enable_unsafe_deserialization")
            )
        ),
        "deserialize among the activations": network(
            layer("Activation", activation=function("keras.activations", "deserialize"))
        ),
        "a known name from a strange module": network(layer("Dense", "evil.layers", units=1)),
        "a known name from a hidden module": network(layer("Dense", "keras.src.utils", units=1)),
        "a known name registered otherwise": network(
            layer("Dense", units=1) | {"registered_name": "evil>Dense"}
        ),
        "torch module": network(layer("TorchModuleWrapper", module=payload(canary))),
        "SavedModel from elsewhere": network(layer("TFSMLayer", filepath="/tmp/evil")),
        "JAX function": network(layer("JaxLayer", call_fn=function("os", "system"))),
        "vocabulary from the disk": network(layer("StringLookup", vocabulary=PATH_OUTSIDE)),
        "text vocabulary from the disk": network(
            layer("TextVectorization", vocabulary=PATH_OUTSIDE)
        ),
        "map over a function": network(layer("Map", "keras.ops", function=payload(canary))),
        "layer within a wrapper": network(
            layer("TimeDistributed", layer=layer("Lambda", function=payload(canary)))
        ),
        "class that is no text": network({"class_name": ["Dense"], "config": {}}),
        "loss of a nested model": network(
            network(layer("Dense", units=1), compile_config={"loss": function("os", "system")})
        ),
        "too many units": network(layer("Dense", units=10**12)),
        "too large an input": network(layer("InputLayer", batch_shape=[None, 10**9, 10**9, 3])),
        "type of TensorFlow": network(
            {"class_name": "__typespec__", "spec_name": "system", "module": "os", "config": []}
        ),
    }


def hdf5(path, config=None):
    with h5py.File(path, "w") as file:
        file["model_weights/dense/kernel"] = np.zeros((2, 2), np.float32)
        if config is not None:
            file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
    return path


def archive(path, config=None, weights=None, more=()):
    inner = path.with_suffix(".inner")
    weights = weights or hdf5(inner)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("metadata.json", "{}")
        file.writestr("config.json", json.dumps(config or network(layer("Dense", units=1))))
        file.write(weights, "model.weights.h5")
        for name, content in more:
            file.writestr(name, content)
    weights.unlink()
    return path


def bad_hdf5(folder):
    """HDF5 files that Keras would not write, by what they try."""
    files = {}

    def new(name):
        files[name] = path = hdf5(folder / f"{len(files)}.h5")
        return h5py.File(path, "a")

    secret = folder / "secret.h5"
    hdf5(secret)
    (folder / "secret.bin").write_bytes(bytes(64))
    with new("external link") as file:
        file["model_weights/dense/bias"] = h5py.ExternalLink(secret.name, "/model_weights")
    with new("external storage") as file:
        file.create_dataset(
            "model_weights/dense/bias", (16,), "f4", external=[(folder / "secret.bin", 0, 64)]
        )
    with new("virtual dataset") as file:
        layout = h5py.VirtualLayout((2, 2), "f4")
        layout[:] = h5py.VirtualSource(str(secret), "model_weights/dense/kernel", (2, 2))
        file.create_virtual_dataset("model_weights/dense/bias", layout)
    with new("soft link") as file:
        file["model_weights/dense/bias"] = h5py.SoftLink("/model_weights/dense/kernel")
    with new("circle") as file:
        file["model_weights/dense/again"] = file["model_weights"]
    with new("reference") as file:
        file.create_dataset("refs", data=[file.ref], dtype=h5py.ref_dtype)
    with new("reference as note") as file:
        file.attrs["ref"] = file.ref
    with new("bomb that stores nothing") as file:
        file.create_dataset("big", (100_000, 2_000), "f4", chunks=(1_000, 1_000))
    with new("bomb of petabytes") as file:
        file.create_dataset("big", (10**9, 10**6), "f4", chunks=(100, 100))
    with new("packed bomb") as file:
        zeros = np.zeros((4_000, 1_000), np.float32)
        file.create_dataset("big", data=zeros, compression="gzip", chunks=zeros.shape)
    with new("twelve dimensions") as file:
        file.create_dataset("odd", (1,) * 12, "f4")
    with new("plug-in filter") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((2,))
        plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (1,))
        h5py.h5d.create(file.id, b"odd", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((2,)), plist)
    with new("objects in place of numbers") as file:
        file.create_dataset("odd", data=["text"], dtype=h5py.string_dtype())
    with new("deep groups") as file:
        file.create_group("/".join("g" * 200))
    files["description is no JSON"] = hdf5(folder / "no.h5", "{'a': __import__('os')}")
    files["description is deep"] = hdf5(folder / "deep.h5", "[" * 30_000)
    half = hdf5(folder / "half.h5")
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    files["cut short"] = half
    return files


def bad_archives(folder, canary):
    """`.keras` archives that Keras would not write, by what they try."""
    files = {}

    def new(name, **what):
        files[name] = archive(folder / f"{len(files)}.keras", **what)
        return files[name]

    climb = os.path.relpath(canary, folder)
    new("path that climbs", more=[(climb, "")])
    new("absolute path", more=[(str(canary), "")])
    new("path of Windows", more=[("..\\canary", "")])
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    new("link", more=[(link, str(canary))])
    new("zip bomb", more=[("config2.json", bytes(50_000_000))])
    new("npz bomb", more=[("model.weights.npz", bytes(50_000_000))])
    new("array file", more=[("weights.npy", "x")])
    new("program", more=[("setup.py", "x")])
    new("assets", more=[("assets/string_lookup/vocabulary.txt", "a\n")])
    new("thousands of files", more=[(f"f{index}", "") for index in range(2_000)])
    bomb = folder / "bomb.inner"
    with h5py.File(bomb, "w") as file:
        file.create_dataset("big", (100_000, 2_000), "f4", chunks=(1_000, 1_000))
    new("HDF5 bomb inside", weights=bomb)
    linked = folder / "linked.inner"
    with h5py.File(linked, "w") as file:
        file["kernel"] = h5py.ExternalLink(PATH_OUTSIDE, "/")
    new("external link inside", weights=linked)
    with zipfile.ZipFile(new("two descriptions"), "a") as file:
        file.writestr("config.json", json.dumps(lambda_layer(canary)))
    cut = new("cut short")
    cut.write_bytes(cut.read_bytes()[:-30])
    swapped = new("damaged inside")
    content = bytearray(swapped.read_bytes())
    content[100:140] = bytes(40)
    swapped.write_bytes(content)
    return files


class _Touch:
    def __init__(self, canary):
        self.canary = str(canary)

    def __reduce__(self):
        return os.mknod, (self.canary,)


def bad_pickle(path, canary, protocol=4):
    path.write_bytes(pickle.dumps(_Touch(canary), protocol=protocol))
    return path


# A frame that ends within a text: for some readers the text goes on, for others "r" instructs.
FRAMED = b"\x8c\x05x"
BEHIND_A_FRAME = b"r" + (2**26).to_bytes(4, "little") + b"."

# (content, what the sentence says): instructions whose numbers are larger than any file.
PICKLES_THAT_FILL_MEMORY = {
    "memo of nine bytes": (b"\x80\x04Nr\x00\x00\x00\x04.", "under the number 67108864"),
    "memo in text form": (b"\x80\x04Np67108864\n.", "under the number 67108864"),
    "frame": (b"\x80\x04\x95" + (10**10).to_bytes(8, "little") + b"N.", "cut short"),
    "bytes": (b"\x80\x04\x8e" + (10**10).to_bytes(8, "little") + b"N.", "damaged"),
    "buffer": (b"\x80\x05\x96" + (10**10).to_bytes(8, "little") + b"N.", "damaged"),
    "text": (b"\x80\x04X" + (10**9).to_bytes(4, "little") + b"N.", "damaged"),
    "containers": (b"\x80\x04" + b"}" * 20_000 + b".", "over 10,000 instructions"),
    "copies": (b"\x80\x04N" + b"2" * 100 + b".", "instruction DUP"),
    "nested tuples": (b"\x80\x04}N" + b"q\x00h\x00\x86" * 40 + b"Ns.", "again over 20 times"),
    "registered object": (b"\x80\x04\x82\x01.", "instruction EXT1"),
    "behind a frame": (
        b"\x80\x04\x95"
        + len(FRAMED).to_bytes(8, "little")
        + FRAMED
        + b"abcdC"
        + BEHIND_A_FRAME.ljust(ord("r") + 1, b"A")
        + b".",
        "damaged|cut short|frame",
    ),
    "object of elsewhere": (b"\x80\x04P1\n.", "instruction PERSID"),
}


def bad_litert(folder, good):
    """The offsets at the front, and those of the tables at the end, set to anything."""
    original = Path(good).read_bytes()
    files = []
    for seed in range(10):
        chance = random.Random(seed)
        content = bytearray(original)
        start, end = (0, 4) if seed < 2 else (8, 64) if seed < 4 else (-4_000, len(content))
        for _ in range(1 if seed < 2 else 60):
            at = chance.randrange(start % len(content), end - 3)
            content[at : at + 4] = chance.randbytes(4)
        files.append(folder / f"{seed}.tflite")
        files[-1].write_bytes(content)
    return files


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(*fields):
    """A protocol buffer of (number, bytes, str or int)."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(content)) + content
    return out


def onnx(path, *, location=None, domain="", shape=(2,), in_branch=False, in_function=""):
    """A model of one node and one array; `in_function`: that of a "node", or a "default"."""
    tensor = [(1, side) for side in shape] + [(2, 1), (8, "w")]
    if location is None:
        tensor.append((9, bytes(8)))
    else:
        tensor += [(13, message((1, "location"), (2, location))), (14, 1)]
    node = [(1, "w"), (2, "y"), (4, "Identity"), (7, domain)]
    graph = [(2, "g"), (5, message(*tensor)), (1, message(*node))]
    if in_branch:
        attribute = message((1, "then_branch"), (6, message(*graph)), (20, 5))
        graph = [(2, "outer"), (1, message((4, "If"), (5, attribute)))]
    opset = message((1, ""), (2, 18))
    function = []
    if in_function:
        constant = message((1, "value"), (5, message(*tensor)), (20, 4))
        inner = (5, constant) if in_function == "node" else (3, "value")
        made = (7, message((2, "y"), (4, "Constant"), (7, domain), inner))
        default = [(11, constant)] if in_function == "default" else []
        # A function has texts where a graph has messages: its name, inputs and outputs.
        function = [(1, "a name"), (4, "input"), (5, "output"), made, *default, (10, "own")]
        function = [(25, message(*function))]
        graph = [(2, "g"), (1, message((2, "y"), (4, "a name"), (7, "own")))]
    path.write_bytes(message((1, 9), (7, message(*graph)), (8, opset), *function))
    return path


# SavedModel.meta_graphs.object_graph_def, which only those of TensorFlow 2 have.
TENSORFLOW_2 = (7, b"")


def _write_saved_model(folder, *metas):
    folder.mkdir()
    content = message((1, 1), *((2, message(*meta)) for meta in metas))
    (folder / "saved_model.pb").write_bytes(content)
    return folder


def _node(name, operation, *inputs, calls=()):
    attributes = [
        (5, message((1, f"f{index}"), (2, message((10, message((1, call)))))))
        for index, call in enumerate(calls)
    ]
    return message((1, name), (2, operation), *((3, name) for name in inputs), *attributes)


def _function(name, *nodes, attributes=()):
    return (
        1,
        message(
            (1, message((1, name))),
            *((3, node) for node in nodes),
            *((5, message((1, attribute), (2, b""))) for attribute in attributes),
        ),
    )


def saved_model(folder, *operations, in_function=False, copies=1, version=2, doubled=False):
    """A SavedModel whose graph, or a function of it, has these operations."""
    nodes = [
        _node("n" if doubled else f"n{index}", operation)
        for index, operation in enumerate(operations)
    ]
    if in_function:
        graph = message((2, message(_function("__inference_serve_1", *nodes))))
    else:
        graph = message(*((1, node) for node in nodes))
    meta = [(2, graph), *([TENSORFLOW_2] if version == 2 else [])]
    return _write_saved_model(folder, *[meta] * copies)


def saved_model_that_serves(folder, operation):
    """A SavedModel whose signature `serving_default` runs an operation to get its output."""
    nodes = [_node("save", operation), _node("out", "Relu", "^save")]
    output = message((1, "score"), (2, message((1, "out:0"))))
    signature = message((1, "serving_default"), (2, message((2, output))))
    graph = message(*((1, node) for node in nodes))
    return _write_saved_model(folder, [(2, graph), (5, signature), TENSORFLOW_2])


def saved_model_that_calls(folder, **functions):
    """A SavedModel of functions: the names of those that each calls."""
    library = message(
        *(
            _function(name, _node("n", "PartitionedCall", calls=calls))
            for name, calls in functions.items()
        )
    )
    return _write_saved_model(folder, [(2, message((2, library))), TENSORFLOW_2])


def saved_model_with_another_implementation(folder):
    """One whose served function can be exchanged for the one that saves."""
    library = message(
        _function("serve", _node("n", "Relu"), attributes=["_input_shapes", "api_implements"]),
        _function("__inference__traced_save_9", _node("n", "SaveV2")),
    )
    return _write_saved_model(folder, [(2, message((2, library))), TENSORFLOW_2])


def saved_model_behind_a_mask(folder, mask):
    """An operation on a file, and a field behind it that some readers take for its name."""
    node = message((1, "n"), (2, "ReadFile")) + mask
    return _write_saved_model(folder, [(2, message((1, node))), TENSORFLOW_2])
