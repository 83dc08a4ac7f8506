"""Small files that take long to decode; each is tried with other bytes in the same place."""

import struct

from PIL import Image

from tests.imaging.files import encoded


def many_scans(stray=b"\0", side=4000, scans=1500):
    """A JPEG of scans that are not seen by who counts them: a stray byte stands before them."""
    grey = Image.new("RGB", (side, side), (90, 90, 90))
    data = encoded(grey, "JPEG", progressive=True, quality=30)
    last = data[data.rindex(b"\xff\xda") : data.rindex(b"\xff\xd9")]
    comment = b"\xff\xfe\0\2"
    return data[: data.rindex(b"\xff\xd9")] + comment + stray + last * scans + b"\xff\xd9"


def many_blocks(block=b"!\xfe\0", count=1_500_000):
    """A GIF of extension blocks before its first frame."""
    head = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 64, 64, 0) + b"\2\2\x44\1\0;"
    return head + block * count + frame


def only_fill(count=40_000_000):
    """A JPEG of FF bytes, which any number of may stand before a marker."""
    data = encoded(Image.new("RGB", (64, 64)), "JPEG")
    return data[:2] + b"\xff" * count + data[2:]


FILES = {
    "scans behind 00": many_scans,
    "scans behind two bytes": lambda: many_scans(b"\1\x55"),
    "gif of empty comments": many_blocks,
    "gif of comments": lambda: many_blocks(b"!\xfe\1a\0", 1_200_000),
    "jpeg of fill bytes": only_fill,
}
