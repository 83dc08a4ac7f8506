"""What somebody names (folder, pattern, ZIP, list, address) → items, one after the other.

Nothing here holds all names: a folder of millions is gone through as the system lists it.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from deepfake.errors import ScanError
from deepfake.scan import archive, remote
from deepfake.scan.item import WILD, Item, kind_of

STANDARD_INPUT = "-"
LIST_SUFFIXES = (".txt", ".lst", ".list")
READ_BYTES = 65_536
# A line without end in a file that is no list.
LONGEST_NAME = 100_000


class Listing:
    """The items of all that was named.

    Args:
        names: sequence of str. Folders, files, patterns, ZIP archives, lists of names, "-" for a
            list on standard input, addresses.

    Attributes:
        names: list of str. What was named, addresses on the Hub with their commit.
        passed_over: int. Entries of folders so far that are neither files nor folders, and links
            to folders, which are not followed: they may lead round in circles.

    Raises:
        ScanError: something that was named is not there, or is of no known kind.
    """

    def __init__(self, names: Sequence[str]):
        self.passed_over = 0
        self.names = [remote.pinned(name) for name in names]
        # All are looked at before the first is listed: a wrong name is told at once.
        self._parts = [self._part(name) for name in self.names]

    def __iter__(self) -> Iterator[Item]:
        for part in self._parts:
            yield from part()

    def _part(self, name: str) -> Callable[[], Iterator[Item]]:
        if name == STANDARD_INPUT:
            if sys.stdin is None:
                raise ScanError("There is no standard input. Name a folder or a file.")
            return lambda: self._listed(sys.stdin.buffer)
        if remote.is_address(name):
            return remote.listing(name)
        return self._local(name)

    def _local(self, name: str) -> Callable[[], Iterator[Item]]:
        # Unlike Path's, these say no to names that the system refuses.
        if os.path.isdir(name):  # noqa: PTH112
            return lambda: self._walk(name)
        if not os.path.lexists(name):
            if WILD.search(name):
                return lambda: self._matching(name)
            raise ScanError(f"There is no file or folder {name}. Check the name.")
        if archive.is_archive(name):
            return lambda: archive.listing(name)
        if name.lower().endswith(LIST_SUFFIXES):
            return lambda: self._lines_of(name)
        return lambda: iter((Item(name, kind_of(name, named=True)),))

    def _walk(self, folder: str) -> Iterator[Item]:
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                with os.scandir(here) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        elif self._is_file(entry):
                            yield Item(entry.path, kind_of(entry.path))
                        else:
                            self.passed_over += 1
            except OSError as error:
                yield Item(here, "folder", problem=f"The folder cannot be opened: {reason(error)}.")

    @staticmethod
    def _is_file(entry: os.DirEntry[str]) -> bool:
        try:
            # A link to nowhere, or round in a circle, gets a row that says so.
            return entry.is_file() or (entry.is_symlink() and not entry.is_dir())
        except OSError as error:
            return error.errno == errno.ELOOP

    def _matching(self, pattern: str) -> Iterator[Item]:
        """Files that a pattern with `*`, `?`, `[…]` and `**` names."""
        parts = Path(pattern).parts
        wild = next(index for index, part in enumerate(parts) if WILD.search(part))
        base = str(Path(*parts[:wild]))
        matches = _pattern(parts[wild:])
        found = False
        if os.path.isdir(base):  # noqa: PTH112
            for item in self._walk(base):
                inside = os.path.relpath(item.name, base)
                if item.kind != "folder" and matches.fullmatch(inside):
                    found = True
                    # Path adds no "./", and neither does a shell.
                    name = inside if base == "." else item.name
                    yield Item(name, kind_of(name, named=True))
        if not found:
            raise ScanError(f"No file matches {pattern}. Check the pattern, and put it in quotes.")

    def _lines_of(self, name: str) -> Iterator[Item]:
        try:
            with Path(name).open("rb") as file:
                yield from self._listed(file)
        except OSError as error:
            raise ScanError(f"The list {name} cannot be read: {reason(error)}.") from error

    def _listed(self, file: BinaryIO) -> Iterator[Item]:
        """Files and folders that a list names: one a line, or ended by NUL as of `find -print0`."""
        for line in _lines(file):
            name = os.fsdecode(line)
            if remote.is_address(name):
                yield Item(name, kind_of(name, named=True))
            elif os.path.isdir(name):  # noqa: PTH112
                yield from self._walk(name)
            else:
                yield Item(name, kind_of(name, named=True))


def reason(error: OSError) -> str:
    """Why the system refused, in its words."""
    return error.strerror or str(error)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    rest, end = b"", b""
    while piece := file.read(READ_BYTES):
        rest += piece
        end = end or (b"\0" if b"\0" in piece else b"\n")
        *whole, rest = rest.split(end)
        if len(rest) > LONGEST_NAME:
            raise ScanError(
                "The list has a line of more than 100,000 bytes. Write one name a line."
            )
        for line in whole:
            if name := line.removesuffix(b"\r") if end == b"\n" else line:
                yield name
    if name := rest.removesuffix(b"\r"):
        yield name


def _pattern(parts: Sequence[str]) -> re.Pattern[str]:
    text = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            text += ".*" if last else r"(?:[^/]+/)*"
            continue
        # fnmatch lets `*` match a slash, too; names of single parts have none.
        one = fnmatch.translate(part).removeprefix("(?s:").removesuffix(r")\Z").removesuffix(r")\z")
        text += one.replace(".*", "[^/]*") + ("" if last else "/")
    return re.compile(text, re.DOTALL)
