"""A PNG → the chunks that pixels and colours depend on, and where it ends.

Pillow refuses a whole picture for a text that is too long or damaged. Viewers pass over what they
do not need, and so do we.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

SIGNATURE_BYTES = 8
# Beside the critical chunks, which have a capital letter first.
KEPT = frozenset((b"tRNS", b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"eXIf", b"acTL", b"fcTL", b"fdAT"))
LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4}
# Texts that may say which way is up: XMP, and what ImageMagick makes of EXIF data.
TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
ORIENTING = (b"XML:com.adobe.xmp\0\0", b"Raw profile type exif\0")
PACKED = frozenset((b"iCCP", b"zTXt"))
# Pillow's own limit, above which it refuses the file.
MAX_UNPACKED = 1_000_000
# Of damaged chunks, in the note.
MAX_NAMED = 5


@dataclass(frozen=True)
class Chunks:
    """What a PNG was reduced to.

    Attributes:
        data: bytes. The file with the chunks that were kept.
        end: int or None. Where the picture ends in the whole file.
        cicp: tuple of two int or None. Colour primaries and transfer function (ITU-T H.273).
        notes: tuple of str. Sentences on what was damaged and left out.
    """

    data: bytes
    end: int | None
    cicp: tuple[int, int] | None
    notes: tuple[str, ...]


def chunks_of(data: bytes) -> Chunks:
    """Walk through a PNG's chunks.

    Args:
        data: bytes. A file with a PNG's signature; may be damaged.
    """
    kept, place, end, cicp = [data[:SIGNATURE_BYTES]], SIGNATURE_BYTES, None, None
    damaged = []
    while end is None and place + 12 <= len(data):
        following = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if following > len(data):
            break
        name, body = data[place + 4 : place + 8], data[place + 8 : following - 4]
        if not name[0] & 0x20:
            kept.append(data[place:following])
            end = following if name == b"IEND" else None
        elif not _is_whole(name, body, data[following - 4 : following]):
            damaged.append(name)
        elif name == b"cICP":
            cicp = (body[0], body[1])
        elif name in KEPT or _says_orientation(name, body):
            kept.append(data[place:following])
        place = following
    if cicp:
        # What a code says comes before a profile.
        kept = [chunk for chunk in kept if chunk[4:8] != b"iCCP"]
    # A file that is cut off keeps its rest, so that the decoder sees that it is.
    kept.append(data[place:] if end is None else b"")
    found = list(dict.fromkeys(name.decode("latin-1") for name in damaged if name.isalpha()))
    named = ", ".join([*found[:MAX_NAMED], *(["…"] if len(found) > MAX_NAMED else [])]) or "?"
    notes = (f"Parts of the PNG beside its pixels are damaged ({named}) and were left out.",)
    return Chunks(b"".join(kept), end, cicp, notes if damaged else ())


def _says_orientation(name: bytes, body: bytes) -> bool:
    return name in TEXTS and body.startswith(ORIENTING) and len(body) < MAX_UNPACKED


def _is_whole(name: bytes, body: bytes, checksum: bytes) -> bool:
    if zlib.crc32(name + body) != int.from_bytes(checksum, "big"):
        return False
    if name in PACKED and (name in KEPT or _says_orientation(name, body)):
        unpacking = zlib.decompressobj()
        try:
            unpacking.decompress(body[body.find(b"\0") + 2 :], MAX_UNPACKED)
        except zlib.error:
            return False
        return not unpacking.unconsumed_tail
    return len(body) == LENGTHS.get(name, len(body))
