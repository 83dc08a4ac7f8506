"""A folder for strangers' videos that goes with this process, however that ends.

Workers are killed: by the scan, where a file takes too long, by Ray, and by a system without
memory. Who is killed deletes nothing, so a child waits for the end of its parent and does it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PREFIX = "deepfake-scan-"
# Its standard input ends when we do. A grandchild: Ray kills the children of its actors with them.
WATCH = (
    "import os, shutil, sys\n"
    "if not hasattr(os, 'fork') or not os.fork():\n"
    "    sys.stdin.buffer.read()\n"
    "    shutil.rmtree(sys.argv[1], ignore_errors=True)\n"
)


class Scratch:
    """Such a folder; made when it is first needed."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """Where it is."""
        if self._folder is None:
            folder = tempfile.mkdtemp(prefix=PREFIX)
            self._watch = subprocess.Popen(  # noqa: S603  # our own code, no shell
                [sys.executable, "-I", "-S", "-c", WATCH, folder],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
            self._folder = Path(folder)
        return self._folder

    def clear(self) -> None:
        """Delete what lies in it."""
        try:
            for path in self._folder.iterdir() if self._folder else ():
                path.unlink()
        except FileNotFoundError:
            # Systems clean up where temporary files lie.
            self.close()

    def close(self) -> None:
        """Delete it."""
        if self._folder is not None and self._watch is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._watch.communicate()
            self._folder = self._watch = None
