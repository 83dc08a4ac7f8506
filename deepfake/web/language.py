"""The languages of the page: their catalogues, and which one a visitor is spoken to in.

`languages/TAG.json` holds every text of the page in one language, by message id, with how it writes
its numbers and in which direction. Adding a language is adding such a file, named by its BCP 47 tag
as Gradio spells it, which has words of its own on the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

FOLDER = Path(__file__).parent / "languages"
DEFAULT = "en"
ACCEPTED = re.compile(r"([A-Za-z-]+|\*)(?:;q=([01](?:\.\d*)?))?", re.IGNORECASE)


def _catalogues() -> dict[str, dict[str, str]]:
    read = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.json"))
    }
    # What nobody has translated yet is said in English rather than not at all; a test tells of it.
    return {tag: {**read[DEFAULT], **texts} for tag, texts in read.items()}


CATALOGUES = _catalogues()
_current: ContextVar[str] = ContextVar("language", default=DEFAULT)


def current() -> str:
    """The tag of the language that is spoken now: one of `CATALOGUES`."""
    return _current.get()


@contextmanager
def speaking(tag: str) -> Iterator[None]:
    """Speak a language, one of `CATALOGUES`, for as long as the block runs."""
    token = _current.set(tag)
    try:
        yield
    finally:
        _current.reset(token)


def wanted(query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The language that a request asks for, or the nearest that there is.

    Args:
        query: Mapping. Its query: "lang", which the page's own choice puts there, comes first.
        headers: Mapping. Its headers: "accept-language", the browser's setting, comes second.

    Returns:
        One of `CATALOGUES`.
    """
    for tag in (query.get("lang", ""), *_accepted(headers.get("accept-language", ""))):
        for known in CATALOGUES:
            # Of one language we have one way of writing: pt-PT reads ours of pt.
            if tag.split("-")[0].lower() == known.split("-")[0].lower():
                return known
    return DEFAULT


def _accepted(header: str) -> list[str]:
    """The tags of Accept-Language (RFC 9110, 12.5.4), the most wanted first."""
    # Cut into short pieces first: the time that a pattern takes can grow with the square of a text.
    pieces = ["".join(piece[:100].split()) for piece in header[:2000].split(",")[:20]]
    found = [match.groups() for match in map(ACCEPTED.fullmatch, pieces) if match]
    weighed = [(float(weight or 1), tag) for tag, weight in found]
    return [tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight > 0]
