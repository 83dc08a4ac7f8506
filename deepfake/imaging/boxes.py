"""The boxes of AVIF and HEIC (ISO/IEC 14496-12 and 23008-12): what they say of the main picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_BOXES = 10_000
FULL_BOX_BYTES = 4


@dataclass(frozen=True)
class MainPicture:
    """What the boxes say of the picture that is to be shown.

    Attributes:
        size: tuple of two int or None. Width and height.
        cicp: tuple of two int or None. Colour primaries and transfer function (ITU-T H.273).
    """

    size: tuple[int, int] | None = None
    cicp: tuple[int, int] | None = None


def main_picture(data: bytes) -> MainPicture:
    """Read what belongs to the main picture; a gain map beside it has other colours.

    Args:
        data: bytes. An AVIF or HEIC file; may be damaged.
    """
    try:
        return _main_picture(data)
    except (IndexError, StopIteration):
        # Whether the file is damaged is for its decoder to say.
        return MainPicture()


def _main_picture(data: bytes) -> MainPicture:
    start, end = _only(data, b"meta", 0, len(data))
    start += FULL_BOX_BYTES
    place, stop = _only(data, b"pitm", start, end)
    item = int.from_bytes(data[place + 4 : place + (8 if data[place] else 6)], "big")
    start, end = _only(data, b"iprp", start, end)
    properties = list(_boxes(data, *_only(data, b"ipco", start, end)))
    size = cicp = None
    for index in _associated(data, *_only(data, b"ipma", start, end), item):
        name, place, stop = properties[index - 1]
        if name == b"ispe" and stop - place >= 12:
            size = (_number(data, place + 4, 4), _number(data, place + 8, 4))
        elif name == b"colr" and data[place : place + 4] == b"nclx":
            cicp = (_number(data, place + 4, 2), _number(data, place + 6, 2))
    return MainPicture(size, cicp)


def _associated(data: bytes, place: int, end: int, item: int) -> list[int]:
    """Numbers of the properties that belong to an item."""
    wide_items, wide_indices = data[place] > 0, data[place + 3] & 1
    place += 8
    while place < end:
        width = 4 if wide_items else 2
        here, count = _number(data, place, width), data[place + width]
        place += width + 1
        step = 2 if wide_indices else 1
        if here == item:
            mask = 0x7FFF if wide_indices else 0x7F
            return [_number(data, place + i * step, step) & mask for i in range(count)]
        place += count * step
    return []


def _only(data: bytes, wanted: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the content of the first box of a kind begins and ends."""
    return next((a, b) for name, a, b in _boxes(data, start, end) if name == wanted)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, head = _number(data, start, 4), 8
        if size == 1:
            size, head = _number(data, start + 8, 8), 16
        stop = end if size == 0 else min(end, start + size)
        if stop < start + head:
            return
        yield data[start + 4 : start + 8], start + head, stop
        start = stop


def _number(data: bytes, place: int, width: int) -> int:
    return int.from_bytes(data[place : place + width], "big")
