"""Checks that the graph of a SavedModel only computes with numbers.

A SavedModel is a program. TensorFlow's operations can read and write files, call Python and other
machines, and end the process; new ones come with each version. So only those are let through that
networks are made of (`saved_model_operations`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deepfake.errors import HostileModelError, ModelError, ModelNotFoundError
from deepfake.modelstore.safety.protobuf import fields, messages, text
from deepfake.modelstore.safety.saved_model_operations import (
    BESIDE_FUNCTIONS,
    FUNCTION_ATTRIBUTES,
    KNOWN,
    SAVER,
)

GRAPH_FILE = "saved_model.pb"
MAX_GRAPH_BYTES = 256_000_000
MAX_FILES = 10_000
RE_SAVE = (
    "Do not trust it; if it is yours, run model.save('model.keras') where it was made, and name "
    "that file."
)

# Functions call functions. Together they must not unfold to more operations, nor deeper, than this:
# TensorFlow unfolds them, and one that calls itself would end the process.
MAX_UNFOLDED = 5_000_000
MAX_CALLS_DEEP = 100
# TensorFlow writes one of each kind.
MAX_SAVERS = 20
_SAVER_FUNCTION = re.compile(r"__inference__traced_(save|restore)_\d+")


@dataclass(frozen=True)
class _Node:
    """One operation: its kind, the nodes that it reads, the functions that it calls."""

    operation: str
    inputs: tuple[str, ...]
    calls: tuple[str, ...]


def inspect_graph(folder: Path, limit: int) -> None:
    """Refuse a SavedModel whose graph has other operations than networks are made of.

    Args:
        folder: Path. The SavedModel.
        limit: int. How many bytes its files may have together.

    Raises:
        ModelError: it has others, is of TensorFlow 1, too large, damaged, or not there.
    """
    path = folder / GRAPH_FILE
    _inspect_files(folder, limit)
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise ModelNotFoundError(
            f"{folder} holds no readable {GRAPH_FILE} ({error.strerror}). Name the folder that "
            "model.export or tf.saved_model.save wrote.",
            path=folder,
        ) from error
    graphs = list(messages(data, 2))  # SavedModel.meta_graphs
    if not graphs:
        raise ModelError(f"{path} holds no graph: it is damaged. Get the folder again.", path=path)
    # Otherwise TensorFlow takes it for one of version 1, whose loader runs what the file names.
    if len(graphs) != 1 or not any(True for _ in messages(graphs[0], 7)):
        raise HostileModelError(
            f"The SavedModel {folder.name} is not of TensorFlow 2, so what runs when it is loaded "
            f"cannot be checked. {RE_SAVE}"
        )
    _inspect_meta_graph(graphs[0], folder)


def _inspect_files(folder: Path, limit: int) -> None:
    total = 0
    for index, file in enumerate(folder.rglob("*")):
        if index > MAX_FILES:
            raise ModelError(
                f"{folder} holds over {MAX_FILES:,} files. Is it the right folder?", path=folder
            )
        if file.is_file():
            total += file.stat().st_size
    if total > limit:
        raise ModelError(
            f"{folder} has {total:,} bytes, over the limit of {limit:,} for models "
            "(DEEPFAKE_MAX_MODEL_BYTES). Use a smaller model or raise it.",
            path=folder,
        )
    graph = folder / GRAPH_FILE
    if graph.is_file() and graph.stat().st_size > MAX_GRAPH_BYTES:
        raise ModelError(
            f"{graph} is too large for the description of a network. Save it again.", path=graph
        )


def _inspect_meta_graph(meta: memoryview, folder: Path) -> None:
    graph = list(_nodes(meta, 2, 1))  # MetaGraphDef.graph_def.node
    functions: dict[str, list[_Node]] = {}
    for function in messages(meta, 2, 2, 1):  # graph_def.library.function
        name = text(function, 1, 1)  # FunctionDef.signature.name
        _inspect_attributes(function, folder)
        functions.setdefault(name, []).extend(node for _, node in _nodes(function, 3))
    called = {call for body in functions.values() for node in body for call in node.calls}
    served = set(_reached(dict(graph), functions, _signature_outputs(meta)))
    # Functions that can be called by name when the model is loaded.
    callable_names = b"".join(bytes(part) for part in messages(meta, 7))
    savers = {name for name in functions if _SAVER_FUNCTION.fullmatch(name)}
    if len(savers) > MAX_SAVERS:
        savers = set()
    for _, node in graph:
        more = BESIDE_FUNCTIONS if id(node) in served else BESIDE_FUNCTIONS | SAVER
        _inspect_node(node, folder, more)
    for name, body in functions.items():
        saver = name in savers and name not in called and name.encode() not in callable_names
        for node in body:
            _inspect_node(node, folder, SAVER if saver and id(node) not in served else frozenset())
    unfolded: dict[str, int] = {}
    for name in functions:
        _unfold(name, functions, unfolded, folder)


def _inspect_attributes(function: memoryview, folder: Path) -> None:
    for entry in messages(function, 5):  # FunctionDef.attr
        name = text(entry, 1)
        if name not in FUNCTION_ATTRIBUTES:
            raise HostileModelError(
                f"The SavedModel {folder.name} has a function with the attribute {name[:60]!r}, "
                "which networks for pictures do not need. Such can have other functions called "
                f"than those that are named, so it was not loaded. {RE_SAVE}"
            )


def _inspect_node(node: _Node, folder: Path, more: frozenset[str]) -> None:
    if node.operation in KNOWN or node.operation in more:
        return
    raise HostileModelError(
        f"The SavedModel {folder.name} holds the operation {node.operation[:60]!r}, which is not "
        "one of those that networks for pictures are made of. Others can reach for files, other "
        f"programs or the network, so it was not loaded. {RE_SAVE}"
    )


def _unfold(
    name: str,
    functions: Mapping[str, list[_Node]],
    unfolded: dict[str, int],
    folder: Path,
    depth: int = 0,
) -> int:
    """How many operations a function is, with those of the functions that it calls."""
    if name in unfolded or name not in functions:
        return unfolded.get(name, 0)
    total = 0
    if depth < MAX_CALLS_DEEP:
        for node in functions[name]:
            calls = (_unfold(call, functions, unfolded, folder, depth + 1) for call in node.calls)
            total += 1 + sum(calls)
    if depth >= MAX_CALLS_DEEP or total > MAX_UNFOLDED:
        raise HostileModelError(
            f"The functions of the SavedModel {folder.name} call each other without end, or unfold "
            f"to more than a network can be. {RE_SAVE}"
        )
    unfolded[name] = total
    return total


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
        name = operation = ""
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
        # Operations call a function of their own name, too.
        yield name, _Node(operation, tuple(inputs), (*calls, operation))


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8", errors="replace")
