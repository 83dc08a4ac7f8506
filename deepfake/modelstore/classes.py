"""The names of a model's classes → which of them mean fake."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from deepfake.errors import SettingError
from deepfake.label_words import label_of

REAL_AND_FAKE = ("real", "fake")
# Words of popular models beside those that folders use.
MORE_WORDS = {
    "realism": 0, "hum": 0, "real art": 0, "photo": 0, "photograph": 0, "live": 0,
    "live person": 0, "not spoof": 0,
    "artificial": 1, "ai image": 1, "ai generated image": 1, "machine": 1,
    "computer generated": 1, "spoof": 1, "spoofed": 1, "spoofing": 1, "attack": 1,
    "presentation attack": 1, "not live": 1,
}  # fmt: skip
NEGATIONS = ("not", "non", "no")
MAX_SHOWN = 6


@dataclass(frozen=True)
class Classes:
    """What the outputs of a model are called.

    Attributes:
        order: tuple of str. Names by index; of one number, its low end, then its high end.
        fake: tuple of str. Those that mean fake.
    """

    order: tuple[str, ...]
    fake: tuple[str, ...]


def by_words(names: Sequence[str]) -> Classes | None:
    """Which classes mean fake, by what they are called.

    Args:
        names: sequence of str. By index.

    Returns:
        The classes, two of them called "real" and "fake"; None where some name is not known for
        sure, or not both occur.
    """
    labels = [meaning(name) for name in names]
    if None in labels or set(labels) != {0, 1} or len(set(names)) < len(names):
        return None
    if len(names) == 2:
        names = [REAL_AND_FAKE[label or 0] for label in labels]
    fake = [name for name, label in zip(names, labels, strict=True) if label]
    return Classes(tuple(names), tuple(fake))


def by_choice(names: Sequence[str], chosen: str) -> Classes:
    """Which classes mean fake, by what a user says.

    Args:
        names: sequence of str. By index.
        chosen: str. Names or indices with commas between, such as "print,replay" or "1,2"; a word
            for fake stands for all names that mean it.

    Raises:
        SettingError: there is no such class, or all of them were chosen.
    """
    fake: list[str] = []
    for word in (part.strip() for part in chosen.split(",")):
        same = [name for name in names if name.lower() == word.lower()]
        if not same and word.isdecimal() and int(word) < len(names):
            same = [names[int(word)]]
        if not same and label_of(word) == 1:
            same = [name for name in names if meaning(name) == 1]
        if not same:
            raise SettingError(
                f"--positive says which of the classes {shown(names)} mean fake, by their names or "
                f"their numbers from 0. Received: {word!r}."
            )
        fake += same
    if len(set(fake)) == len(names):
        raise SettingError(f"--positive names all classes, {shown(names)}: one must mean real.")
    return Classes(tuple(names), tuple(name for name in names if name in fake))


def split(names: str) -> tuple[str, ...]:
    """The names in what a user says, with commas between."""
    return tuple(name.strip() for name in names.split(","))


def check_names(labels: str, positive: str = "") -> None:
    """Refuse names that cannot be those of a model's outputs.

    Args:
        labels: str. By index, with commas between.
        positive: str. Those that mean fake, as for `by_choice`; "" where the names say it.

    Raises:
        SettingError: there are fewer than two, one twice, or two that do not say which means fake.
    """
    names = split(labels)
    if len(names) < 2 or not all(names) or len(set(names)) < len(names):
        raise SettingError(
            "--labels names the outputs by index, each once, such as fake,real or "
            f"live,print,replay. Received: {labels!r}."
        )
    if positive:
        by_choice(names, positive)
    elif len(names) == 2 and by_words(names) is None:
        raise SettingError(
            "--labels names the two outputs by index, one for real and one for fake, such as "
            "fake,real; other names need --positive NAME, the one that means fake. "
            f"Received: {labels!r}."
        )


def unlabelled(model: str, classes: int, single: bool, names: Sequence[str], source: str) -> str:
    """Why it is not known which classes mean fake, and what to do.

    Args:
        model: str. What it is called.
        classes: int. How many it tells apart.
        single: bool. Whether it returns one number.
        names: sequence of str. What they are called, if that is known.
        source: str. Where that is written.
    """
    if names:
        which = [1] if classes == 2 else [1, 2]
        # A name that nobody can type is one that a terminal might act on.
        plain = all(names[index].isprintable() for index in which)
        example = ",".join(names[index] if plain else str(index) for index in which)
        return (
            f"{source} calls the outputs of {model} {shown(names)}, which does not say for sure "
            "which of them mean fake. Look at the model's page or ask its author, and pass "
            f"--positive with their names, such as --positive {shlex.quote(example)}."
        )
    if classes > 2:
        return (
            f"{model} tells {classes} classes apart, and nobody has said which. Pass --labels "
            "with a name for each in their order, such as --labels live,print,replay, and "
            "--positive with those that mean fake, such as --positive print,replay."
        )
    what = "which end of its score means fake" if single else "which of its two outputs means fake"
    return (
        f"Nobody has said {what}: {model} has no manifest. Pass --positive fake or --positive "
        "real. Networks trained on folders that Keras sorted by name (“fake” before “real”) "
        "usually need --positive real; `deepfake models probe` finds out with labelled photos."
    )


def numbered(count: int) -> tuple[str, ...]:
    """Names for classes that have none."""
    return tuple(f"class {index}" for index in range(count))


def shown(names: Sequence[str]) -> str:
    """Names for a sentence, the first of many."""
    more = ", …" if len(names) > MAX_SHOWN else ""
    return ", ".join(repr(name) for name in names[:MAX_SHOWN]) + more


def meaning(name: str) -> int | None:
    """0 for a name that means real, 1 for one that means fake, None for any other."""
    words = "".join(c if c.isalnum() else " " for c in name).lower().split()
    phrase = " ".join(words)
    if phrase in MORE_WORDS:
        return MORE_WORDS[phrase]
    return None if any(word in NEGATIONS for word in words) else label_of(name)
