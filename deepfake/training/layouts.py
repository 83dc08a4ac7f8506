"""How labelled pictures lie in a folder or a CSV file."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfake.errors import TrainingError
from deepfake.training import groups, label_words
from deepfake.training.samples import CLASSES, SUFFIXES, Sample

TABLE = "labels.csv"
COLUMNS = {
    "path": ("path", "file_name", "filename", "file", "image"),
    "label": ("label", "class"),
    "split": ("split", "subset", "set"),
    "source": ("generator", "source"),
    "group": ("group",),
}
REMEDY = (
    f"Name the folders real and fake, move the others out, or write a {TABLE} with the columns "
    "path and label"
)
SHOWN = 12


@dataclass(frozen=True)
class Layout:
    """What was found, before groups and splits are settled.

    Attributes:
        kind: str. The layout in words.
        samples: list of Sample. `split` is "" where the layout does not tell.
        words: dict. Words that were found → label.
        notes: tuple of str. Sentences about what was left out or is odd.
        is_table: bool. Whether a CSV file tells the labels.
    """

    kind: str
    samples: list[Sample]
    words: dict[str, int]
    notes: tuple[str, ...] = ()
    is_table: bool = False


def read_table(table: Path) -> Layout:
    """Read a CSV file: path and label, and if wished split, generator or source, and group.

    Args:
        table: Path. UTF-8; comma, semicolon or tab between columns. Paths are relative to it.

    Returns:
        The Layout.

    Raises:
        TrainingError: not a CSV file, columns missing, or a label or split that is not known.
    """
    columns, rows = _rows(table)
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
        path = _existing(table.parent, values["path"])
        if path is None:
            missing.append(values["path"])
            continue
        sample = Sample(
            path, label, split, values.get("source") or CLASSES[label], values.get("group", "")
        )
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


def read_folders(folder: Path) -> Layout:
    """Find pictures in folders whose names tell label and, where they do, split.

    Args:
        folder: Path. With `train|valid|test/real|fake/…`, `real|fake/train|…`, or `real|fake/…`
            at any depth.

    Returns:
        The Layout; sub-folders of the class folders are sources, or, where there are many, groups.

    Raises:
        TrainingError: pictures lie in folders whose names are not known, or contradict each other.
    """
    files = [(path, path.relative_to(folder).parts[:-1]) for path in find_pictures(folder)]
    classes = _class_folders([parts for _, parts in files])
    unknown: Counter[str] = Counter()
    loose = 0
    placed: list[tuple[Path, tuple[str, ...], list[int]]] = []
    for path, parts in files:
        depths = classes[parts]
        if depths:
            placed.append((path, parts, depths))
        elif all(label_words.split_of(part) for part in parts):
            loose += 1
        else:
            unknown["/".join(parts)] += 1
    if unknown:
        listed = ", ".join(f"{name}/ ({count:,})" for name, count in unknown.most_common(SHOWN))
        more = "" if len(unknown) <= SHOWN else f" and {len(unknown) - SHOWN:,} more"
        raise TrainingError(
            f"{folder} has pictures in folders whose names say neither real nor fake: {listed}"
            f"{more}. {REMEDY}. Known words are, {label_words.known_words()}."
        )
    if not placed:
        raise TrainingError(_nothing(folder, loose))
    notes = []
    if loose:
        notes.append(f"{loose:,} pictures lie outside the class folders and are left out.")
    samples, words, more_notes = _name_sources(placed)
    splits = {sample.split for sample in samples} - {""}
    kind = "split folders with class folders" if splits else "class folders"
    return Layout(kind, samples, words, (*notes, *more_notes))


def find_pictures(folder: Path) -> Iterator[Path]:
    """The pictures of a folder and its sub-folders by their endings, sorted; hidden ones not."""
    seen = set()
    for root, names, files in os.walk(folder, followlinks=True):
        real = Path(root).resolve()
        if real in seen:  # a link to a folder above
            names.clear()
            continue
        seen.add(real)
        names[:] = sorted(n for n in names if not n.startswith((".", "__MACOSX")))
        for name in sorted(files):
            path = Path(root, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                yield path


def _rows(table: Path) -> tuple[dict[str, str], list[tuple[int, dict[str, str]]]]:
    """(our column name → theirs, [(line number, row)])."""
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
    by_name = {name.strip().lower(): name for name in reversed(found)}
    columns = {
        ours: by_name[name]
        for ours, names in COLUMNS.items()
        for name in reversed(names)
        if name in by_name
    }
    lacking = [name for name in ("path", "label") if name not in columns]
    if lacking:
        raise TrainingError(
            f"{table} has no column {' and no column '.join(lacking)}. Its first line must name "
            "the columns: path, label and, if wished, split, generator and group. "
            f"Found: {', '.join(found) or 'nothing'}."
        )
    return columns, rows


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


def _class_folders(folders: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], list[int]]:
    """For each folder, the depths at which its path names a class.

    “deepfake/train/real” names two. A folder is no class but the name of the whole if every picture
    below it lies in a class folder of its own, and both classes are there.

    Raises:
        TrainingError: a path that names both classes for good.
    """
    below: dict[tuple[str, ...], set[int | None]] = defaultdict(set)
    named = {}
    for parts in set(folders):
        labels = [(d, label_words.label_of(part)) for d, part in enumerate(parts)]
        known = [(depth, label) for depth, label in labels if label is not None]
        named[parts] = known
        following = [*(label for _, label in known[1:]), None]
        for (depth, _), label in zip(known, following, strict=False):
            below[parts[: depth + 1]].add(label)
    classes = {}
    for parts, known in named.items():
        kept = [(d, label) for d, label in known if below[parts[: d + 1]] != {0, 1}]
        if len({label for _, label in kept}) > 1:
            raise TrainingError(
                f"The folder {'/'.join(parts)} names both classes, real and fake. {REMEDY}."
            )
        classes[parts] = [depth for depth, _ in kept]
    return classes


def _name_sources(
    placed: Sequence[tuple[Path, tuple[str, ...], list[int]]],
) -> tuple[list[Sample], dict[str, int], list[str]]:
    """Samples with the sources and groups that sub-folders tell."""
    words: dict[str, int] = {}
    rests: dict[Path, tuple[str, ...]] = {}
    first: dict[int, set[str]] = defaultdict(set)
    leaves: dict[int, set[tuple[str, ...]]] = defaultdict(set)
    for path, parts, depths in placed:
        label = label_words.label_of(parts[depths[0]])
        assert label is not None  # noqa: S101  depths are those with a label
        words[parts[depths[0]]] = label
        rest = tuple(p for p in parts[depths[0] + 1 :] if label_words.split_of(p) is None)
        rests[path] = rest
        first[label].update(rest[:1])
        leaves[label].add(rest)
    notes = [
        f"The {len(leaves[label]):,} sub-folders of “{CLASSES[label]}” are each taken for one "
        "person or video, and stay in one split."
        for label in sorted(leaves)
        if len(leaves[label]) > groups.MAX_SOURCES
    ]
    folders_of = {label: [w for w in words if words[w] == label] for label in (0, 1)}
    samples = []
    for path, parts, depths in placed:
        word, rest = parts[depths[0]], rests[path]
        label = words[word]
        source = CLASSES[label]
        if rest and len(first[label]) <= groups.MAX_SOURCES:
            source = rest[0]
        elif len({label_words.core(w) for w in folders_of[label]}) > 1:
            source = word
        group = ""
        if rest and len(leaves[label]) > groups.MAX_SOURCES:
            group = groups.folder_group(rest)
        splits = [split for part in parts if (split := label_words.split_of(part))]
        samples.append(Sample(path, label, splits[-1] if splits else "", source, group))
    return samples, words, notes


def _nothing(folder: Path, loose: int) -> str:
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:SHOWN]) or "nothing"
    if loose:
        return (
            f"{folder} has {loose:,} pictures, but no folders that say which are real and which "
            f"are fake. {REMEDY}. Found: {found}."
        )
    return (
        f"{folder} has no pictures. Expected folders real and fake, train/ and valid/ with both "
        f"inside, or a {TABLE}. Found: {found}."
    )
