"""The verdict that each example is expected to get."""

import pytest

from tests.conftest import EXAMPLES

EXPECTED = {
    "eileen_collins.png": "real",
    "grace_hopper.jpg": "real",
    "coffee.png": "not_applicable",
    "fake_self_blend_collins.jpg": "fake",
    "fake_swap_collins.jpg": "fake",
    "fake_swap_hopper.jpg": "fake",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_examples_get_the_expected_verdict(detector, name):
    assert detector.detect(EXAMPLES / name).verdict == EXPECTED[name]


def test_every_example_is_expected_and_has_its_source_written_down():
    pictures = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".jpg", ".png")}
    sources = (EXAMPLES / "README.md").read_text()
    assert pictures == set(EXPECTED)
    assert all(name in sources for name in pictures)
