"""What a scan knows so far, in one SQLite file beside the output: kept through any death.

A transaction is there as a whole or not at all, and a name and a content are there once. Nothing
of it is held in memory, so a scan of millions of files takes no more than one of a hundred.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from deepfake.errors import ScanError
from deepfake.scan.item import Item, Kind

SUFFIX = ".unfinished"
TABLES = """
CREATE TABLE IF NOT EXISTS told (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, place BLOB NOT NULL, entry INTEGER NOT NULL,
    kind TEXT NOT NULL, done INTEGER NOT NULL, sha256 TEXT, problem TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_content ON files (sha256, name) WHERE sha256 IS NOT NULL;
CREATE TABLE IF NOT EXISTS contents (
    sha256 TEXT PRIMARY KEY, document TEXT NOT NULL, hash INTEGER, grey BLOB, thumbnail BLOB,
    alike TEXT);
"""
# Name, kind, problem, SHA-256 and document of a file, names of the first file of the same content
# and of the first that looks like it, and the thumbnail.
Row = tuple[
    bytes, str, str, str | None, str | None, bytes | None, bytes | None, bytes | None
]  # fmt: skip
# `done`: to do, has its row, passed over since it is no picture.
TODO, DONE, PASSED_OVER = 0, 1, 2
LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
# What died with the program is judged again; more often would cost more than that.
COMMIT_SECONDS = 0.5


@dataclass(frozen=True)
class Content:
    """What is kept of the content of a file, however many files have it.

    Attributes:
        sha256: str. Of the content.
        document: dict. Of the row's fields those that come from the content.
        hash: int. Difference hash; None where it is no picture.
        grey: bytes. Small grey copy, to tell look-alikes by; None likewise.
        thumbnail: bytes. A WebP picture; None where none was asked for.
    """

    sha256: str
    document: Mapping[str, Any]
    hash: int | None = None
    grey: bytes | None = None
    thumbnail: bytes | None = None


class Journal:
    """The journal of one scan. For one thread.

    Args:
        path: Path. The file; made if there is none.
        plan: dict of str. What the scan is made with; of an older journal it must be the same.

    Raises:
        ScanError: it is another scan's or no journal, another process writes it, or it cannot be
            written.
    """

    def __init__(self, path: Path, plan: Mapping[str, str]):
        self.path = path
        self._committed = time.monotonic()
        self._closed = False
        try:
            self._base = sqlite3.connect(path, isolation_level=None, timeout=1)
        except sqlite3.Error as error:
            raise self._failed(error) from error
        try:
            # Exclusive: two scans never write one journal, and no shared memory is needed, which
            # network file systems do not have.
            self._base.executescript(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; "
                "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE;" + TABLES
            )
            self.resumed = self._is_resumed(plan)
            self._look_again()
        except sqlite3.Error as error:
            self._base.close()
            raise self._failed(error) from error
        except ScanError:
            self._base.close()
            raise

    def add(self, items: Iterable[Item]) -> int:
        """Take up files, and count them; those that are known already are not taken twice."""
        rows = [
            (
                os.fsencode(item.name), os.fsencode(item.place), item.entry, item.kind,
                DONE if item.problem else TODO, item.problem,
            )
            for item in items
        ]  # fmt: skip
        return self._write(
            "INSERT OR IGNORE INTO files (name, place, entry, kind, done, problem) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )

    def next(self, after: int, count: int) -> list[tuple[int, Item]]:
        """(number, file) of the next files that have no row yet."""
        found = self._read(
            "SELECT id, name, kind, place, entry FROM files WHERE id > ? AND done = ? "
            "ORDER BY id LIMIT ?",
            (after, TODO, count),
        )
        return [
            (number, Item(os.fsdecode(name), cast(Kind, kind), os.fsdecode(place), entry))
            for number, name, kind, place, entry in found
        ]

    def has_content(self, sha256: str) -> bool:
        """Whether this content has been judged."""
        return bool(self._one("SELECT count(*) FROM contents WHERE sha256 = ?", (sha256,)))

    def set_content(self, number: int, sha256: str) -> None:
        """A file has this content, which has been judged or is being judged."""
        self._write("UPDATE files SET done = ?, sha256 = ? WHERE id = ?", [(DONE, sha256, number)])

    def set_problem(self, number: int, problem: str) -> None:
        """A file cannot be read."""
        self._write(
            "UPDATE files SET done = ?, problem = ? WHERE id = ?", [(DONE, problem, number)]
        )

    def pass_over(self, number: int) -> None:
        """A file is no picture."""
        self._write("UPDATE files SET done = ? WHERE id = ?", [(PASSED_OVER, number)])

    def judged(self, contents: Iterable[Content]) -> None:
        """Keep what was found."""
        self._write(
            "INSERT OR REPLACE INTO contents (sha256, document, hash, grey, thumbnail) "
            "VALUES (?, ?, ?, ?, ?)",
            [
                (one.sha256, json.dumps(one.document), one.hash, one.grey, one.thumbnail)
                for one in contents
            ],
        )

    def reopen(self) -> bool:
        """Whether files whose content has no verdict after all are to be read again."""
        return self._look_again() > 0

    def totals(self) -> tuple[int, int]:
        """(files that have been taken up, those among them that are done)."""
        total, done = self._read("SELECT count(*), total(done <> ?) FROM files", (TODO,))[0]
        return total, int(done)

    @property
    def passed_over(self) -> int:
        """Files that turned out to be no pictures."""
        return int(self._one("SELECT count(*) FROM files WHERE done = ?", (PASSED_OVER,)))

    def rows(self) -> Iterator[Row]:
        """All files that are done, by name."""
        yield from self._base.execute(
            "SELECT f.name, f.kind, f.problem, f.sha256, c.document, "
            "(SELECT min(g.name) FROM files g WHERE g.sha256 = f.sha256), c.alike, c.thumbnail "
            "FROM files f LEFT JOIN contents c USING (sha256) "
            "WHERE f.done = ? AND (f.sha256 IS NULL OR c.sha256 IS NOT NULL) ORDER BY f.name",
            (DONE,),
        )

    def items(self) -> Iterator[tuple[Item, str, str]]:
        """(first file, SHA-256, document) of each content that has been judged."""
        for name, kind, place, entry, sha256, document in self._base.execute(
            "SELECT min(f.name), f.kind, f.place, f.entry, c.sha256, c.document "
            "FROM files f JOIN contents c USING (sha256) WHERE f.done = ? GROUP BY c.sha256",
            (DONE,),
        ):
            yield (
                Item(os.fsdecode(name), kind, os.fsdecode(place), entry), sha256, document,
            )  # fmt: skip

    def hashes(self, shift: int) -> Iterator[tuple[int, int, int]]:
        """(16 bits of the hash from `shift` on, content, hash), sorted by these bits."""
        yield from self._base.execute(
            "SELECT (hash >> ?) & 65535 AS bits, rowid, hash FROM contents "
            "WHERE hash IS NOT NULL ORDER BY bits, sha256",
            (shift,),
        )

    def greys(self, contents: Sequence[int]) -> list[bytes]:
        """The grey copies of some hundred contents at most, by their numbers in `hashes`."""
        places = ", ".join("?" * len(contents))
        found = self._read(
            f"SELECT rowid, grey FROM contents WHERE rowid IN ({places})",  # noqa: S608
            contents,
        )
        by_number: dict[int, bytes] = dict(found)
        return [by_number[content] for content in contents]

    def link(self, groups: Iterable[Sequence[int]]) -> None:
        """Contents that look the same; each becomes linked to the first of its files' names."""
        self._write("UPDATE contents SET alike = NULL WHERE alike IS NOT NULL", [()])
        for group in groups:
            first = min(
                self._one(
                    "SELECT min(f.name) FROM contents c JOIN files f USING (sha256) "
                    "WHERE c.rowid = ?",
                    (content,),
                )
                for content in group
            )
            self._write(
                "UPDATE contents SET alike = ? WHERE rowid = ?", [(first, c) for c in group]
            )

    def commit(self, *, now: bool = True) -> None:
        """Put down what was written; without `now` only if the last time is a while ago."""
        if now or time.monotonic() - self._committed > COMMIT_SECONDS:
            try:
                self._base.execute("COMMIT")
                self._base.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise self._failed(error) from error
            self._committed = time.monotonic()

    def close(self) -> None:
        """Put down what was written, and let go of the file."""
        if self._closed:
            return
        self._closed = True
        try:
            self._base.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from error
        finally:
            self._base.close()

    def remove(self) -> None:
        """Delete it: the output has all."""
        self.close()
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)

    def _is_resumed(self, plan: Mapping[str, str]) -> bool:
        told = dict(self._read("SELECT name, value FROM told"))
        if not told:
            self._write("INSERT INTO told VALUES (?, ?)", list(plan.items()))
            return False
        for name, value in plan.items():
            if told.get(name) != value:
                raise ScanError(
                    f"{self.path} was begun with another {name} ({told.get(name)}, now {value}). "
                    "Repeat the earlier command to go on with it, remove it to begin anew, or "
                    "name another output."
                )
        return True

    def _look_again(self) -> int:
        # Their content was with a worker that died, or with us.
        found = self._base.execute(
            "UPDATE files SET done = ?, sha256 = NULL WHERE done = ? AND sha256 IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM contents c WHERE c.sha256 = files.sha256)",
            (TODO, DONE),
        )
        return found.rowcount

    def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        try:
            return self._base.executemany(statement, rows).rowcount
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _read(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._base.execute(statement, values).fetchall()

    def _one(self, statement: str, values: Sequence[Any] = ()) -> Any:
        return self._base.execute(statement, values).fetchone()[0]

    def _failed(self, error: sqlite3.Error) -> ScanError:
        # Above the lower byte SQLite says more, such as that the other scan is just beginning, or
        # that it ended while we waited, and has removed its journal.
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF in LOCKED or code == sqlite3.SQLITE_READONLY_DBMOVED:
            return ScanError(f"Another scan is writing {self.path}. Wait for it, or stop it.")
        if isinstance(error, sqlite3.OperationalError):
            return ScanError(
                f"The journal {self.path} cannot be written: {error}. Free some space, or name an "
                "output elsewhere; then give the same command again, and the scan goes on where "
                "it stopped."
            )
        return ScanError(
            f"{self.path} is no journal of a scan, or is damaged: {error}. Remove it to begin anew."
        )
