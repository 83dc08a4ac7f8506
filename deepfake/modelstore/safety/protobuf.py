"""Reads protocol buffers by their wire format, without the programs that define them.

SavedModel and ONNX files are protocol buffers. Checking them must not need TensorFlow or onnx, and
must not load what is checked. The format: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from deepfake.errors import HostileModelError, ModelError

# Of one message; the largest networks for pictures have some ten thousand nodes. Each is an object
# here, fifty times as large as two bytes in a file.
MAX_FIELDS = 300_000
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

Value = int | memoryview


class DamagedError(ModelError):
    """Bytes that are no protocol buffer."""


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """The fields of one message, in their order, without those of fixed width.

    No field that is read here has a fixed width. One with the number of a text is unknown to those
    who load the file, who skip it; taken for that text, it would hide the true one.

    Args:
        data: memoryview. The message.

    Yields:
        (number, value): a varint as int, or the bytes it has.

    Raises:
        DamagedError: a field is cut short or of an unknown kind.
        HostileModelError: there are far more of them than any network for pictures has.
    """
    at, end, count = 0, len(data), 0
    while at < end:
        count += 1
        if count > MAX_FIELDS:
            raise _endless()
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        # Some readers drop the upper bits of such a number and see another field.
        if key >= 1 << 32 or number == 0:
            raise DamagedError("The file is damaged. Get it again.")
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == LENGTH:
            size, at = _varint(data, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise DamagedError("The file is damaged. Get it again.")
        if size > end - at:
            raise DamagedError("The file is cut short. Get it again.")
        if kind == LENGTH:
            yield number, data[at : at + size]
        at += size


def messages(data: memoryview, *path: int) -> Iterator[memoryview]:
    """The messages (or texts) at a path of field numbers.

    Args:
        data: memoryview. The outer message.
        *path: int. Field numbers, from the outside in.
    """
    if not path:
        yield data
        return
    for number, value in fields(data):
        if number == path[0] and isinstance(value, memoryview):
            yield from messages(value, *path[1:])


def gathered(parts: Iterable[memoryview]) -> list[memoryview]:
    """Them all, which may be of many messages.

    Raises:
        HostileModelError: there are as many as no network has.
    """
    found = list(islice(parts, MAX_FIELDS + 1))
    if len(found) > MAX_FIELDS:
        raise _endless()
    return found


def text(data: memoryview, *path: int) -> str:
    """The last text at a path, as protocol buffers have it; "" without one."""
    found = ""
    for value in messages(data, *path):
        found = bytes(value).decode("utf-8", errors="replace")
    return found


def integers(data: memoryview, number: int) -> list[int]:
    """A repeated integer field, packed or not.

    Args:
        data: memoryview. The message.
        number: int. Of the field.

    Raises:
        DamagedError, HostileModelError: as of `fields`.
    """
    found: list[int] = []
    for key, value in fields(data):
        if key != number:
            continue
        if isinstance(value, int):
            found.append(value)
        else:
            at = 0
            while at < len(value):
                item, at = _varint(value, at)
                found.append(item)
                if len(found) > MAX_FIELDS:
                    raise _endless()
    return found


def _endless() -> HostileModelError:
    return HostileModelError(
        f"The file has over {MAX_FIELDS:,} parts where a network for pictures has some thousands. "
        "It would take very long to read, so it was not. Get it from its author again."
    )


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise DamagedError("The file is cut short or damaged. Get it again.")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
