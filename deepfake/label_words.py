"""The one table of words that folders and CSV files use for real, fake and the splits."""

from __future__ import annotations

import re

REAL_WORDS = (
    "real", "original", "genuine", "authentic", "pristine", "bona fide", "bonafide", "untouched",
    "natural", "nature", "human", "celeb real", "youtube real", "original sequences",
)  # fmt: skip
FAKE_WORDS = (
    "fake", "df", "deepfake", "deep fake", "synthetic", "synthesis", "synthesized", "synthesised",
    "generated", "ai", "ai generated", "aigc", "gan", "diffusion", "manipulated", "manipulation",
    "tampered", "forged", "forgery", "altered", "edited", "swapped", "face swap", "faceswap",
    "face2face", "faceshifter", "neuraltextures", "morphed", "celeb synthesis",
    "manipulated sequences",
)  # fmt: skip
LABELS = dict.fromkeys(REAL_WORDS, 0) | dict.fromkeys(FAKE_WORDS, 1)
SPLIT_WORDS = {
    "train": "train", "training": "train", "valid": "valid", "val": "valid",
    "validation": "valid", "dev": "valid", "test": "test", "testing": "test",
}  # fmt: skip
# Words that say nothing about the class: “real_images” is “real”.
FILLERS = frozenset(
    ("image", "images", "img", "imgs", "face", "faces", "photo", "photos", "picture", "pictures",
     "class", "sample", "samples", "video", "videos", "frame", "frames")
)  # fmt: skip


def label_of(name: str) -> int | None:
    """The label that a folder or a cell of a table names.

    Case, “-”, “_”, a number before or after, plurals and words such as “images” do not matter:
    “0_real”, “training_fake” and “Fake Faces” are known.

    Args:
        name: str. As it was found.

    Returns:
        0 for real, 1 for fake, None for anything else.
    """
    for phrase in (" ".join(_words(name)), core(name)):
        for candidate in (phrase, phrase.removesuffix("s")):
            if candidate in LABELS:
                return LABELS[candidate]
    return None


def core(name: str) -> str:
    """What is left of a name without numbers, splits and words such as “images”."""
    kept = (word for word in _words(name) if word not in FILLERS and word not in SPLIT_WORDS)
    return " ".join(kept)


def split_of(name: str) -> str | None:
    """The split that a folder or a cell of a table names.

    Args:
        name: str. As it was found, such as “Train”, “val” or “training_real”.

    Returns:
        "train", "valid", "test" or None.
    """
    words = _words(name)
    splits = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
    rest = core(name)
    if len(splits) == 1 and (not rest or label_of(rest) is not None):
        return splits.pop()
    return None


def known_words() -> str:
    """The words for people: “real: real, original, …; fake: fake, df, …”."""
    return f"for real: {', '.join(REAL_WORDS)}; for fake: {', '.join(FAKE_WORDS)}"


def _words(name: str) -> list[str]:
    words = re.split(r"[\s_.\-]+", name.strip().lower())
    while words and words[0].isdigit():
        words = words[1:]
    while words and words[-1].isdigit():
        words = words[:-1]
    return [word for word in words if word]
