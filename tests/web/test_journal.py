"""What the log says of requests, and what it does not."""

import io
import json
import logging
import re
import socket
import sys
from contextvars import copy_context

import httpx
import pytest
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from deepfake.web import endpoints, metrics
from deepfake.web.journal import JournalMiddleware, JsonFormatter, kind_of, set_up

LONG = b"a" * 5000
# (method and path, further headers, body)
MALFORMED = [
    (b"GET /static/" + LONG, b"", b""),
    (b"GET /static/%00", b"", b""),
    (b"GET /gradio_api/file=" + LONG, b"", b""),
    (b"GET /gradio_api/proxy=%00", b"", b""),
    (b"GET /gradio_api/proxy=http://[", b"", b""),
    (b"GET /config", b"X-Forwarded-Host: \xff\xfe[\r\n", b""),
    (b"GET /config", b"Origin: http://[\r\n", b""),
    (b"GET /gradio_api/queue/data?session_hash=holiday", b"", b""),
    (b"GET /gradio_api/call/detect/holiday", b"", b""),
    (b"POST /gradio_api/queue/join", b"Content-Type: application/json\r\n", b'{"fn_index":1e999}'),
    (b"POST /gradio_api/call/detect", b"Content-Type: application/json\r\n", b"\xff"),
    (b"POST /gradio_api/call/detect", b"Content-Type: application/json\r\n", b"[" * 9000),
    (b"POST /gradio_api/upload", b"Content-Type: multipart/form-data; boundary=a\r\n", b"holiday"),
    (b"POST /gradio_api/upload", b"Content-Type: multipart/form-data\r\n", b"holiday"),
    (b"POST /login", b"Content-Type: application/json\r\n", b'{"username": 1e999}'),
    (b"HOLIDAY /config", b"", b""),
]


def send(url, data):
    """The first line of the answer to raw bytes, the whole of which is read."""
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(data)
        answer = connection.makefile("rb")
        first = answer.readline()
        answer.read()
    return first


