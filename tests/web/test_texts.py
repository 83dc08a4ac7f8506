import re
from pathlib import Path

import pytest

from deepfake.web import texts

SOURCES = "".join(
    path.read_text()
    for path in Path(texts.__file__).parent.rglob("*.py")
    if path.name != "texts.py"
)


def test_every_message_that_is_asked_for_is_there_and_every_one_there_is_asked_for():
    asked = set(re.findall(r"""say\(\s*["']([a-z_.]+)["']""", SOURCES))
    assert asked <= set(texts.ENGLISH)
    # say(f"verdict.{verdict}") asks for all of a family; numbers are the catalogue's own.
    # The script gets all of the intake's.
    families = {*re.findall(r"""f["']([a-z_]+)\.\{""", SOURCES), "number", "intake"}
    others = {name for name in texts.ENGLISH if name.split(".")[0] not in families}
    assert {name for name in others if not re.search(f"[\"']{name}[\"']", SOURCES)} == set()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (0.002, "<1"), (0.08, "8"), (0.614, "61"), (0.999, ">99"), (1.0, "100")],
)
def test_counts_promise_nothing_that_was_not_measured(value, expected):
    assert texts.of_hundred(value) == expected


def test_a_score_is_never_nothing_or_all():
    assert (texts.share(0.0), texts.share(1.0)) == ("<1 %", ">99 %")
