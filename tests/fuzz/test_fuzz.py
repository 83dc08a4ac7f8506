"""What nobody has thought of: bytes, settings and requests that are made up, the same each time."""

import importlib.util
import subprocess
import sys

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from deepfake.errors import SettingError
from deepfake.settings import ENVIRONMENT_PREFIX, Settings

JPEG = b"\xff\xd8\xff"
NAMES = sorted(f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in vars(Settings()))
SEEN = ["", "0", "-1", "1_000", "1e9", "yes", "off", "NaN", "9" * 40, "٣", "/deepfake", "5/minute"]
values = some.sampled_from(SEEN) | some.text(max_size=40)
made_up = settings(
    max_examples=150, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


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


@made_up
@given(some.dictionaries(some.sampled_from(NAMES) | some.text(max_size=20), values, max_size=6))
def test_settings_are_taken_or_refused_with_a_sentence(environment):
    try:
        Settings.from_environment(environment)
    except SettingError as error:
        assert str(error)[0].isupper()


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
EVENTS = [
    "call/detect", "call/v2/detect", "call/predict", "call/v2/predict", "call/nothing",
    "queue/join", "run/predict", "api/predict", "reset", "cancel",
]  # fmt: skip
bodies = some.fixed_dictionaries(
    {},
    optional={
        "data": json_values, "photo": json_values, "threshold": json_values,
        "fn_index": some.integers(-2, 40) | json_values, "session_hash": json_values,
        "event_id": json_values, "trigger_id": json_values, "event_data": json_values,
    },
)  # fmt: skip


@settings(made_up, max_examples=120)
@given(some.sampled_from(EVENTS), bodies | json_values)
def test_no_event_makes_the_page_fail(served, capfd, event, body):
    answer = httpx.post(f"{served.url}/gradio_api/{event}", json=_sendable(body), timeout=60)
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text and "site-packages" not in answer.text


@settings(made_up, max_examples=80)
@given(
    some.binary(max_size=300) | some.text(max_size=60).map(lambda name: _form(name, JPEG)),
    some.sampled_from(
        ["multipart/form-data; boundary=b", "multipart/form-data", "text/plain",
         "multipart/form-data; boundary=" + "b" * 300, "multipart/form-data; boundary=\"\""]
    ),
)  # fmt: skip
def test_no_upload_makes_the_page_fail_or_leaves_its_folder(served, content, kind):
    address = f"{served.url}/gradio_api/upload"
    answer = httpx.post(address, content=content, headers={"Content-Type": kind}, timeout=60)
    assert answer.status_code < 500, answer.text
    for path in answer.json() if answer.status_code == 200 else ():
        assert path.startswith(f"{served.scratch}/")
        served.uploads.remove(path)


def _form(name, data):
    name = name.replace('"', "%22").replace("\r", "").replace("\n", "")
    head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode("utf-8", "replace") + data + b"\r\n--b--\r\n"


def _sendable(value):
    """Without numbers that JSON has no word for."""
    if isinstance(value, float):
        return value if abs(value) < 1e308 else 0.0
    if isinstance(value, dict):
        return {_sendable(k): _sendable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_sendable(one) for one in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
