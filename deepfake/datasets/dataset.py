"""A labelled folder, table or data set of the Hub → samples with labels, splits and groups."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from deepfake.datasets import groups, hub, layouts, tables
from deepfake.datasets.samples import CLASSES, SPLITS, Sample
from deepfake.errors import TrainingError

USES = {"train": "train", "valid": "validate", "test": "test"}


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures, and how they were recognised.

    Attributes:
        root: Path. The folder that paths are relative to.
        address: str. What the user named; for the Hub, with the commit.
        layout: str. The layout in words.
        samples: tuple of Sample. Sorted by path.
        words: dict. Words that were found, such as "0_real" → label.
        has_splits: bool. Whether the data itself tells splits.
        notes: tuple of str. Sentences on what was derived, left out or is odd.
        is_table: bool. Whether a CSV file tells the labels.
    """

    root: Path
    address: str
    layout: str
    samples: tuple[Sample, ...]
    words: dict[str, int]
    has_splits: bool
    notes: tuple[str, ...] = ()
    is_table: bool = False

    def describe(self) -> str:
        """Layout, labels and counts for people; to be shown before anything is done with them."""
        counts = Counter((sample.split, sample.label) for sample in self.samples)
        splits = [
            f"{split} {counts[split, 0]:,} real and {counts[split, 1]:,} fake"
            for split in SPLITS
            if counts[split, 0] + counts[split, 1]
        ]
        lines = [
            f"Data: {self.address} ({self.layout})",
            f"Labels: {self.describe_words()}",
            f"Pictures: {'; '.join(splits)}",
        ]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def describe_words(self) -> str:
        """Which words were taken for which label."""
        return ", ".join(
            f"“{word}” is {CLASSES[label]}"
            for word, label in sorted(self.words.items(), key=lambda item: (item[1], item[0]))
        )

    def require_training_splits(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            TrainingError: a class without pictures in a split.
        """
        for split in SPLITS:
            if split == "test" and not any(sample.split == split for sample in self.samples):
                continue
            for label, word in enumerate(CLASSES):
                if not any(s.split == split and s.label == label for s in self.samples):
                    raise TrainingError(self._lacks(split, word))

    def _lacks(self, split: str, word: str) -> str:
        lack = f"{self.address} has no {word} pictures to {USES[split]} with. "
        of_class = [s for s in self.samples if CLASSES[s.label] == word]
        if of_class and not self.has_splits:
            return lack + (
                f"There are {len(of_class):,}, too few for the 80/10/10 split by their names. Add "
                "more, or sort them into train/, valid/ and test/ yourself."
            )
        return lack + (
            f"Put them into {split}/{word}/ or name them in {layouts.TABLE}. "
            f"Found: {self.describe_words()}."
        )


def find_dataset(source: str | Path) -> Dataset:
    """Find labelled pictures, whatever the layout.

    Known are a CSV file or a folder with a `labels.csv` (path, label and, if wished, split,
    generator or source, and group), `train|valid|test/real|fake/…` and `real|fake/…` in many
    spellings (see `label_words`), the Hub's `metadata.csv` or `metadata.jsonl` with labels, and
    `hf://datasets/owner/name[@revision]`. Where the data tell no split, it is made by the hash of
    the group.

    Args:
        source: str or Path. A folder, a CSV file, or an address on the Hub.

    Returns:
        The Dataset. It may lack a class or a split; see `require_training_splits`.

    Raises:
        TrainingError: nothing there, no known layout, or a label or folder that is not known.
    """
    address, path = str(source), Path(source)
    if hub.is_address(source):
        fetched = hub.download(source)
        address, path = fetched.address, fetched.path
    if path.is_file() and path.suffix.lower() in (".csv", ".tsv", ".jsonl"):
        root, layout = path.parent.absolute(), tables.read_table(path)
    elif (path / layouts.TABLE).is_file():
        root, layout = path.absolute(), tables.read_table(path / layouts.TABLE)
    elif path.is_dir():
        root, layout = _in_folder(path)
    else:
        what = f"{address} is not a folder or a CSV file" if path.exists() else "There is no folder"
        named = "" if path.exists() else f" {address}"
        raise TrainingError(f"{what}{named}. Name a folder of real and fake faces.")
    if hub.is_address(source):
        # What somebody else wrote must not reach for other files of this machine.
        inside = [s for s in layout.samples if ".." not in s.path.parts and root in s.path.parents]
        layout = replace(layout, samples=inside)
    if not layout.samples:
        raise TrainingError(f"{address} names no pictures. Check its lines.")
    has_splits = any(sample.split for sample in layout.samples)
    samples, group_notes = groups.group_by_names(layout.samples)
    samples, split_notes = groups.settle_splits(samples)
    return Dataset(
        root,
        address,
        layout.kind,
        tuple(sorted(samples, key=lambda sample: sample.path)),
        layout.words,
        has_splits,
        (*layout.notes, *group_notes, *split_notes),
        layout.is_table,
    )


def _in_folder(folder: Path) -> tuple[Path, layouts.Layout]:
    """What folder names tell, or else the tables of the Hub's ImageFolder form."""
    try:
        return folder, layouts.read_folders(folder)
    except TrainingError:
        found = tables.find_metadata(folder)
        if not found:
            raise
    return folder.absolute(), tables.read_metadata(folder, found)
