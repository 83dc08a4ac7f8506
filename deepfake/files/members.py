"""Members of ZIP archives that strangers made."""

from __future__ import annotations

import zipfile
from typing import IO

# zipfile decompresses these in pieces of the size that is asked for; of others it makes at once all
# that is behind a few bytes, whatever size they claim.
BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open a member, which may be longer than the archive says: read it in pieces.

    Args:
        archive: ZipFile.
        name: str. Of the member.

    Raises:
        KeyError: there is none of this name.
        zipfile.BadZipFile: it is packed in a way that few bytes fill the memory with, or damaged.
        OSError, RuntimeError, NotImplementedError: it cannot be read, or needs a password.
    """
    if archive.getinfo(name).compress_type not in BOUNDED:
        raise zipfile.BadZipFile("packed with something else than Deflate")
    return archive.open(name)
