"""Requests that nobody has thought of, the same each time.

What schemathesis would do, with Hypothesis alone: FastAPI's list of our routes, nearly all of them
Gradio's, says of their bodies no more than that they are JSON.
"""

import re
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

JPEG = b"\xff\xd8\xff"
made_up = settings(
    max_examples=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
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


texts = some.text(max_size=40) | some.sampled_from(
    ["..", "../../etc/passwd", "%00", "http://127.0.0.1:1/", "a" * 5000, "detect", "0"]
)  # fmt: skip


@settings(made_up, max_examples=80)
@given(some.data())
def test_no_route_makes_the_page_fail(served, caplog, capfd, data):
    """Each that FastAPI has, with made-up places, queries and bodies."""
    listed = served.blocks.app.openapi()["paths"]
    path = data.draw(some.sampled_from(sorted(listed)))
    method = data.draw(some.sampled_from(sorted(listed[path])))
    known = listed[path][method].get("parameters", ())
    names = [one["name"] for one in known if one["in"] == "query"] or ["lang"]
    query = data.draw(some.dictionaries(some.sampled_from(names) | texts, texts, max_size=3))
    path = re.sub(r"\{\w+\}", lambda _: quote(data.draw(texts), safe="/"), path)
    body = {"json": _sendable(data.draw(bodies | json_values))} if method == "post" else {}
    # A stream of events may not end.
    streams = method == "get" and re.search("heartbeat|queue/data|/call/", path)
    timeout = httpx.Timeout(60, read=0.3 if streams else 60)
    url = httpx.URL(served.url, raw_path=path.encode()).copy_merge_params(_sendable(query))
    said = ""
    try:
        with httpx.stream(method, url, timeout=timeout, **body) as answer:
            assert answer.status_code < 500, (method, url)
            said = answer.read().decode("utf-8", "replace")
    except httpx.ReadTimeout:
        assert streams, (method, url)
    assert "Traceback" not in said and "site-packages" not in said
    assert "Traceback" not in caplog.text and "Traceback" not in capfd.readouterr().err


@made_up
@given(some.sampled_from(EVENTS), bodies | json_values)
def test_no_event_makes_the_page_fail(served, event, body):
    answer = httpx.post(f"{served.url}/gradio_api/{event}", json=_sendable(body), timeout=60)
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text and "site-packages" not in answer.text


@made_up
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