def test_malformed_requests_make_one_line_and_no_traceback(served, caplog, capfd):
    for start, headers, body in MALFORMED:
        caplog.clear()
        length = b"Content-Length: %d\r\nConnection: close\r\nHost: localhost\r\n" % len(body)
        first = send(served.url, start + b" HTTP/1.1\r\n" + length + headers + b"\r\n" + body)
        # Nor is it a fault of the server's.
        assert not re.match(rb"HTTP/1.1 5", first), (start[:60], first)
        assert len(caplog.records) <= 1, (start[:60], caplog.text)
        assert "Traceback" not in caplog.text and "holiday" not in caplog.text.lower()
    assert send(served.url, b"GET /config HTTP/1.0\r\nOrigin: http://a\r\n\r\n").startswith(
        b"HTTP/1.1 200"
    )
    assert send(served.url, b"\x16\x03\x01 no HTTP\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert "Traceback" not in capfd.readouterr().err


def test_what_does_not_fit_is_not_sent_back(served):
    """As FastAPI does, which takes seconds to make it of a megabyte."""
    for path in ("cancel", "queue/join", "call/detect"):
        answer = httpx.post(f"{served.url}/gradio_api/{path}", json={"holiday": "a" * 100_000})
        assert answer.status_code == 422 and answer.json()["detail"].startswith("The parameters do")
        assert "holiday" not in answer.text


def test_an_answer_has_the_number_that_the_log_has(caplog):
    def fail(_request):
        raise RuntimeError("holiday.jpg")

    def misfit(_request):
        raise ValueError("holiday.jpg")

    async def break_off(_request):
        async def parts():
            yield b"one"
            raise RuntimeError("holiday.jpg")

        return StreamingResponse(parts())

    routes = [Route("/", fail), Route("/misfit", misfit), Route("/broken", break_off)]
    client = TestClient(Starlette(routes=routes, middleware=[Middleware(JournalMiddleware)]))
    for path, code in (("/", 500), ("/misfit", 400), ("/broken", 200)):
        caplog.clear()
        answer = client.get(path, headers={"X-Request-ID": "f" * 32})
        number = answer.headers["X-Request-ID"]
        assert answer.status_code == code and number != "f" * 32
        (line,) = [record.getMessage() for record in caplog.records if "not answered" in record.msg]
        assert number in line and "test_journal.py" in line and "holiday" not in line
        assert "holiday" not in answer.text
        assert code == 200 or number in answer.json()["detail"]


def test_a_number_is_kept_only_of_a_proxy_of_ours():
    inner = Starlette(routes=[])
    for given, kept in (("0123456789abcdef" * 2, True), ("x\nforged", False), ("a" * 33, False)):
        answer = TestClient(JournalMiddleware(inner, True)).get(
            "/", headers={"X-Request-ID": given}
        )
        assert (answer.headers["X-Request-ID"] == given) is kept


@pytest.fixture
def lines(served):
    """What the log gets as JSON while the page answers."""
    output, logger = io.StringIO(), logging.getLogger("deepfake.access")
    handler, level = logging.StreamHandler(output), logger.level
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield output
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_as_json_each_answer_is_a_line_without_path_and_address(served, lines):
    paths = {"/": "page", "/gradio_api/file=/tmp/holiday.jpg": "file", "/holiday.jpg": "other"}
    numbers = [httpx.get(served.url + path).headers["X-Request-ID"] for path in paths]
    text = lines.getvalue()
    found = [json.loads(line) for line in text.splitlines()]
    assert [line["request_id"] for line in found] == numbers
    assert [line["kind"] for line in found] == list(paths.values())
    assert {line["method"] for line in found} == {"GET"} and found[0]["code"] == 200
    assert "holiday" not in text and "127.0.0.1" not in text


def asked_for(served, photo):
    """(the number of a request for an analysis, what its event said)."""
    api = f"{served.url}/gradio_api"
    with photo.open("rb") as file:
        (path,) = httpx.post(f"{api}/upload", files={"files": file}).json()
    question = {"photo": {"path": path, "meta": {"_type": "gradio.FileData"}}}
    answer = httpx.post(f"{api}/call/v2/detect", json=question)
    said = httpx.get(f"{api}/call/detect/{answer.json()['event_id']}").text
    return answer.headers["X-Request-ID"], said


def test_what_an_analysis_logs_has_the_number_of_who_asked(served, lines, portrait, monkeypatch):
    """Not that of the request that started the queue, which runs it."""

    def note(photo):
        logging.getLogger("deepfake.access").warning("looked at")
        return "photo.jpg"

    monkeypatch.setattr(endpoints, "name_of", note)
    answers = [asked_for(served, portrait) for _ in range(2)]
    assert all("event: complete" in said for _, said in answers)
    asked = [number for number, _ in answers]
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    noted = [line["request_id"] for line in found if line["message"] == "looked at"]
    assert noted == asked and asked[0] != asked[1]


def test_a_fault_of_the_page_is_one_line_and_tells_the_visitor_its_number(
    served, portrait, monkeypatch, caplog, capfd
):
    def fail(_photo):
        raise RuntimeError("holiday.jpg")

    monkeypatch.setattr(endpoints, "name_of", fail)
    before = generate_latest(metrics.registry).decode()
    number, said = asked_for(served, portrait)
    assert "event: error" in said and f"Its number is {number}." in said
    (line,) = [record.getMessage() for record in caplog.records if number in record.getMessage()]
    assert "RuntimeError at test_journal.py:" in line
    printed = capfd.readouterr()
    assert "holiday" not in said + caplog.text + printed.out + printed.err
    assert "Traceback" not in printed.err
    counted = 'deepfake_failures_total{fault="page"} '
    ((was,), (now,)) = (
        [float(line.removeprefix(counted)) for line in text.splitlines() if counted in line]
        for text in (before, generate_latest(metrics.registry).decode())
    )
    assert now == was + 1


def test_what_a_request_began_has_no_number_once_it_was_answered(lines):
    began = []

    def begin(_request):
        def note():
            logging.getLogger("deepfake.access").warning("still at it")

        began.append((copy_context(), note))
        return Response("done")

    client = TestClient(JournalMiddleware(Starlette(routes=[Route("/", begin)])))
    assert client.get("/").text == "done"
    ((context, note),) = began
    context.run(note)
    last = json.loads(lines.getvalue().splitlines()[-1])
    assert last["message"] == "still at it" and "request_id" not in last


def test_as_json_errors_are_one_line_with_their_place():
    try:
        raise ValueError("holiday.jpg")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "", 1, "Failed", (), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line and "holiday" not in line
    assert json.loads(line)["error"].startswith("ValueError at test_journal.py:")


def test_kinds_have_no_part_of_the_path():
    assert kind_of("/gradio_api/upload/holiday.jpg") == "upload"
    assert kind_of("/holiday.jpg") == "other"
    set_up("text")
