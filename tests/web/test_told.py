"""Sentences of other rooms reach visitors in their language; the rest is marked as English."""

import ast
import re
from pathlib import Path

import pytest
from limits import parse

import deepfake
from deepfake.errors import ImageError
from deepfake.imaging import limits, sniff
from deepfake.settings import Settings
from deepfake.web import door, gradio_internals
from deepfake.web.language import CATALOGUES, speaking
from deepfake.web.told import told, told_html
from deepfake.web.visitors.limits import UNCOUNTED, over_limit

PACKAGE = Path(deepfake.__file__).parent


def refusal(act, *arguments):
    with pytest.raises(ImageError) as caught:
        act(*arguments)
    return caught.value.public


SETTINGS = Settings(max_bytes=12_500_000, max_pixels=2_000_000)
PROBLEMS = {
    "text": refusal(sniff, b"this is no picture"),
    "web page": refusal(sniff, b"<!doctype html>"),
    "pdf": refusal(sniff, b"%PDF-1.7"),
    "svg": refusal(sniff, b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "video": refusal(sniff, b"\0\0\0\x18ftypisom"),
    "garbage": refusal(sniff, b"\xff\x00\x80"),
    "empty": refusal(limits.check_byte_count, 0, SETTINGS),
    "bytes": refusal(limits.check_byte_count, 99_000_000, SETTINGS),
    "pixels": refusal(limits.check_dimensions, 6000, 4000, SETTINGS),
    "cut off": limits.unreadable("JPEG", EOFError()).public,
    "damaged": limits.unreadable("PNG", ValueError("no")).public,
    "damaged AVIF": limits.unreadable("AVIF", ValueError("no")).public,
    "a minute": over_limit([parse("5/minute")], 37),
    "an hour": over_limit([parse("1/hour")], 1800),
    "a day": over_limit([parse("100/day")], 30_000),
    "uncounted": UNCOUNTED,
    "busy": "The page is busy: 32 are waiting. Please try again in about 12 s.",
    "busy for a moment": "The page is busy: 1,032 are waiting. Please try again in a moment.",
    "restart": door.STOPPING,
    "gone": gradio_internals.GONE,
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_common_refusals_are_said_in_the_readers_language(name):
    for tag in CATALOGUES:
        with speaking(tag):
            said = told(PROBLEMS[name])
            assert "lang=" not in told_html(PROBLEMS[name]), tag
        assert (said == PROBLEMS[name]) <= (tag == "en"), tag
        # What only the operator can change is not a visitor's business.
        assert "DEEPFAKE_" not in said


def test_what_is_not_known_stays_english_and_says_so():
    unknown = "Nobody translated <this>."
    assert told(unknown) == unknown and told_html(unknown) == "Nobody translated &lt;this&gt;."
    with speaking("ar"):
        assert told_html(unknown) == (
            '<span lang="en" dir="ltr">Nobody translated &lt;this&gt;.</span>'
        )
        # A word of it is not known, so none of it is.
        assert 'lang="en"' in told_html("This is a spell. Send a JPEG, PNG, WebP, AVIF, HEIC, BMP, "
                                        "TIFF or GIF photo.")  # fmt: skip


def test_numbers_of_a_sentence_are_written_anew():
    with speaking("de"):
        assert "1.032" in told(PROBLEMS["busy for a moment"])


def test_each_english_sentence_is_still_one_of_another_rooms():
    """A sentence that is changed there would no longer be found here."""
    written = [re.compile(pattern, re.DOTALL) for pattern in set(_patterns())]
    for name, text in CATALOGUES["en"].items():
        if name.startswith(("note.", "problem.")):
            sentence = re.sub(r"\{\w+\}", "7", text)
            found = any(pattern.match(sentence) for pattern in written)
            assert found, f"{name}: no room says this any more: {text}"


def _patterns():
    """What the package's texts look like, with anything where a value stands."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else None for part in node.values
                ]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = [node.value]
            else:
                continue
            if len("".join(part or "" for part in parts).split()) > 3:
                text = "".join(".+" if p is None else re.escape(p.replace("'", "’")) for p in parts)
                # What is said only to the operator is left out before.
                yield re.sub(r"\\ \\\(the\\ operator’s.*|\\ \\\(pip\\ install.*", "", text)


def test_a_sentence_with_endless_words_of_a_visitor_is_soon_told():
    """Else the server would look for it for hours, and serve nobody."""
    what, _, when = CATALOGUES["en"]["problem.limit"].partition("{what}")
    endless = what + when.partition("{when}")[0] * 20_000
    with speaking("de"):
        assert told(endless) == endless
