"""A labelled folder or table → the files to judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfake.datasets import dataset, layouts
from deepfake.datasets.samples import CLASSES, Sample
from deepfake.errors import TrainingError
from deepfake.label_words import core, label_of


@dataclass(frozen=True)
class EvaluationSet:
    """Files to judge.

    Attributes:
        name: str. What it is called in tables.
        folder: Path. Where they lie; tables have paths relative to it.
        samples: tuple of Sample. The files.
        note: str. Which of the files of the folder these are.
        labels: str. How words were taken for labels. Defaults to nothing to be said.
        description: str. Layout, labels and counts of the whole folder, for people. Defaults to
            nothing to be said.
    """

    name: str
    folder: Path
    samples: tuple[Sample, ...]
    note: str
    labels: str = ""
    description: str = ""


def find(source: str, split: str, limit: int | None = None, seed: int = 0) -> EvaluationSet:
    """Find the files of a set. Unlike for training, one class alone will do.

    Args:
        source: str. A folder, CSV file or Hub address as `dataset.find_dataset` reads it, or a
            folder of one class that is named for it, such as `photos/real`.
        split: str. The split to judge; all files where the data tell no splits, or no such one.
        limit: int. At most this many files of each class, drawn at random. Defaults to all.
        seed: int. Of the drawing.

    Returns:
        The set.

    Raises:
        TrainingError: no such folder, no layout that is known, or no files.
    """
    data = _of_one_class(Path(source)) or dataset.find_dataset(source)
    splits = {sample.split for sample in data.samples} if data.has_splits else set()
    samples = list(data.samples)
    if split in splits:
        samples = [sample for sample in samples if sample.split == split]
        note = f"the split “{split}”"
    elif splits:
        note = f"all files: there is no split “{split}” (there is {', '.join(sorted(splits))})"
    else:
        note = "all files: they are not divided into splits"
    if limit is not None:
        kept = [
            drawn for label in (0, 1)
            for drawn in draw([s for s in samples if s.label == label], limit, seed)
        ]  # fmt: skip
        if len(kept) < len(samples):
            note += f", of these {len(kept):,} drawn at random"
        samples = sorted(kept, key=lambda sample: sample.path)
    if not samples:
        raise TrainingError(f"{source} has no pictures to evaluate on.")
    place = Path(source)
    name = place.resolve().name if place.is_dir() else place.stem
    return EvaluationSet(
        name, data.root, tuple(samples), note, data.describe_words(), _describe(data, samples, note)
    )


def _describe(data: dataset.Dataset, samples: Sequence[Sample], note: str) -> str:
    """What will be judged, for people; `Dataset.describe` tells what would be trained with."""
    fakes = sum(sample.label for sample in samples)
    lines = [
        f"Data: {data.address} ({data.layout})",
        f"Labels: {data.describe_words()}",
        f"Pictures: {len(samples) - fakes:,} real and {fakes:,} fake ({note})",
    ]
    return "\n".join([*lines, *(f"Note: {one}" for one in data.notes)])


def draw(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """At most `count` of the samples at random; the same seed draws the same."""
    ordered = sorted(samples, key=lambda sample: sample.path)
    chosen = np.random.default_rng(seed).permutation(len(ordered))[:count]
    return [ordered[index] for index in sorted(chosen)]


def _of_one_class(folder: Path) -> dataset.Dataset | None:
    """The pictures of a folder such as `photos/real`, which is the class folder itself.

    With sub-folders it must be called real or fake. Other words for them are names of projects as
    well: in “deepfake/good” and “deepfake/bad” half of the pictures would get the wrong label.
    """
    label = label_of(folder.resolve().name)
    if label is None or not folder.is_dir() or (folder / layouts.TABLE).is_file():
        return None
    samples = []
    for path in layouts.find_pictures(folder):
        parts = path.relative_to(folder).parts[:-1]
        if any(label_of(part) is not None for part in parts):
            return None
        if parts and core(folder.resolve().name) not in CLASSES:
            return None
        samples.append(Sample(path, label, "", parts[0] if parts else CLASSES[label]))
    words = {folder.resolve().name: label}
    return dataset.Dataset(folder, str(folder), "one class", tuple(samples), words, False)
