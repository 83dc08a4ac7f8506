"""How labelled pictures lie in a folder."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfake import label_words
from deepfake.datasets import groups
from deepfake.datasets.samples import CLASSES, Sample
from deepfake.errors import TrainingError
from deepfake.imaging import SUFFIXES

TABLE = "labels.csv"
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
    oddities: list[str] = []
    files = [
        (path, path.relative_to(folder).parts[:-1]) for path in find_pictures(folder, oddities)
    ]
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
    notes = oddities
    if loose:
        notes.append(f"{loose:,} pictures lie outside the class folders and are left out.")
    samples, words, more_notes = _name_sources(placed)
    splits = {sample.split for sample in samples} - {""}
    kind = "split folders with class folders" if splits else "class folders"
    return Layout(kind, samples, words, (*notes, *more_notes))


def find_pictures(folder: Path, oddities: list[str] | None = None) -> Iterator[Path]:
    """The pictures of a folder and its sub-folders by their endings, sorted; hidden ones not.

    Args:
        folder: Path.
        oddities: list of str. Gets sentences on folders that cannot be opened or are the same as
            another, and on names without a file behind them. Defaults to None: say nothing.

    Yields:
        Paths of files.
    """
    closed: list[str] = []
    gone: list[str] = []
    notes: list[str] = []
    place: dict[Path, Path] = {}
    first: dict[Path, Path] = {}
    again: set[Path] = set()

    def note_closed(error: OSError) -> None:
        closed.append(str(error.filename))

    for root, names, files in os.walk(folder, followlinks=True, onerror=note_closed):
        here = Path(root)
        real = place[here] = here.resolve()
        if any(place.get(parent) == real for parent in here.parents):  # a loop
            names.clear()
            continue
        if first.setdefault(real, here) != here:
            if here.parent not in again:
                notes.append(
                    f"{here} is the same folder as {first[real]}; its pictures count twice."
                )
            again.add(here)
        names[:] = sorted(n for n in names if not n.startswith((".", "__MACOSX")))
        for name in sorted(files):
            path = here / name
            if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                # Not a link to nothing, and not a pipe, which would be waited for without end.
                if path.is_file():
                    yield path
                else:
                    gone.append(str(path))
    if oddities is not None:
        for found, what in ((closed, "folders cannot be opened"), (gone, "names have no file")):
            if found:
                notes.append(f"{len(found):,} {what} and are left out, for example {found[0]}.")
        oddities += notes


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
    frames, unclear = groups.frame_groups([(rests[path], path.stem) for path, _, _ in placed])
    if unclear:
        notes.append(
            "These sub-folders hold files of the same numbers and are taken for sources: "
            f"{_listed(unclear)}. If each is a person or video, name it in the column group of a "
            f"{TABLE}."
        )
    if any(frames):
        found = sorted(set(filter(None, frames)))
        notes.append(
            f"{sum(map(bool, frames)):,} files are frames of the {len(found):,} folders that they "
            f"are in, and stay in one split with them: {_listed(found)}."
        )
    folders_of = {label: [w for w in words if words[w] == label] for label in (0, 1)}
    samples = []
    for (path, parts, depths), frame in zip(placed, frames, strict=True):
        word, rest = parts[depths[0]], rests[path]
        label = words[word]
        source = CLASSES[label]
        group = frame
        if rest and len(leaves[label]) > groups.MAX_SOURCES:
            group = groups.folder_group(rest)
        # A video directly in the class folder is no source.
        if rest and len(first[label]) <= groups.MAX_SOURCES and ("/" in group or not frame):
            source = rest[0]
        elif len({label_words.core(w) for w in folders_of[label]}) > 1:
            source = word
        splits = [split for part in parts if (split := label_words.split_of(part))]
        samples.append(Sample(path, label, splits[-1] if splits else "", source, group))
    return samples, words, notes


def _listed(names: Sequence[str]) -> str:
    more = "" if len(names) <= SHOWN else f" and {len(names) - SHOWN:,} more"
    return ", ".join(names[:SHOWN]) + more


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
