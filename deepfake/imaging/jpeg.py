"""Where a JPEG ends, what stands behind it, and whether one without an end is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deepfake.errors import ImageError

# Camera and web encoders write about ten scans into a progressive JPEG; each one is a pass over
# all pixels, so a small file with thousands of them would keep a processor busy for hours.
MAX_SCANS = 100
SOS, EOI = 0xDA, 0xD9
SOF_0, SOF_1, SOF_2 = 0xC0, 0xC1, 0xC2
# Heads of frames, whose first byte is the number of bits (ITU-T T.81, B.2.2).
FRAMES, DEPTHS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}, range(2, 17)
START, END = b"\xff\xd8\xff", bytes((0xFF, EOI))
WITHOUT_LENGTH = frozenset((0x00, 0x01, 0xD8, *range(0xD0, 0xD8)))
# The next marker behind compressed data, in which FF is followed by 00 or a restart marker.
MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
# Bits that no encoder leaves behind the last block: what a decoder makes of them shows.
FILLER = bytes((i * 73 + 41) % 251 for i in range(2048))
# A photo, a gain map, a depth map, a mask for portraits: phones write no more.
MAX_PICTURES = 8
PADDING = b"\x00\r\n \xff"


def segments(data: bytes, start: int = 0) -> Iterator[tuple[int, int, int]]:
    """The segments of the JPEG that begins at `start`, up to its end or the first stray byte.

    Args:
        data: bytes. The file.
        start: int. Where the JPEG begins.

    Yields:
        (marker, where its content begins, where it ends); compressed data are passed over.
    """
    place = start + 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == EOI:
            break
        if marker == 0xFF or marker in WITHOUT_LENGTH:
            place += 1 if marker == 0xFF else 2
            continue
        content, place = place + 4, place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        yield marker, content, place
        if marker == SOS:
            found = MARKER.search(data, place)
            if found is None:
                return
            place = found.end() - 2
    if data[place : place + 2] == END:
        yield EOI, place + 2, place + 2


def end_of(data: bytes, start: int = 0) -> int | None:
    """Where the JPEG that begins at `start` ends; None where it does not.

    Raises:
        ImageError: it has more scans than any encoder writes, or more than 8 bits a channel.
    """
    scans = 0
    for marker, content, end in segments(data, start):
        if marker == EOI:
            return end
        depth = data[content] if marker in FRAMES and not scans and content < end else 8
        if depth != 8 and depth in DEPTHS:
            raise ImageError(
                f"The JPEG has {depth} bits a channel, which is not read here. Export the "
                "photo as JPEG with 8."
            )
        scans += marker == SOS
        if scans > MAX_SCANS:
            raise ImageError(
                f"The JPEG has more than {MAX_SCANS} scans, which no camera or program "
                "writes. Export the photo again."
            )
    return None


def has_all_scans(data: bytes) -> bool:
    """Whether a progressive JPEG has the last bit of every coefficient; true of all others.

    One that was cut off between two scans decodes without complaint, to a coarser picture. Which
    coefficients a scan has, and to which bit, stands in its head (ITU-T T.81, B.2.3).

    Args:
        data: bytes. The file, whose end may be missing.
    """
    progressive, missing = False, dict[int, set[int]]()
    for marker, start, end in segments(data):
        body = data[start:end]
        if marker in (SOF_0, SOF_1, SOF_2) and len(body) > 6:
            progressive = marker == SOF_2
            missing = {one: set(range(64)) for one in body[6 : 6 + 3 * body[5] : 3]}
        elif marker == SOS and body:
            parts, rest = body[1 : 1 + 2 * body[0] : 2], body[1 + 2 * body[0] :]
            if len(rest) >= 3 and rest[2] & 0x0F == 0:
                for one in parts:
                    missing.get(one, set()).difference_update(range(rest[0], rest[1] + 1))
    return not progressive or not any(missing.values())


def behind(data: bytes, end: int) -> tuple[int, int]:
    """What stands behind a JPEG: (number of further pictures, where they end)."""
    pictures = 0
    while pictures < MAX_PICTURES:
        start = end + len(data[end:]) - len(data[end:].lstrip(b"\x00"))
        if not data.startswith(START, start):
            break
        try:
            following = end_of(data, start)
        except ImageError:
            break
        if following is None:
            break
        pictures, end = pictures + 1, following
    return pictures, end


def ended(data: bytes) -> tuple[bytes, bytes]:
    """A JPEG that lacks its end, with two ends.

    If the picture is whole, both decode to the same pixels; if some of it is missing, what was
    put in its place shows.
    """
    return data + END, data + FILLER + END
