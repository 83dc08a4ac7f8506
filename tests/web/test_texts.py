"""The catalogues of the page's texts: nothing is missing, and nothing is made of pieces."""

import json
import re
from pathlib import Path

import pytest

from deepfake.video import words
from deepfake.web import texts
from deepfake.web.language import FOLDER, speaking
from deepfake.web.told import FAMILIES

# As they lie there: what a language lacks is not filled in from English.
WRITTEN = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
ENGLISH = WRITTEN["en"]
# Places of words, which other languages would bend within a sentence: they stand by themselves.
WORDS = ("verdict", "origin", "kinds", "what", "when", "part")
BY_ITSELF = r"[:：(（“„«「]\s?\{%s\}|^\{%s\}\s?[:：]"
WEB = Path(texts.__file__).parent
# What a video's report says as HTML is said on the page, too.
ROOMS = (WEB, WEB.parent / "video")
SOURCES = "".join(path.read_text() for room in ROOMS for path in room.rglob("*.py"))
HERE = FOLDER.relative_to(Path(__file__).parents[2])
LANGUAGES = pytest.mark.parametrize("tag", [tag for tag in WRITTEN if tag != "en"])


def places(text):
    return sorted(re.findall(r"\{(\w+)\}", text))


def test_every_message_that_is_asked_for_is_there_and_every_one_there_is_asked_for():
    asked = set(re.findall(r"""(?:say|caption)[(,]\s*["']([a-z_.0-9]+)["']""", SOURCES))
    assert asked - set(ENGLISH) == set(), f"Write these messages into {HERE}/en.json."
    # say(f"verdict.{verdict}") asks for all of a family, and so do f"{family}.heading" and the
    # sentences of other rooms; what the script says is the intake's.
    families = set(re.findall(r"""f["']([a-z_]+)\.\{""", SOURCES))
    families |= {
        "intake",
        "welcome",
        "compare_welcome",
        "video_welcome",
        "gradio",
        *(f.rstrip(".") for f in FAMILIES),
    }
    others = {name for name in ENGLISH if name.split(".")[0] not in families}
    unused = {name for name in others if not re.search(f"[\"']{name}[\"']", SOURCES)}
    assert unused == set(), f"Nothing says these any more: take them out of {HERE}/."


def test_a_videos_report_says_the_same_in_a_file_and_on_the_page():
    assert {name: ENGLISH[name] for name in words.ENGLISH} == words.ENGLISH


@LANGUAGES
def test_every_language_says_everything(tag):
    theirs, file = WRITTEN[tag], f"{HERE}/{tag}.json"
    missing = sorted(set(ENGLISH) - set(theirs))
    assert missing == [], f"Translate these messages of en.json into {file}."
    unknown = sorted(set(theirs) - set(ENGLISH))
    assert unknown == [], f"en.json has no such messages: take them out of {file}."
    wrong = {name for name in ENGLISH if places(theirs[name]) != places(ENGLISH[name])}
    assert wrong == set(), f"These have other places in {{braces}} in {file} than in en.json."
    # Left in English by mistake: whole sentences that are the same.
    same = {n for n in ENGLISH if theirs[n] == ENGLISH[n] and len(ENGLISH[n].split()) > 3}
    assert same == set(), f"These are still English in {file}."


@pytest.mark.parametrize("tag", WRITTEN)
def test_texts_are_plain(tag):
    for name, text in WRITTEN[tag].items():
        # They go into HTML, and into scripts within JSON, as they are.
        assert name.startswith("number.") or not re.search(r"""[<>&"'\\\n\r]""", text), (tag, name)
        assert text == text.strip() or name.startswith(("list.", "number.")), (tag, name)
        assert not re.search(r"DEEPFAKE_|LiteRT|P\(fake\)|TensorFlow", text), (tag, name)


@pytest.mark.parametrize("tag", WRITTEN)
def test_nothing_is_made_of_pieces_of_grammar(tag):
    for name, text in WRITTEN[tag].items():
        # Sentences of other rooms are as English as they were written there.
        if tag == "en" and name.startswith(FAMILIES):
            continue
        for word in set(places(text)) & set(WORDS):
            alone = re.search(BY_ITSELF % (word, word), text)
            assert alone, f"{tag}.json, {name}: put {{{word}}} behind a colon or into brackets"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (0.002, "<1"), (0.08, "8"), (0.614, "61"), (0.999, ">99"), (1.0, "100")],
)
def test_counts_promise_nothing_that_was_not_measured(value, expected):
    assert texts.of_hundred(value) == expected


def test_a_score_is_never_nothing_or_all():
    assert (texts.share(0.0), texts.share(1.0)) == ("<1 %", ">99 %")


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", ("12,341", "12.5 %")),
        ("de", ("12.341", "12,5\u00a0%")),
        ("fr", ("12\u202f341", "12,5\u00a0%")),
        ("zh-CN", ("12,341", "12.5%")),
    ],
)
def test_numbers_are_written_as_the_language_writes_them(tag, expected):
    with speaking(tag):
        assert (texts.number(12341), texts.percent(0.125, 1)) == expected


def test_latin_names_keep_their_order_from_right_to_left():
    with speaking("ar"):
        assert "\u2068default\u2069" in texts.say("verdict.model", name="default", version="2.0")
