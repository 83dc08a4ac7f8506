"""Text chunks of a PNG, within limits."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

START, HEAD, CHECKSUM = 8, 8, 4
MAX_CHUNKS, MAX_TEXTS, MAX_BYTES = 100_000, 50, 2_000_000


def texts_of(data: bytes) -> Iterator[tuple[str, str]]:
    """(keyword, text) of each text chunk; what is damaged is passed over.

    Args:
        data: bytes. A PNG file.
    """
    place, found = START, 0
    for _ in range(MAX_CHUNKS):
        if place + HEAD > len(data) or found >= MAX_TEXTS:
            return
        length = int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + HEAD]
        start = place + HEAD
        place = start + length + CHECKSUM
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        found += 1
        keyword, _, body = data[start : min(start + length, start + MAX_BYTES)].partition(b"\0")
        try:
            yield keyword.decode("latin-1"), _text(kind, body)
        except (zlib.error, ValueError):
            continue


def _text(kind: bytes, body: bytes) -> str:
    if kind == b"tEXt":
        # By the standard Latin-1; generators write UTF-8.
        return body.decode("utf-8", "replace")
    if kind == b"zTXt":
        return _inflated(body[1:]).decode("utf-8", "replace")
    packed, _, rest = body[:1], body[1:2], body[2:]
    _, _, rest = rest.partition(b"\0")
    _, _, rest = rest.partition(b"\0")
    return (_inflated(rest) if packed == b"\1" else rest).decode("utf-8", "replace")


def _inflated(body: bytes) -> bytes:
    return zlib.decompressobj().decompress(body, MAX_BYTES)
