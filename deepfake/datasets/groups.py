"""Files that belong together (a person, a video, a source picture) and the splits they stay in.

Two frames of a video, or a picture and its augmented copy, are nearly the same picture. With one
of them in training and the other in the test, the test measures memory.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from deepfake.datasets.samples import CLASSES, SPLITS, Sample

# Names that say for certain what a file is part of. Anything less certain, such as a number at the
# end, may as well count people, so it does not make a group.
FRAME = re.compile(r"^(?P<group>.+?)[_\-. ]*(?:frame|frm)[_\-. ]*\d+$", re.IGNORECASE)
# Celeb-DF: id3_0004 is a video of person 3, id3_id7_0004 that video with the face of person 7.
PERSON_NUMBER = re.compile(r"^(?P<group>id\d+)_(?:id\d+_)?\d+", re.IGNORECASE)
# FaceForensics++: 000_003 is the video 000 with the face of 003.
VIDEO_PAIR = re.compile(r"^(?P<group>\d{3})_\d{3}$")
# Labeled Faces in the Wild: Aaron_Eckhart_0001.
PERSON_NAME = re.compile(r"^(?P<group>[A-Z][A-Za-z'\-]*(?:_[A-Z][A-Za-z'\-]*)+)_\d{4}$")
# What `deepfake augment` and `deepfake blend` append.
COPY = re.compile(r"^(?P<group>.+?)(?:_(?:aug|self|swap|reenact)\d+)+$")
# A frame whose name does not say of what: the folder does. Some tools cut several faces of a frame.
BARE_FRAME = re.compile(
    r"^(?:frame|frm)[_\-. ]*\d+(?:[_\-. ]*(?:face)?[_\-. ]*\d+)?$", re.IGNORECASE
)
NUMBER = re.compile(r"^\d+$")
# Folders of which the name says that it is one video or person.
ONE_OF_MANY = re.compile(
    r"^(?:video|vid|clip|movie|sequence|seq|shot|scene|person|people|subject|actor|identity|id)"
    r"[_\-. ]*\d+$",
    re.IGNORECASE,
)
# Folders between a video and its frames.
BETWEEN = frozenset(("frame", "frames", "face", "faces", "crop", "crops", "image", "images"))
# A class folder with more sub-folders than this holds people or videos, not sources.
MAX_SOURCES = 24
KEY = "the group, or of the file's name"


def group_of(name: str) -> str:
    """The group that a file's or folder's name tells for certain.

    Args:
        name: str. Without its suffix, such as "video12_frame_003" or "id0_0001_frame10".

    Returns:
        The group, such as "video12" or "id0"; "" where the name does not tell.
    """
    group = ""
    for pattern in (COPY, FRAME, VIDEO_PAIR, PERSON_NUMBER, PERSON_NAME):
        found = pattern.match(group or name)
        if found:
            group = found["group"]
    return group


def group_by_names(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """Give a group to the samples that have none, where their names tell.

    Args:
        samples: sequence of Sample.

    Returns:
        The samples in the same order, and sentences about what was done.
    """
    copied = {
        (sample.path.parent, found["group"])
        for sample in samples
        if (found := COPY.match(sample.path.stem))
    }
    grouped: list[Sample] = []
    examples: dict[str, str] = {}
    for sample in samples:
        stem = sample.path.stem
        copy = COPY.match(stem)
        original = copy["group"] if copy else stem
        group = sample.group or group_of(stem)
        if (
            not sample.group
            and group in ("", original)
            and (sample.path.parent, original) in copied
        ):
            # Plain numbers are used again in other folders, for other pictures.
            group = "/".join(filter(None, (sample.split, CLASSES[sample.label], original)))
        if group and not sample.group:
            examples.setdefault(group, sample.path.name)
        grouped.append(replace(sample, group=group))
    if not examples:
        return grouped, []
    group, name = next(iter(examples.items()))
    named = sum(bool(new.group) for new in grouped) - sum(bool(old.group) for old in samples)
    return grouped, [
        f"{named:,} file names tell which files belong together ({len(examples):,} groups; "
        f"“{name}” is of “{group}”). A group stays in one split."
    ]


def settle_splits(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """Give a split to the samples that have none, whole groups at a time.

    By the hash of the group (of the file's name where there is none), 80/10/10. Where only
    training pictures are named, the other splits are taken from these; where only a validation
    split is missing, a tenth of the training split becomes it.

    Args:
        samples: sequence of Sample. `split` is "" where it is not known.

    Returns:
        The samples in the same order, and sentences about what was done.
    """
    named = {sample.split for sample in samples}
    cuts, notes = {}, []
    if "" in named:
        cuts[""] = SPLITS
        whose = "Some files have" if len(named) > 1 else "The data set has"
        notes.append(f"{whose} no split: cut 80/10/10 by the hash of {KEY}.")
    if "train" in named and "valid" not in named:
        if "test" in named:
            cuts["train"] = ("train", "valid", "train")
            notes.append(f"No validation split: a tenth of train was taken, by the hash of {KEY}.")
        else:
            cuts["train"] = SPLITS
            notes.append(f"Only a training split: cut 80/10/10 by the hash of {KEY}.")
    return [
        replace(sample, split=cuts[sample.split][_tenth(sample)])
        if sample.split in cuts
        else sample
        for sample in samples
    ], notes


def leaks(samples: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """Groups that are in more than one split.

    Args:
        samples: sequence of Sample.

    Returns:
        For each such group, the number of files in each split.
    """
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SPLITS, 0))
    for sample in samples:
        if sample.group:
            counts[sample.group][sample.split] += 1
    return {
        group: {split: count for split, count in splits.items() if count}
        for group, splits in sorted(counts.items())
        if sum(count > 0 for count in splits.values()) > 1
    }


def folder_group(folders: Sequence[str]) -> str:
    """The group of a file in folders of people or videos, such as "Deepfakes/c23/000"."""
    *above, last = _without_between(folders)
    return "/".join((*above, group_of(last) or last))


def frame_groups(files: Sequence[tuple[Sequence[str], str]]) -> tuple[list[str], list[str]]:
    """The groups of frames that only their folders name, as in `video0/frame_0001.jpg`.

    Plain numbers are frames if the folder says so (`video0`, `000_003`, or `000` beside a `001`
    with the same numbers inside). In `sdxl/0001.png` they are anything.

    Args:
        files: sequence of (folders, stem). Folders are those below the class folder.

    Returns:
        A group for each file, "" for those that are no such frames; and the folders, sorted, that
        hold the same plain numbers as another, where it is not known whether they are videos.
    """
    stems: dict[str, set[str]] = defaultdict(set)
    for folders, stem in files:
        if folders and NUMBER.match(stem):
            stems["/".join(folders)].add(stem)
    holders = Counter(stem for of_folder in stems.values() for stem in of_folder)
    repeating = {folder for folder, own in stems.items() if any(holders[s] > 1 for s in own)}
    found, unclear = [], set()
    for folders, stem in files:
        group, copy = "", COPY.match(stem)
        bare = copy["group"] if copy else stem
        if folders and (BARE_FRAME.match(bare) or _numbers_are_frames(folders, bare, repeating)):
            group = folder_group(folders)
        elif NUMBER.match(bare) and "/".join(folders) in repeating:
            unclear.add("/".join(folders))
        found.append(group)
    return found, sorted(unclear)


def _numbers_are_frames(folders: Sequence[str], stem: str, repeating: Collection[str]) -> bool:
    if not NUMBER.match(stem):
        return False
    last = _without_between(folders)[-1]
    if NUMBER.match(last):
        return "/".join(folders) in repeating
    return bool(ONE_OF_MANY.match(last) or group_of(last))


def _without_between(folders: Sequence[str]) -> list[str]:
    kept = list(folders)
    while len(kept) > 1 and kept[-1].lower() in BETWEEN:
        kept.pop()
    return kept


def _tenth(sample: Sample) -> int:
    """0 (eight of ten), 1 or 2, by the last part of the group.

    A video and the fakes made of it lie in different folders under one name, so folders do not
    count: the more is kept together, the safer.
    """
    key = sample.group.rsplit("/", 1)[-1] or sample.path.stem
    return max(0, hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()[0] % 10 - 7)
