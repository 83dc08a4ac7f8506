"""Writers of files that Pillow does not write."""

import io
import struct
import zlib

import numpy as np

EIGHT = {"H": 2, "I": 4}


def encoded(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def png_chunk(kind, body, checksum=None):
    checksum = zlib.crc32(kind + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png(array, *chunks):
    """A PNG in RGB of 8 or 16 bits, with chunks before its pixels."""
    height, width = array.shape[:2]
    depth = 8 * array.itemsize
    big = array.astype(f">u{array.itemsize}")
    rows = b"".join(b"\0" + row.tobytes() for row in big)
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    middle = b"".join(png_chunk(*chunk) for chunk in chunks)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + middle
        + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    )  # fmt: skip


def tiff(rows, size, samples, bits, photometric, kind=1, planes=1, order="<", **tags):
    """A TIFF in one strip a plane.

    Args:
        rows: bytes, or a list of bytes for each plane.
        size: (width, height).
        tags: `tag_NUMBER=value` for whole numbers of 16 bits.
    """
    strips = rows if isinstance(rows, list) else [rows]
    entries = {
        256: ("I", [size[0]]), 257: ("I", [size[1]]), 258: ("H", [bits] * samples),
        259: ("H", [1]), 262: ("H", [photometric]), 273: ("I", [0] * len(strips)),
        277: ("H", [samples]), 278: ("I", [size[1]]), 279: ("I", [len(s) for s in strips]),
        284: ("H", [planes]), 339: ("H", [kind] * samples),
    }  # fmt: skip
    entries.update({int(tag[4:]): ("H", [value]) for tag, value in tags.items()})
    start = 8 + 2 + 12 * len(entries) + 4
    aside = start + sum(
        len(v) * EIGHT[t] for t, v in entries.values() if len(v) * EIGHT[t] > 4
    )  # fmt: skip
    places = [aside + sum(len(s) for s in strips[:i]) for i in range(len(strips))]
    entries[273] = ("I", places)
    table = extra = b""
    for tag in sorted(entries):
        letter, values = entries[tag]
        body = struct.pack(order + letter * len(values), *values)
        table += struct.pack(order + "HHI", tag, 3 if letter == "H" else 4, len(values))
        if len(body) > 4:
            table += struct.pack(order + "I", start + len(extra))
            extra += body
        else:
            table += body.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    return head + table + b"\0\0\0\0" + extra + b"".join(strips)


def bmp(pixels, masks, header=108, bits=32):
    """A bitmap with bit fields, from rows of whole numbers, top down in the array."""
    height, width = pixels.shape
    row = (width * bits + 31) // 32 * 4
    body = b"".join(
        line.astype(f"<u{bits // 8}").tobytes().ljust(row, b"\0") for line in pixels[::-1]
    )
    fields = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, 3, len(body), 0, 0, 0, 0)
    head = fields + struct.pack(f"<{len(masks)}I", *masks)
    head = head.ljust(max(header, len(head)), b"\0")
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + body


def packed(values, bits):
    """Rows of values, bit by bit, each row padded to whole bytes."""
    flat = values.reshape(len(values), -1)
    each = (flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(each.astype(np.uint8).reshape(len(values), -1), axis=1).tobytes()
