"""Tables that tell which pictures are real and which are fake: CSV files and JSON lines."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deepfake import label_words
from deepfake.datasets.layouts import Layout
from deepfake.datasets.samples import CLASSES, Sample
from deepfake.errors import TrainingError

# What the Hub's ImageFolder form calls them; one in the folder, or one for each split.
METADATA = ("metadata.csv", "metadata.jsonl")
COLUMNS = {
    "path": ("path", "file_name", "filename", "file", "image"),
    "label": ("label", "class"),
    "split": ("split", "subset", "set"),
    "source": ("generator", "source"),
    "group": ("group",),
    "fold": ("fold",),
}


def find_metadata(folder: Path) -> list[Path]:
    """The tables of the Hub's ImageFolder form that tell labels; others hold captions.

    Args:
        folder: Path.

    Returns:
        Each `metadata.csv` or `metadata.jsonl` in it and two levels below.

    Raises:
        TrainingError: one of them cannot be read.
    """
    found = [
        path
        for depth in ("", "*/", "*/*/")
        for name in METADATA
        for path in sorted(folder.glob(depth + name))
        if path.is_file()
    ]
    return [path for path in found if {"path", "label"} <= _match(_rows(path)[0]).keys()]


def read_metadata(folder: Path, tables: Sequence[Path]) -> Layout:
    """Read the tables of a folder; where they tell no split, the names of its folders may.

    Args:
        folder: Path. As given to `find_metadata`.
        tables: sequence of Path. As it returned.

    Returns:
        The Layout of all of them.

    Raises:
        TrainingError: as of `read_table`.
    """
    layouts = [read_table(table) for table in tables]
    samples = []
    for sample in (sample for layout in layouts for sample in layout.samples):
        inside = sample.path.is_relative_to(folder.absolute())
        parts = sample.path.relative_to(folder.absolute()).parts[:-1] if inside else ()
        splits = [split for part in parts if (split := label_words.split_of(part))]
        samples.append(replace(sample, split=sample.split or (splits or [""])[-1]))
    names = ", ".join(table.relative_to(folder).as_posix() for table in tables)
    words = {word: label for layout in layouts for word, label in layout.words.items()}
    notes = tuple(note for layout in layouts for note in layout.notes)
    kind = f"{'a table' if len(tables) == 1 else 'tables'}, {names}"
    return Layout(kind, samples, words, notes, is_table=True)


def read_table(table: Path) -> Layout:
    """Read a table: path and label, and if wished split, generator or source, group and fold.

    Args:
        table: Path. UTF-8; comma, semicolon or tab between columns, or, as .jsonl, an object
            a line. Paths are relative to it.

    Returns:
        The Layout.

    Raises:
        TrainingError: no such file, columns missing, or a label or split that is not known.
    """
    found, rows = _rows(table)
    columns = _columns(table, found)
    # A table may mix full and relative paths; those who compare them need them alike.
    folder = table.parent.absolute()
    samples: dict[Path, Sample] = {}
    words: dict[str, int] = {}
    missing, repeated = [], 0
    for number, row in rows:
        values = {name: (row.get(column) or "").strip() for name, column in columns.items()}
        label = label_words.label_of(values["label"])
        if label is None or not values["path"]:
            raise TrainingError(_bad_line(table, number, values))
        split = label_words.split_of(values.get("split", "")) or ""
        if values.get("split") and not split:
            raise TrainingError(
                f"Line {number} of {table}: a split is train, valid or test. "
                f"Received: {values['split']!r}."
            )
        words.setdefault(values["label"], label)
        path = _existing(folder, values["path"])
        if path is None:
            missing.append(values["path"])
            continue
        sample = Sample(
            path, label, split, values.get("source") or CLASSES[label], values.get("group", ""),
            values.get("fold", ""),
        )  # fmt: skip
        if path in samples:
            repeated += 1
            if (samples[path].label, samples[path].split) != (label, split):
                raise TrainingError(
                    f"Line {number} of {table} names {values['path']} again with another label or "
                    "split. Keep one of the lines."
                )
        samples[path] = sample
    if missing and not samples:
        raise TrainingError(
            f"None of the {len(missing):,} files of {table} exists, for example {missing[0]}. "
            f"Paths are relative to {table.parent}."
        )
    notes = []
    if missing:
        notes.append(
            f"{len(missing):,} files of {table.name} do not exist and are left out, for example "
            f"{missing[0]}."
        )
    if repeated:
        notes.append(f"{repeated:,} lines of {table.name} name a file for a second time.")
    kind = f"a table, {table.name}"
    return Layout(kind, list(samples.values()), words, tuple(notes), is_table=True)


def _rows(table: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """(columns, [(line number, row)])."""
    if table.suffix.lower() == ".jsonl":
        return _json_rows(table)
    try:
        # Excel writes a byte-order mark, and in much of Europe semicolons.
        with table.open(newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=head.count)
            reader = csv.DictReader(file, delimiter=delimiter)
            rows = [(reader.line_num, row) for row in reader if any(row.values())]
            found = [name for name in reader.fieldnames or [] if name]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{table} is not a CSV file in UTF-8: {error}.") from error
    except OSError as error:
        raise TrainingError(f"{table} cannot be read: {error.strerror}.") from error
    return found, rows


def _json_rows(table: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    rows = []
    try:
        for number, line in enumerate(table.read_text(encoding="utf-8-sig").splitlines(), 1):
            if line.strip():
                values = json.loads(line)
                if not isinstance(values, dict):
                    raise TrainingError(f"Line {number} of {table} is no JSON object.")
                row = {name: "" if v is None else str(v) for name, v in values.items()}
                rows.append((number, row))
    except ValueError as error:
        raise TrainingError(f"{table} is not a file of JSON lines in UTF-8: {error}.") from error
    except OSError as error:
        raise TrainingError(f"{table} cannot be read: {error.strerror}.") from error
    return list(dict.fromkeys(name for _, row in rows for name in row)), rows


def _columns(table: Path, found: list[str]) -> dict[str, str]:
    """Our column name → theirs."""
    columns = _match(found)
    lacking = [name for name in ("path", "label") if name not in columns]
    if lacking:
        raise TrainingError(
            f"{table} has no column {' and no column '.join(lacking)}. Its first line must name "
            "the columns: path, label and, if wished, split, generator and group. "
            f"Found: {', '.join(found) or 'nothing'}."
        )
    return columns


def _match(found: list[str]) -> dict[str, str]:
    by_name = {name.strip().lower(): name for name in reversed(found)}
    return {
        ours: by_name[name]
        for ours, names in COLUMNS.items()
        for name in reversed(names)
        if name in by_name
    }


def _existing(folder: Path, name: str) -> Path | None:
    for spelling in (name, name.replace("\\", "/")):
        # Unlike Path.is_file, this says no to names that the system refuses.
        if os.path.isfile(folder / spelling):  # noqa: PTH113
            return folder / spelling
    return None


def _bad_line(table: Path, number: int, values: dict[str, str]) -> str:
    received = f"Received: {values['path']!r}, {values['label']!r}."
    if values["path"] and values["label"].isdigit():
        return (
            f"Line {number} of {table} has a number as label, and which number means fake is not "
            f"guessed. Write real and fake. {received}"
        )
    return (
        f"Line {number} of {table} needs a path and a label (real or fake). {received} "
        f"Known words are, {label_words.known_words()}."
    )
