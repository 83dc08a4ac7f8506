"""What nobody has thought of: bytes and settings that are made up, the same each time."""

import importlib.util
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from deepfake.errors import SettingError
from deepfake.settings import ENVIRONMENT_PREFIX, Settings

NAMES = sorted(f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in vars(Settings()))
SEEN = ["", "0", "-1", "1_000", "1e9", "yes", "off", "NaN", "9" * 40, "٣", "/deepfake", "5/minute"]
values = some.sampled_from(SEEN) | some.text(max_size=40)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["manifest", "report", "container", "message"])
def test_a_parser_raises_nothing_but_its_sentences(target):
    """Guided by what they reach, the same bytes each time."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is missing, so this was NOT tested. pip install atheris")
    command = [sys.executable, "-m", "tests.fuzz.parsers", target, "400"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "Done 400 runs" in result.stderr


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(some.dictionaries(some.sampled_from(NAMES) | some.text(max_size=20), values, max_size=6))
def test_settings_are_taken_or_refused_with_a_sentence(environment):
    try:
        Settings.from_environment(environment)
    except SettingError as error:
        assert str(error)[0].isupper()
