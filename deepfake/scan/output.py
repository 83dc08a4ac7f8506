"""Rows → Parquet, CSV or JSON lines, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from deepfake.errors import ScanError
from deepfake.scan.documents import ScanRowDocument

if TYPE_CHECKING:
    import pyarrow

Write = Callable[[ScanRowDocument], None]
# Rows that are in memory before they go into the file together.
ROW_GROUP = 10_000
# A table program would take a cell that starts like this for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def require(path: Path) -> None:
    """Say before hours of work what would be in the way of the output.

    Args:
        path: Path. The output.

    Raises:
        ScanError: another ending, no folder, no package for Parquet, or the file is there already.
    """
    if path.suffix.lower() not in WRITERS:
        raise ScanError(
            f"The output {path} must end in {', '.join(WRITERS)}, which says what it becomes."
        )
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise ScanError(
                "Parquet needs a package that is not here. Run: pip install 'deepfake[scan]', or "
                "name an output that ends in .csv or .jsonl."
            ) from error
    if not path.absolute().parent.is_dir():
        raise ScanError(f"There is no folder {path.absolute().parent} for the output. Make it.")


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place when all of it is on the disk; else nothing is left of it.

    Args:
        path: Path. The file.

    Raises:
        ScanError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise ScanError(
            f"{path} cannot be written: {error.strerror or error}. Free some space or name another "
            "place, and give the same command again: nothing is judged twice."
        ) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def writer(path: Path) -> Iterator[Write]:
    """What takes rows, one by one; the file is there when it ends without an error.

    Args:
        path: Path. Ends in .parquet, .csv or .jsonl.
    """
    with whole(path) as file, WRITERS[path.suffix.lower()](file) as write:
        yield write


@contextmanager
def _jsonl(file: IO[bytes]) -> Iterator[Write]:
    yield lambda row: _ignore(file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n"))


@contextmanager
def _csv(file: IO[bytes]) -> Iterator[Write]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    table = csv.writer(text)
    table.writerow(ScanRowDocument.__annotations__)
    yield lambda row: _ignore(table.writerow(map(_cell, row.values())))
    text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    # Of a path, the same file; other texts are sentences of ours.
    return f"./{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


@contextmanager
def _parquet(file: IO[bytes]) -> Iterator[Write]:
    import pyarrow.parquet

    schema = _schema()
    waiting: list[ScanRowDocument] = []
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as table:

        def put() -> None:
            table.write_table(pyarrow.Table.from_pylist(waiting, schema))
            waiting.clear()

        def write(row: ScanRowDocument) -> None:
            waiting.append(row)
            if len(waiting) == ROW_GROUP:
                put()

        yield write
        put()


def _schema() -> pyarrow.Schema:
    """`ScanRowDocument` in Parquet's types."""
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    face = pa.struct(
        {
            "box": pa.list_(pa.int32()), "p_fake": pa.float64(), "verdict": text,
            "confidence": pa.float64(), "note": text, "turn": pa.float64(), "reasons": texts,
            "signs": text,
        }
    )  # fmt: skip
    person = pa.struct(
        {
            "shot": pa.int32(), "verdict": text, "p_fake": pa.float64(), "reasons": texts,
            "first_seen": pa.float64(), "last_seen": pa.float64(), "judged": pa.int32(),
        }
    )  # fmt: skip
    video = pa.struct(
        {
            "seconds": pa.float64(), "frames": pa.int32(), "looked_at": pa.int32(),
            "share_judged": pa.float64(), "people": pa.list_(person),
        }
    )  # fmt: skip
    return pa.schema(
        {
            "path": text, "kind": text, "sha256": text, "bytes": pa.int64(), "format": text,
            "width": pa.int32(), "height": pa.int32(), "verdict": text, "p_fake": pa.float64(),
            "threshold": pa.float64(), "reasons": texts, "signs": text, "face_count": pa.int32(),
            "faces": pa.list_(face), "video": video, "notes": texts, "error": text,
            "duplicate_of": text, "near_duplicate_of": text,
            "model": pa.struct({"name": text, "version": text, "sha256": text}),
        }
    )  # fmt: skip


WRITERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}


def _ignore(_: object) -> None:
    """Writers return how many bytes they took."""
