"""Whether two paths are one file."""

from __future__ import annotations

from pathlib import Path


def are_same(one: Path, other: Path) -> bool:
    """Whether both are there and are one file, whatever they are called.

    Raises:
        OSError: one of them cannot be looked at.
    """
    return one.exists() and other.exists() and one.samefile(other)
