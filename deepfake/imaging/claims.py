"""How much the tags of a TIFF or an EXIF block would have a reader copy, before one reads them.

Every tag names a place and a length, and Pillow copies what is there. Nothing keeps ten thousand
tags from naming the same half megabyte.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from deepfake.errors import ImageError
from deepfake.imaging.jpeg import EOI, SOS, segments

# Bytes of a value by type: TIFF 6.0, section 2, and 13 and 16 of BigTIFF.
SIZES = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8, 0])
# EXIF's own directories: those of the camera, of its place, of the format.
INNER = (34665, 34853, 40965)
MAX_DIRECTORIES = 100
# Tags may share a value, and damaged ones have lengths by chance. So often all that is there may be
# named, and so many bytes besides, which do no harm.
TIMES, BESIDE = 2, 32_000_000
HEADER = re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+")
# What has an EXIF block somewhere as it is; of JPEG and TIFF it is known where.
OF_EXIF = frozenset(("PNG", "WEBP", "AVIF", "HEIF", "EXIF"))
EXIF_START = b"Exif\0\0"
# Further headers in a file are chance, or made to keep us busy.
MAX_BLOCKS = 50
# What ImageMagick makes of EXIF data: hexadecimal digits behind three lines.
IMAGEMAGICK = "Raw profile type exif"
APP_1 = 0xE1
TOO_MUCH = (
    "The tags (EXIF data) of this file name the same bytes again and again, as no camera and no "
    "program writes them. Export the photo again, without metadata."
)


def check(data: bytes, kind: str) -> None:
    """Refuse a file whose tags would become far more than they are.

    Args:
        data: bytes. The file.
        kind: str. As of `sniff`.

    Raises:
        ImageError: they would.
    """
    for block in _blocks(data, kind):
        if _claimed(block) > TIMES * len(block) + BESIDE:
            raise ImageError(TOO_MUCH)


def exif_of(image: Image.Image) -> Image.Exif:
    """What `Image.getexif` reads, which of a PNG is not known before all of it is.

    Raises:
        ImageError: as of `check`.
        ValueError: it is damaged; Pillow raises others, too.
    """
    block = image.info.get("exif")
    if block is None and isinstance(profile := image.info.get(IMAGEMAGICK), str):
        block = bytes.fromhex("".join(profile.split("\n")[3:]))
    if isinstance(block, bytes):
        check(block, "EXIF")
    return image.getexif()


def _blocks(data: bytes, kind: str) -> Iterator[memoryview]:
    """What begins like a TIFF, which EXIF blocks are; a JPEG's is in one piece or in several."""
    if kind == "JPEG":
        yield memoryview(_exif_of_jpeg(data))
    elif kind == "TIFF":
        yield memoryview(data)
    elif kind in OF_EXIF:
        for number, found in enumerate(HEADER.finditer(data)):
            if number == MAX_BLOCKS:
                return
            yield memoryview(data)[found.start() :]


def _exif_of_jpeg(data: bytes) -> bytes:
    """As Pillow joins it, which reads on behind an end that comes before any picture."""
    parts = []
    for marker, start, end in segments(data):
        if marker == EOI:
            raise ImageError("The JPEG ends before its picture begins. Get the file again.")
        if marker == SOS:
            break
        if marker == APP_1 and data.startswith(EXIF_START, start):
            parts.append(data[start + len(EXIF_START) : end])
    return b"".join(parts)


def _claimed(block: memoryview) -> int:
    """Bytes that reading all its directories would copy."""
    head = bytes(block[:4])
    if not HEADER.match(head):
        return 0
    order, is_big = "<" if head[:2] == b"II" else ">", b"+" in head
    count, link, size = ("Q", "Q", 8) if is_big else ("H", "L", 4)
    row = np.dtype(
        [("tag", f"{order}u2"), ("kind", f"{order}u2"),
         ("values", f"{order}u{size}"), ("place", f"{order}u{size}")]
    )  # fmt: skip
    total, seen = 0, set[int]()
    waiting = [_unpacked(order + link, block, 8 if is_big else 4)]
    while waiting and len(seen) < MAX_DIRECTORIES:
        place = waiting.pop()
        if not 0 < place < len(block) or place in seen:
            continue
        seen.add(place)
        first = place + struct.calcsize(order + count)
        room = max(0, len(block) - first) // row.itemsize
        number = min(_unpacked(order + count, block, place), room)
        rows = np.frombuffer(block, row, number, first) if number else np.empty(0, row)
        places = rows["place"].astype(np.float64)
        copied = SIZES[np.minimum(rows["kind"], len(SIZES) - 1)] * rows["values"].astype(np.float64)
        # No more than there is behind the place.
        there = np.clip(len(block) - places, 0, copied)
        total += int(there[copied > size].sum())
        waiting += [
            int(one) for one in rows["place"][np.isin(rows["tag"], INNER)][:MAX_DIRECTORIES]
        ]
        waiting.append(_unpacked(order + link, block, first + number * row.itemsize))
    return total


def _unpacked(form: str, block: memoryview, place: int) -> int:
    if place + struct.calcsize(form) > len(block):
        return 0
    return int(struct.unpack_from(form, block, place)[0])
