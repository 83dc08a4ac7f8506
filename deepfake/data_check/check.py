"""`deepfake data check`: what a data set holds, and what would spoil a training on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deepfake.data_check import duplicates, shortcuts
from deepfake.data_check.file_facts import FileFacts, read_facts
from deepfake.datasets import groups
from deepfake.datasets.dataset import Dataset
from deepfake.datasets.samples import CLASSES, SPLITS
from deepfake.manifest import Input


@dataclass(frozen=True)
class Twins:
    """Files that show the same picture.

    Attributes:
        kind: str. "exact" (the same bytes) or "near" (they look the same).
        files: tuple of str. Paths in the data set.
        splits: tuple of str. The splits that they are in.
        labels: tuple of str. The labels that they have.
        file_splits: tuple of str. The split of each of `files`.
    """

    kind: str
    files: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    file_splits: tuple[str, ...]


@dataclass(frozen=True)
class DataReport:
    """What was found in a data set.

    Attributes:
        dataset: Dataset. What was looked at.
        counts: dict. (split, label, source) → readable files.
        sizes: dict. Label → width and height: smallest, median and largest, in pixels.
        formats: dict. Label → format → files.
        unreadable: tuple of (path, reason).
        twins: tuple of Twins.
        leaks: dict. Group that is in several splits → split → files.
        before: Shortcut or None. The shortcut test on the files; None with too few of them.
        after: Shortcut or None. The same on what the trainer feeds.
        warnings: tuple of str. What to do something about.
    """

    dataset: Dataset
    counts: dict[tuple[str, str, str], int]
    sizes: dict[str, dict[str, tuple[int, int, int]]]
    formats: dict[str, dict[str, int]]
    unreadable: tuple[tuple[str, str], ...]
    twins: tuple[Twins, ...]
    leaks: dict[str, dict[str, int]]
    before: shortcuts.Shortcut | None
    after: shortcuts.Shortcut | None
    warnings: tuple[str, ...]

    @property
    def read(self) -> int:
        """How many files could be read."""
        return sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON knows it."""
        return {
            "data": self.dataset.address,
            "layout": self.dataset.layout,
            "labels": {word: CLASSES[label] for word, label in self.dataset.words.items()},
            "has_splits": self.dataset.has_splits,
            "notes": list(self.dataset.notes),
            "files": len(self.dataset.samples),
            "counts": [
                {"split": split, "label": label, "source": source, "files": count}
                for (split, label, source), count in self.counts.items()
            ],
            "sizes": self.sizes,
            "formats": self.formats,
            "unreadable": [{"path": path, "reason": reason} for path, reason in self.unreadable],
            "duplicates": [asdict(twins) for twins in self.twins],
            "group_leaks": self.leaks,
            "shortcut_test": {
                "limit": shortcuts.MAX_AUC,
                "before": _as_dict(self.before),
                "after": _as_dict(self.after),
            },
            "warnings": list(self.warnings),
        }


def check(
    dataset: Dataset, spec: Input, sampled: int = 2000, seed: int = 0, workers: int = 2
) -> DataReport:
    """Read every file of a data set once, and a sample of them as the trainer does.

    Args:
        dataset: Dataset. As of `find_dataset`.
        spec: Input. The manifest's `input` of the model to be trained.
        sampled: int. At most this many files of a class go through the shortcut test.
        seed: int. Of that choice.
        workers: int. Threads.

    Returns:
        The DataReport.
    """
    facts, unreadable = read_facts(dataset.samples, workers)
    chosen = shortcuts.choose(facts, sampled, seed)
    before = shortcuts.before(chosen, seed)
    after = shortcuts.after(chosen, spec, seed, workers) if before else None
    counts = Counter(
        (fact.sample.split, CLASSES[fact.sample.label], fact.sample.source) for fact in facts
    )
    twins = _twins(dataset, facts)
    leaks = groups.leaks([fact.sample for fact in facts])
    return DataReport(
        dataset,
        dict(sorted(counts.items(), key=lambda item: (SPLITS.index(item[0][0]), item[0][1:]))),
        _sizes(facts),
        {
            word: dict(Counter(f.format for f in facts if f.sample.label == label).most_common())
            for label, word in enumerate(CLASSES)
        },
        tuple((_name(dataset, sample.path), reason) for sample, reason in unreadable),
        twins,
        leaks,
        before,
        after,
        (
            *_data_warnings(facts, len(unreadable), twins, leaks),
            *_shortcut_warnings(before, after),
        ),
    )


def quick_warnings(dataset: Dataset, workers: int = 2) -> list[str]:
    """Unreadable files, duplicates and leaks in sentences, without the shortcut test.

    Args:
        dataset: Dataset. As of `find_dataset`.
        workers: int. Threads.

    Returns:
        What to tell before a training; nothing where all is well. Reads every file once.
    """
    facts, unreadable = read_facts(dataset.samples, workers)
    leaks = groups.leaks([fact.sample for fact in facts])
    return _data_warnings(facts, len(unreadable), _twins(dataset, facts), leaks)


