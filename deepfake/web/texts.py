"""Every text of the page, by message id, in the language that is spoken (`language`).

Messages are whole sentences with named places, so that each can be translated by itself; none is
put together from pieces of grammar, and what is counted stands as a number beside a word that does
not bend ("Faces: 3"). A new message goes into `languages/en.json`, and from there into each other
language: a test names those that lack it.
"""

from __future__ import annotations

import re
from typing import Any

from deepfake.manifest import OperatingPoint
from deepfake.web.language import CATALOGUES, current

# What keeps a name in Latin letters together, and in its direction, within a line from right to
# left (Unicode's first strong isolate).
ISOLATED = "\u2068{}\u2069"


def say(message: str, **values: Any) -> str:
    """A text of the page in plain words, not yet escaped for HTML.

    Args:
        message: str. The message's id.
        **values: what stands in its named places.

    Raises:
        KeyError: there is no such message, or a place of it was left empty.
    """
    texts = CATALOGUES[current()]
    if texts["language.direction"] == "rtl":
        values = {name: _isolated(value) for name, value in values.items()}
    return texts[message].format(**values)


def has(*parts: str) -> bool:
    """Whether there is a message of that id, in parts; words from other rooms may have none."""
    return ".".join(parts) in CATALOGUES[current()]


def number(value: float, digits: int = 0) -> str:
    """A number with so many digits after the point, grouped as the language does."""
    written = f"{value:,.{digits}f}"
    signs = {",": say("number.group"), ".": say("number.decimal")}
    return "".join(signs.get(sign, sign) for sign in written)


def percent(value: float, digits: int = 0) -> str:
    """A share as percent, exactly as it was measured."""
    return say("number.percent", value=number(100 * value, digits))


def megabytes(count: int) -> str:
    """A number of bytes, for people."""
    size = count / 1e6
    return say("compare.size", megabytes=number(size, 0 if size.is_integer() else 1))


def share(value: float) -> str:
    """A score as percent; "<1 %" and ">99 %", since none promises 0 or 100."""
    return say("number.percent", value=_bounded(100 * value))


def of_hundred(value: float) -> str:
    """A measured share as a count of 100: "8", "<1" for a little, "0" for nothing at all."""
    if value in (0.0, 1.0):
        return f"{100 * value:.0f}"
    return _bounded(100 * value)


def counts(point: OperatingPoint) -> dict[str, str]:
    """The error rates of a threshold as counts of 100, by the places of the messages."""
    return {
        "false_alarms": of_hundred(point.false_positive_rate),
        "found": of_hundred(point.true_positive_rate),
    }


def _bounded(value: float) -> str:
    whole = round(value)
    if whole < 1:
        return say("number.below_one")
    return say("number.above_99") if whole > 99 else f"{whole}"


def _isolated(value: Any) -> Any:
    latin = isinstance(value, str) and re.search("[A-Za-z]", value)
    return ISOLATED.format(value) if latin else value
