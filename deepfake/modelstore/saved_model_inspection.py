"""Checks the graph of a SavedModel for operations that reach beyond its numbers.

A SavedModel is a program. TensorFlow's operations can read and write files, call Python and other
machines. What a network for pictures computes needs none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deepfake.errors import ModelError
from deepfake.modelstore.protobuf import fields, messages, text

GRAPH_FILE = "saved_model.pb"
MAX_GRAPH_BYTES = 256_000_000
MAX_FILES = 10_000

# Parts of the names of TensorFlow's operations on files, processes, Python, devices and networks.
_REACHING = re.compile(
    "File|Reader|PyFunc|Dataset|Iterator|Save|Restore|Checkpoint|Debug|SummaryWriter|WriteSummary|"
    "Write.*Summary|Rpc|Remote|DecodeProto|EncodeProto|Sql|LMDB|Launch|CustomCall|Snapshot|TPU|"
    "Gcs|Bigtable|BigQuery|Collective|Subprocess|TRTEngine|HostCompute|_Send|_Recv|Lingvo|"
    "RegisterDataset|DataService|LoadAndRemap|LoadTPU|Kafka|PubSub"
)
# The part of every SavedModel that reads and writes its variables/ folder.
_SAVER = frozenset(("MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"))
_SAVER_FUNCTION = re.compile(r"__inference__traced_(save|restore)_\d+")


@dataclass(frozen=True)
class _Node:
    """One operation: its kind, the nodes that it reads, the functions that it calls."""

    operation: str
    inputs: tuple[str, ...]
    calls: tuple[str, ...]
    writes_to: str


def inspect_graph(folder: Path, limit: int) -> None:
    """Refuse a SavedModel whose graph has operations on files, processes, Python or the network.

    Args:
        folder: Path. The SavedModel.
        limit: int. How many bytes its files may have together.

    Raises:
        ModelError: it has such operations, is too large, damaged, or not there.
    """
    path = folder / GRAPH_FILE
    _inspect_files(folder, limit)
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise ModelError(
            f"{folder} holds no readable {GRAPH_FILE} ({error.strerror}). Name the folder that "
            "model.export or tf.saved_model.save wrote."
        ) from error
    graphs = list(messages(data, 2))  # SavedModel.meta_graphs
    if not graphs:
        raise ModelError(f"{path} holds no graph: it is damaged. Get the folder again.")
    for graph in graphs:
        _inspect_meta_graph(graph, folder)


def _inspect_files(folder: Path, limit: int) -> None:
    total = 0
    for index, file in enumerate(folder.rglob("*")):
        if index > MAX_FILES:
            raise ModelError(f"{folder} holds over {MAX_FILES:,} files. Is it the right folder?")
        if file.is_file():
            total += file.stat().st_size
    if total > limit:
        raise ModelError(
            f"{folder} has {total:,} bytes, over the limit of {limit:,} for models "
            "(DEEPFAKE_MAX_MODEL_BYTES). Use a smaller model or raise it."
        )
    graph = folder / GRAPH_FILE
    if graph.is_file() and graph.stat().st_size > MAX_GRAPH_BYTES:
        raise ModelError(f"{graph} is too large for the description of a network. Save it again.")


def _inspect_meta_graph(meta: memoryview, folder: Path) -> None:
    nodes = dict(_nodes(meta, 2, 1))  # MetaGraphDef.graph_def.node
    functions: dict[str, list[_Node]] = {}
    for function in messages(meta, 2, 2, 1):  # graph_def.library.function
        name = text(function, 1, 1)  # FunctionDef.signature.name
        functions.setdefault(name, []).extend(node for _, node in _nodes(function, 3))
    called = {call for body in functions.values() for node in body for call in node.calls}
    served = set(_reached(nodes, functions, _signature_outputs(meta)))
    # Functions that can be called by name when the model is loaded.
    callable_names = b"".join(bytes(part) for part in messages(meta, 7))
    for node in nodes.values():
        _inspect_node(node, folder, saver=id(node) not in served)
    for name, body in functions.items():
        saver = (
            _SAVER_FUNCTION.fullmatch(name) is not None
            and name not in called
            and name.encode() not in callable_names
        )
        for node in body:
            _inspect_node(node, folder, saver=saver and id(node) not in served)


def _inspect_node(node: _Node, folder: Path, *, saver: bool) -> None:
    operation = node.operation
    if operation in _SAVER and saver:
        return
    if _REACHING.search(operation) or node.writes_to.startswith("file:"):
        raise ModelError(
            f"The SavedModel {folder.name} holds the operation {operation[:60]!r}, which reaches "
            "for files, other programs or the network. A network for pictures needs no such thing, "
            "so it was not loaded. Do not trust it; if it is yours, export the network alone with "
            "model.export."
        )


def _reached(
    nodes: dict[str, _Node], functions: dict[str, list[_Node]], start: Iterator[str]
) -> Iterator[int]:
    """Ids of the nodes that run when a signature is called."""
    todo, seen = list(start), set()
    pending: list[str] = []
    called: set[str] = set()
    while todo:
        name = todo.pop().removeprefix("^").split(":")[0]
        node = nodes.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        yield id(node)
        todo.extend(node.inputs)
        pending.extend(node.calls)
    while pending:
        function = pending.pop()
        if function in called:
            continue
        called.add(function)
        for node in functions.get(function, ()):
            yield id(node)
            pending.extend(node.calls)


def _signature_outputs(meta: memoryview) -> Iterator[str]:
    for entry in messages(meta, 5):  # MetaGraphDef.signature_def
        for tensor in messages(entry, 2, 2):  # SignatureDef.outputs
            yield text(tensor, 2, 1)  # TensorInfo.name


def _nodes(outer: memoryview, *path: int) -> Iterator[tuple[str, _Node]]:
    """The NodeDefs at a path: name, and what they are."""
    for node in messages(outer, *path):
        name = operation = writes_to = ""
        inputs: list[str] = []
        calls: list[str] = []
        for number, value in fields(node):
            if isinstance(value, int):
                continue
            if number == 1:
                name = _text(value)
            elif number == 2:
                operation = _text(value)
            elif number == 3:
                inputs.append(_text(value))
            elif number == 5:  # attr: map of name → AttrValue
                # AttrValue.func and AttrValue.list.func
                calls.extend(_text(part) for part in messages(value, 2, 10, 1))
                calls.extend(_text(part) for part in messages(value, 2, 1, 9, 1))
                if text(value, 1) == "output_stream":
                    writes_to = text(value, 2, 2)
        # Operations call a function of their own name, too.
        yield name, _Node(operation, tuple(inputs), (*calls, operation), writes_to)


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8", errors="replace")
