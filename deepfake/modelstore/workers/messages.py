"""What goes between this program and a worker: JSON, and arrays as plain bytes.

Never a pickle: a worker that its model has taken over could write anything.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

MAX_TEXT = 4_000_000
MAX_ARRAYS = 2_500_000_000
TYPES: Mapping[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1")}
_LENGTH = struct.Struct(">I")

Document = dict[str, Any]
Arrays = Mapping[str, np.ndarray]


def send(stream: BinaryIO, document: Document, arrays: Arrays | None = None) -> None:
    """Write one message.

    Args:
        stream: BinaryIO. A pipe.
        document: dict. Anything that JSON knows.
        arrays: name → float32 or uint8 array of any shape.

    Raises:
        OSError: nobody reads it.
    """
    arrays = arrays or {}
    described = [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({"document": document, "arrays": described}).encode()
    stream.write(_LENGTH.pack(len(text)) + text)
    for array in arrays.values():
        stream.write(np.ascontiguousarray(array, TYPES[array.dtype.name]).reshape(-1).data)
    stream.flush()


def receive(stream: BinaryIO, most: int = MAX_ARRAYS) -> tuple[Document, dict[str, np.ndarray]]:
    """Read one message, of whoever it is.

    Args:
        stream: BinaryIO. A pipe.
        most: int. Bytes that its arrays may have together.

    Returns:
        As of `send`.

    Raises:
        EOFError: the other end is gone.
        ValueError: it is no message, or too large.
    """
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    if length > MAX_TEXT:
        raise ValueError(f"a text of {length} bytes")
    try:
        head = json.loads(_read(stream, length))
        document, described = dict(head["document"]), list(head["arrays"])
        arrays: dict[str, np.ndarray] = {}
        for name, kind, shape in described:
            size = TYPES[kind].itemsize
            for side in shape:
                if not isinstance(side, int) or side < 0:
                    raise ValueError(f"a side of {side}")
                size *= side
            most -= size
            if most < 0:
                raise ValueError(f"an array of {size} bytes")
            arrays[str(name)] = np.frombuffer(_read(stream, size), TYPES[kind]).reshape(shape)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no message ({type(error).__name__})") from error
    return document, arrays


def _read(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
