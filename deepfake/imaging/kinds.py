"""First bytes → format. Names and endings of files are not believed."""

from __future__ import annotations

import codecs
import re

from deepfake.errors import ImageError

MAGIC = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("AVIF", re.compile(rb"....ftyp(avif|avis)", re.DOTALL)),
    ("HEIF", re.compile(rb"....ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)", re.DOTALL)),
    ("BMP", re.compile(rb"BM")),
    ("TIFF", re.compile(rb"II\*\x00|MM\x00\*|II\+\x00|MM\x00\+")),
    ("GIF", re.compile(rb"GIF8[79]a")),
)
# Endings of picture files, for data sets, whose files are too many to open each.
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".jfi", ".mpo", ".png", ".apng", ".webp", ".bmp",
     ".dib", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif", ".hif")
)  # fmt: skip
NOT_PICTURES = (
    ("a web page", re.compile(rb"\s*<(!doctype html|html|head)", re.IGNORECASE)),
    ("a PDF document", re.compile(rb"%PDF")),
    (
        "a Git-LFS pointer: the real file was not downloaded",
        re.compile(rb"version https://git-lfs"),
    ),
    ("a ZIP archive or an office document", re.compile(rb"PK\x03\x04")),
    ("a camera's raw data (CR3): export the photo as JPEG", re.compile(rb"....ftypcrx", re.DOTALL)),
    ("a video", re.compile(rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", re.DOTALL)),
)
# An SVG may start with a prolog and comments, so its root element is searched for.
XML_START = re.compile(rb"(\xef\xbb\xbf)?\s*<")
ACCEPTED = "JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF or GIF"
SNIFFED_BYTES = 4096


def sniff(data: bytes) -> str:
    """Tell the format from the first bytes.

    Args:
        data: bytes. The file, or at least its first 4096 bytes.

    Returns:
        The format's name as in `Picture.format`.

    Raises:
        ImageError: none of the accepted formats; the message names what it is, where known.
    """
    start = data[:SNIFFED_BYTES]
    for kind, pattern in MAGIC:
        if pattern.match(start):
            return "AVIF" if kind == "HEIF" and _has_avif_brand(start) else kind
    if XML_START.match(start) and b"<svg" in start.lower():
        raise ImageError(f"This is an SVG drawing, not a photograph. Send a {ACCEPTED} photo.")
    for description, pattern in NOT_PICTURES:
        if pattern.match(start):
            raise ImageError(f"This is {description}. Send a {ACCEPTED} photo.")
    try:
        # Not final: a character may be cut in two at the end of the sniffed bytes.
        codecs.getincrementaldecoder("utf-8")().decode(start, final=False)
        looks_like_text = b"\x00" not in start
    except UnicodeDecodeError:
        looks_like_text = False
    what = "a text file" if looks_like_text else "not a picture in a format that is known here"
    raise ImageError(f"This is {what}. Send a {ACCEPTED} photo.")


def looks_like_picture(data: bytes) -> bool:
    """Whether a file's first 4096 bytes are those of an accepted format."""
    # A text may start with "BM", so a bitmap must also have a header of a known length.
    return any(pattern.match(data) for _, pattern in MAGIC) and (
        not data.startswith(b"BM") or data[14:18] in BMP_HEADERS
    )


BMP_HEADERS = frozenset(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124))


def _has_avif_brand(start: bytes) -> bool:
    """Whether a file of the general brand "mif1" lists AVIF among its compatible brands."""
    return b"avif" in start[8 : int.from_bytes(start[:4], "big")]
