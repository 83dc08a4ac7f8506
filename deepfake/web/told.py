"""Sentences of other rooms, which are English: in the reader's language, where it is known how.

Errors and notes are written where they arise, for the command line, too. Here their sentences are
found again among the catalogue's (families `problem`, `note` and `failure`), with what stands in
their places. A sentence that is not found stays English, and says so to screen readers.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape

from deepfake.web.language import CATALOGUES, DEFAULT, current
from deepfake.web.texts import number, say

FAMILIES = ("problem.", "note.", "failure.", "what.")
# In these places stand words, which are messages, too; in others numbers and names.
WORDS = ("what", "when", "part")
# What is for the operator, not for visitors.
ASIDE = re.compile(r" \((the operator’s limit is|pip install) [^)]*\)")
# A visitor's words may be in a sentence, and the time to find it grows with the square.
LONGEST = 2000
WHOLE = re.compile(r"\d{1,3}(,\d{3})+")


def told(sentence: str) -> str:
    """A sentence in the reader's language, or as it is."""
    sentence = _plain(sentence)
    return _found(sentence) or sentence


def told_html(sentence: str) -> str:
    """The same as HTML; what stays English is marked as such."""
    sentence = _plain(sentence)
    found = _found(sentence)
    if found is None and current() != DEFAULT:
        return f'<span lang="{DEFAULT}" dir="ltr">{escape(sentence)}</span>'
    return escape(found or sentence)


def _plain(sentence: str) -> str:
    return ASIDE.sub("", sentence.replace("'", "’"))


def _found(sentence: str) -> str | None:
    if len(sentence) > LONGEST:
        return None
    for message, pattern in _patterns():
        match = pattern.fullmatch(sentence)
        if match:
            values = {name: _value(name, text) for name, text in match.groupdict().items()}
            return None if None in values.values() else say(message, **values)
    return None


def _value(name: str, text: str) -> str | None:
    if name in WORDS:
        return _found(text)
    return number(int(text.replace(",", ""))) if WHOLE.fullmatch(text) else text


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Of each message, what its English sentence looks like with anything in its places."""
    return [
        (message, re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(text)), re.DOTALL))
        for message, text in CATALOGUES[DEFAULT].items()
        if message.startswith(FAMILIES)
    ]
