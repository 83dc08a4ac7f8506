import pytest

from deepfake.web.language import CATALOGUES, wanted


@pytest.mark.parametrize(
    ("chosen", "accepted", "expected"),
    [
        ("", "", "en"),
        ("", "es-MX,es;q=0.9,en;q=0.8", "es"),
        ("", "en;q=0.5, ar", "ar"),
        ("", "tlh, pt-BR;q=0.7, de;q=0.9", "de"),
        ("", "zh-TW,zh;q=0.9", "zh-CN"),
        ("", "zh-CN", "zh-CN"),
        ("", "de;q=0, fr;q=0.1", "fr"),
        ("", "*", "en"),
        ("hi", "de", "hi"),
        ("ZH", "de", "zh-CN"),
        ("tlh", "de", "de"),
        ("../../etc/passwd", ";;q=,\x00" * 1000, "en"),
    ],
)
def test_the_choice_comes_before_the_browsers_setting(chosen, accepted, expected):
    assert wanted({"lang": chosen}, {"accept-language": accepted}) == expected


def test_the_languages_are_those_that_the_page_promises():
    assert set(CATALOGUES) == {"en", "es", "fr", "de", "pt", "hi", "ar", "zh-CN"}


def test_a_wish_without_end_is_soon_read():
    """With the time of the machine that it took before, nobody was served for minutes."""
    for wish in ("a" * 200_000 + "!", "a;q=" * 50_000, "," * 200_000, " " * 200_000):
        assert wanted({}, {"accept-language": wish}) in CATALOGUES
    assert wanted({}, {"accept-language": "x, de ; q=0.5 ," + "a" * 99_999}) == "de"
