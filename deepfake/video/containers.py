"""Kinds of video files, by their first bytes alone."""

from __future__ import annotations

# Boxes that ISO base media files (MP4, MOV) begin with.
BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
SNIFFED_BYTES = 16


def demuxer_of(first: bytes) -> str:
    """FFmpeg's name of the container that a file is; "" for none that we take.

    Args:
        first: bytes. At least 12 of its first ones.
    """
    if first[4:8] in BOXES:
        return "mov"
    if first.startswith(b"\x1a\x45\xdf\xa3"):  # EBML
        return "matroska"
    if first.startswith(b"RIFF") and first[8:12] == b"AVI ":
        return "avi"
    return ""
