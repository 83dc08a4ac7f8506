"""One labelled file of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SPLITS = ("train", "valid", "test")
CLASSES = ("real", "fake")


@dataclass(frozen=True)
class Sample:
    """One labelled file.

    Attributes:
        path: Path. The picture.
        label: int. 1 for fake, 0 for real.
        split: str. "train", "valid" or "test".
        source: str. The generator or collection that it came from; error rates are told per source.
        group: str. What it shares with other files (person, video, source picture) so that they
            must be in one split; "" for a file that stands alone.
        fold: str. Which part of the sources it is of, for trainings that are each without one part;
            "" where the data set does not say.
    """

    path: Path
    label: int
    split: str
    source: str
    group: str = ""
    fold: str = ""
