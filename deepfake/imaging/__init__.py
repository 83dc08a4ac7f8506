"""Bytes or a path → Picture: safe decoding, upright, sRGB, within limits."""

from deepfake.imaging.kinds import SUFFIXES, looks_like_picture, sniff
from deepfake.imaging.picture import Picture
from deepfake.imaging.reading import read
from deepfake.imaging.source import read_path, read_stream

__all__ = ["SUFFIXES", "Picture", "looks_like_picture", "read", "read_path", "read_stream", "sniff"]
