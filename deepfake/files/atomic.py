"""Files that other processes may read while they are written."""

from __future__ import annotations

import tempfile
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write a file under another name, then put it in its place: readers see the old or the new.

    Args:
        path: Path. The file; its folder is made if needed.
        text: str. Its content.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix="part-", delete=False) as file:
        part = Path(file.name)
    try:
        part.write_bytes(content)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