def _name(dataset: Dataset, path: Any) -> str:
    inside = dataset.root in path.parents
    name = path.relative_to(dataset.root).as_posix() if inside else str(path)
    # A terminal takes no name that is in no encoding.
    return name.encode(errors="backslashreplace").decode()


def _twins(dataset: Dataset, facts: Sequence[FileFacts]) -> tuple[Twins, ...]:
    found = duplicates.find([fact.fingerprint for fact in facts])
    twins = []
    for kind, clusters in (("exact", found.exact), ("near", found.near)):
        for cluster in clusters:
            samples = [facts[index].sample for index in cluster]
            twins.append(
                Twins(
                    kind,
                    tuple(_name(dataset, sample.path) for sample in samples),
                    tuple(s for s in SPLITS if any(sample.split == s for sample in samples)),
                    tuple(CLASSES[label] for label in sorted({s.label for s in samples})),
                    tuple(sample.split for sample in samples),
                )
            )
    return tuple(twins)


def _sizes(facts: Sequence[FileFacts]) -> dict[str, dict[str, tuple[int, int, int]]]:
    sizes: dict[str, dict[str, tuple[int, int, int]]] = defaultdict(dict)
    for label, word in enumerate(CLASSES):
        for side in ("width", "height"):
            values = [getattr(f, side) for f in facts if f.sample.label == label]
            if values:
                sizes[word][side] = (min(values), int(np.median(values)), max(values))
    return dict(sizes)


def _data_warnings(
    facts: Sequence[FileFacts],
    unreadable: int,
    twins: Sequence[Twins],
    leaks: dict[str, dict[str, int]],
) -> list[str]:
    warnings = []
    for label, word in enumerate(CLASSES):
        if not any(fact.sample.label == label for fact in facts):
            warnings.append(f"There are no {word} pictures, so nothing can be trained with this.")
    if unreadable:
        warnings.append(f"{counted(unreadable, 'file')} cannot be read and will be skipped.")
    across = [
        f"{counted(sum(len(t.files) for t in torn), 'file')} that {how} "
        f"({counted(len(torn), 'set')})"
        for kind, how in (("exact", "are the same byte for byte"), ("near", "look alike"))
        if (torn := [t for t in twins if t.kind == kind and len(t.splits) > 1])
    ]
    if across:
        known = {
            file
            for t in twins
            if "train" in t.splits
            for file, split in zip(t.files, t.file_splits, strict=True)
            if split == "test"
        }
        tests = sum(fact.sample.split == "test" for fact in facts)
        warnings.append(
            f"In more than one split: {' and '.join(across)}. Of the {counted(tests, 'file')} to "
            f"test with, {len(known):,} have a twin in train. A test on known pictures measures "
            "memory. Keep each set in one split."
        )
    unsure = sum(t.kind == "exact" and len(t.labels) > 1 for t in twins)
    if unsure:
        told = counted(unsure, "picture")
        warnings.append(f"Labelled both real and fake: {told}. Decide for one.")
    if leaks:
        group, splits = next(iter(leaks.items()))
        where = " and ".join(f"{count:,} in {split}" for split, count in splits.items())
        warnings.append(
            f"In more than one split: {counted(len(leaks), 'group')} of files of one person, video "
            f"or source picture, for example “{group}” ({where}). Keep each in one split."
        )
    return warnings


def _shortcut_warnings(
    before: shortcuts.Shortcut | None, after: shortcuts.Shortcut | None
) -> list[str]:
    warnings = []
    if after and after.found:
        warnings.append(
            f"Even after our preprocessing, {after.culprit} tells fake from real: ROC-AUC "
            f"{after.features[after.culprit]:.2f} alone, {after.auc:.2f} with the other features "
            f"(chance is 0.50, the limit {shortcuts.MAX_AUC}). A network will learn that instead "
            "of forgery. Add pictures to the class that lacks such looks, from the same kind of "
            "source."
        )
    if before is None:
        warnings.append(
            f"The shortcut test was not made. It needs {shortcuts.MIN_PICTURES} readable pictures "
            "of each class, and several groups (people, videos or source pictures) of each to test "
            "on others than it learned from; there are fewer."
        )
    elif after is None:
        warnings.append(
            f"Faces were found in fewer than {shortcuts.MIN_PICTURES} pictures of a class, or in "
            "too few groups of it, for the shortcut test after preprocessing."
        )
    return warnings


def counted(count: int, noun: str) -> str:
    """A number with its noun: “1 file”, “2,000 files”."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _as_dict(shortcut: shortcuts.Shortcut | None) -> dict[str, Any] | None:
    if shortcut is None:
        return None
    return {**asdict(shortcut), "culprit": shortcut.culprit, "above_limit": shortcut.found}
