"""Checks an ONNX file before ONNX Runtime reads it, without the onnx package."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from deepfake.errors import HostileModelError, ModelError, ModelNotFoundError
from deepfake.modelstore.safety.protobuf import DamagedError, gathered, integers, messages, text

MAX_DEPTH = 20
MAX_RANK = 16
# Operators of ONNX itself and those that come with every ONNX Runtime.
DOMAINS = frozenset(("", "ai.onnx", "ai.onnx.ml", "com.microsoft"))
# Bytes of an element by TensorProto.DataType; the smallest where several fit in a byte.
ITEM_BYTES = {1: 4, 4: 2, 5: 2, 6: 4, 7: 8, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}


def inspect_model(path: Path, limit: int) -> tuple[Path, ...]:
    """Refuse an ONNX file that names files elsewhere, foreign operators, or endless arrays.

    Args:
        path: Path. The file; its size was compared with the limit.
        limit: int. How many bytes its arrays may have together, those in files beside it included.

    Returns:
        The files beside it that hold some of its numbers.

    Raises:
        ModelError: it does, or it is damaged.
    """
    data_files: set[Path] = set()
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as data,
        ):
            problem = _problem(data, path, limit, data_files)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path.name} cannot be read as ONNX. Get the file again.") from error
    if problem:
        raise ModelError(problem)
    return tuple(sorted(data_files))


def _problem(data: memoryview, path: Path, limit: int, data_files: set[Path]) -> str:
    """What is wrong with it; "" if nothing is. Views of the mapped file end with this call."""
    try:
        _inspect(data, path, limit, data_files)
    except DamagedError:
        return f"{path.name} is damaged or cut short, so it cannot be read as ONNX. Get it again."
    except ModelError as error:
        return str(error)
    # Of a file name that no system takes. Raised further, it would hold on to the views.
    except (OSError, ValueError):
        return f"{path.name} names a file that cannot be there. Get the file again."
    return ""


def _inspect(data: memoryview, path: Path, limit: int, data_files: set[Path]) -> None:
    own = {text(function, 10) for function in messages(data, 25)}  # ModelProto.functions.domain
    known = DOMAINS | own
    total = 0
    graphs = gathered(messages(data, 7))  # ModelProto.graph
    functions = gathered(messages(data, 25))  # ModelProto.functions
    if not graphs:
        raise ModelError(f"{path.name} holds no network, so it is not an ONNX model.")
    for domain in (text(entry, 1) for entry in messages(data, 8)):
        _inspect_domain(domain, known, path)
    depth = 0
    while graphs or functions:
        depth += 1
        if depth > MAX_DEPTH:
            raise HostileModelError(
                f"{path.name} has graphs within graphs, too deep to be a network."
            )
        nodes = gathered(node for graph in graphs for node in messages(graph, 1))  # .node
        nodes += gathered(node for function in functions for node in messages(function, 7))
        attributes = gathered(attribute for node in nodes for attribute in messages(node, 5))
        # FunctionProto.attribute_proto: what an attribute is where a call leaves it out
        attributes += gathered(default for one in functions for default in messages(one, 11))
        for tensor in _tensors(graphs, attributes):
            total += _inspect_tensor(tensor, path, limit, data_files)
            if total > limit:
                raise ModelError(
                    f"The arrays of {path.name} have over {limit:,} bytes, the limit for "
                    "models (DEEPFAKE_MAX_MODEL_BYTES). Use a smaller model or raise it."
                )
        for node in nodes:
            _inspect_domain(text(node, 7), known, path)
        graphs = gathered(
            graph for one in attributes for number in (6, 11) for graph in messages(one, number)
        )
        functions = []


def _inspect_domain(domain: str, known: frozenset[str] | set[str], path: Path) -> None:
    if domain not in known and not domain.startswith("ai.onnx."):
        raise HostileModelError(
            f"{path.name} uses operators of {domain[:60]!r}, which are programs of their own. Only "
            "ONNX's own operators are run. Export the model without custom operators."
        )


def _tensors(graphs: list[memoryview], attributes: list[memoryview]) -> Iterator[memoryview]:
    for graph in graphs:
        yield from messages(graph, 5)  # initializer
        yield from messages(graph, 15, 1)  # sparse_initializer.values
        yield from messages(graph, 15, 2)  # sparse_initializer.indices
    for attribute in attributes:
        yield from messages(attribute, 5)  # t
        yield from messages(attribute, 10)  # tensors
        yield from messages(attribute, 22, 1)  # sparse_tensor.values
        yield from messages(attribute, 22, 2)


def _inspect_tensor(tensor: memoryview, path: Path, limit: int, data_files: set[Path]) -> int:
    """Check one array without reading its numbers; how many bytes it will have."""
    shape = integers(tensor, 1)
    kinds = integers(tensor, 2)
    if len(shape) > MAX_RANK:
        raise HostileModelError(f"{path.name} holds an array with {len(shape)} dimensions.")
    size = ITEM_BYTES.get(kinds[-1] if kinds else 0, 1)
    for side in shape:
        if side < 0 or side >= 1 << 63:  # negative numbers arrive as large ones
            raise ModelError(f"{path.name} holds an array with a side below 0. It is damaged.")
        size *= side
    if size > limit:
        raise HostileModelError(
            f"{path.name} promises an array of {size:,} bytes, over the limit of {limit:,} for "
            "models (DEEPFAKE_MAX_MODEL_BYTES). Do not trust it."
        )
    for entry in messages(tensor, 13):  # external_data
        if text(entry, 1) == "location":
            _inspect_location(text(entry, 2), path)
            data_files.add(path.parent / text(entry, 2))
    return size


def _inspect_location(location: str, path: Path) -> None:
    """External data must be a file in the model's own folder or below."""
    relative = PurePosixPath(location)
    windows = PureWindowsPath(location)
    outside = (
        not location
        or relative.is_absolute()
        or bool(windows.drive or windows.root)
        or ".." in relative.parts
        or ".." in windows.parts
    )
    if outside or _is_link(path.parent / relative, path.parent):
        raise HostileModelError(
            f"{path.name} keeps its numbers in a file outside of its folder ({location[:80]!r}). "
            "Model files must not reach there. Save it again as one file, or with its data file "
            "beside it."
        )
    if not (path.parent / relative).is_file():
        raise ModelNotFoundError(
            f"{path.name} keeps its numbers in {location[:80]!r}, which is not there. Put "
            "that file beside it, under this very name."
        )


def _is_link(file: Path, folder: Path) -> bool:
    # The Hub's cache is made of links, from a folder of a revision to its blobs, two levels up.
    blobs = folder.resolve().parent.parent / "blobs"
    real = file.resolve()
    return file.exists() and not (
        real.is_relative_to(folder.resolve()) or real.is_relative_to(blobs)
    )
