"""Figures for people, the same on the page, in the terminal and in the model card."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

NOTHING = "–"


def printable(value: Any) -> Any:
    r"""Text that any file and terminal takes, also deep inside lists and dictionaries.

    Python holds the bytes of a file name that is not UTF-8 as half characters, which no encoder
    writes: after hours of work the report would be lost to one such name. They become “\udce9”.

    Args:
        value: text, or a list, tuple or mapping of anything.

    Returns:
        The same with such characters spelt out; tuples become lists, as in JSON.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {printable(key): printable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable(one) for one in value]
    return value


def on_one_line(name: str) -> str:
    """A file name on one line, without codes that a terminal would act on."""
    control = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join("?" if unicodedata.category(c) in control else c for c in name)


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters, cut after a word, with “ …” where it was cut."""
    if len(text) <= most:
        return text
    whole, _, rest = text[: most - 1].rpartition(" ")
    # A text may be one long word.
    kept = whole if len(whole) > len(rest) else text[: most - 2]
    return f"{kept.rstrip(' ,;:.(')} …"


def quoted(text: str, most: int) -> str:
    """What a program said, to stand within a message: short, on one line, never half a word.

    Args:
        text: str. Of any length, with or without a full stop.
        most: int. Characters to keep.

    Returns:
        The text with a full stop, or its first words with “ …”; nothing for nothing.
    """
    line = " ".join(text.split()).rstrip(".")
    short = shortened(line, most)
    return short if short != line or not line else f"{line}."


def percent(share: float | None) -> str:
    """A share: "2.4 %"; "–" for none."""
    return NOTHING if share is None else f"{100 * share:.1f} %"


def number(value: float | None, digits: int = 3) -> str:
    """A figure: "0.985"; "–" for none."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def interval(edges: Sequence[float] | None, shares: bool = False) -> str:
    """A 95 % interval: " (0.981–0.989)", of shares " (1.6–3.6 %)"; nothing for none."""
    if edges is None:
        return ""
    low, high = edges
    return f" ({100 * low:.1f}–{100 * high:.1f} %)" if shares else f" ({low:.3f}–{high:.3f})"


def megabytes(size: int) -> str:
    """A size for people: "1.3 MB", "12 KB"."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} KB"
    return f"{size / 1e6:,.1f} MB"
