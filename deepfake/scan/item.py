"""A file that is to be scanned."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

from deepfake.imaging import SUFFIXES

# "unknown": found in a folder under a name that says nothing; looked into, and passed over unless
# it is a picture. "folder": one that could not be opened.
Kind = Literal["picture", "video", "unknown", "folder"]
# What makes a pattern of a name, unless something bears it.
WILD = re.compile(r"[*?\[]")
VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi"))


@dataclass(frozen=True)
class Item:
    """A file that is to be scanned.

    Attributes:
        name: str. What its row calls it; no two items have the same.
        kind: Kind. By the name alone: nothing was opened yet.
        place: str. Where it is opened, if not under its name: a path, an archive, an address.
        entry: int. Its number in the archive `place`; −1 for a file that stands by itself.
        problem: str. Why it cannot be read, where that is known already.
    """

    name: str
    kind: Kind
    place: str = ""
    entry: int = -1
    problem: str = ""

    @property
    def opened(self) -> str:
        """What is opened."""
        return self.place or self.name


def kind_of(name: str, *, named: bool = False) -> Kind:
    """The kind that a file's name tells.

    Args:
        name: str. Of a file.
        named: bool. Whether somebody has named this very file, so that it gets a row in any case.
    """
    # Not PurePath, which has Python remember each part of millions of names.
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return "picture" if named or suffix in SUFFIXES else "unknown"
