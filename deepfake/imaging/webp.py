"""How large a WebP says it is (WebP container specification, RFC 9649)."""

from __future__ import annotations

SIDE = 0x3FFF  # 14 bits


def canvas_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, of its first chunk; 1 × 1 where that is none that is known.

    Args:
        data: bytes. The file.
    """
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    if kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & SIDE) + 1, (bits >> 14 & SIDE) + 1
    if kind == b"VP8 " and len(data) >= 30:
        width, height = (int.from_bytes(data[at : at + 2], "little") & SIDE for at in (26, 28))
        return max(width, 1), max(height, 1)
    return 1, 1
