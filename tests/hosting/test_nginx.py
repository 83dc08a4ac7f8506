"""deploy/nginx.conf in a real nginx, with the addresses of compose.yaml replaced."""

import http.client
import json
import re
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import SimpleNamespace
from urllib.request import urlopen

import httpx
import pytest
from gradio_client import Client, handle_file

from deepfake.settings import Settings
from tests.hosting.conftest import PAGES, ROOT, address, wait_for
from tests.programs import free_port, required
from tests.web.replica import Visitor


class Replica(BaseHTTPRequestHandler):
    """Answers with what it was sent; `/events` sends one event, and another when told to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: 1\n\n")
            self.server.may_go_on.wait(30)
            self.wfile.write(b"data: 2\n\n")
            self.close_connection = True
            return
        body = json.dumps({"port": self.server.server_port, **dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_):
        """Keep the test's output clean."""


def start_nginx(folder, servers, location=None):
    """nginx with our configuration, in front of other servers: (the process, its port)."""
    program, port = required("nginx", "nginx"), free_port()
    text = (ROOT / "deploy/nginx.conf").read_text()
    for page, server in zip(PAGES, servers, strict=True):
        text = text.replace(f"{address(page)}:{Settings.port}", server)
    if location is not None:
        text = re.sub(r"location / \{.*?\n {8}\}", location, text, flags=re.DOTALL)
    # One of them, so that tests can fill it up; and little patience.
    text = text.replace("worker_processes auto", "worker_processes 1")
    text = text.replace("client_header_timeout 15s", "client_header_timeout 2s")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/tmp/", f"{folder}/")
    text = text.replace("/dev/stdout", f"{folder}/access.log").replace("/dev/stderr", f"{folder}/e")
    (folder / "nginx.conf").write_text(text)
    command = [program, "-p", str(folder), "-e", f"{folder}/e", "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    return process, port


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """nginx in front of two replicas that say what they were sent."""
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    replicas = [ThreadingHTTPServer(("127.0.0.1", 0), Replica) for _ in PAGES]
    for replica in replicas:
        replica.may_go_on = Event()
        Thread(target=replica.serve_forever, daemon=True).start()
    process, port = start_nginx(folder, [f"127.0.0.1:{r.server_port}" for r in replicas])
    yield SimpleNamespace(port=port, replicas=replicas, log=folder / "access.log")
    process.terminate()
    process.wait(30)
    for replica in replicas:
        replica.shutdown()


def ask(proxy, visitor="127.0.0.1", path="/", **headers):
    connection = http.client.HTTPConnection(
        "127.0.0.1", proxy.port, timeout=30, source_address=(visitor, 0)
    )
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return connection.getresponse()


def told(proxy, *arguments, **headers):
    return json.loads(ask(proxy, *arguments, **headers).read())


def test_the_proxy_says_who_the_visitor_is_and_visitors_cannot(proxy):
    forged = dict.fromkeys(("X_Forwarded_For", "X_Real_IP", "X_Forwarded_Host"), "6.6.6.6")
    seen = told(proxy, "127.0.0.9", Forwarded="for=6.6.6.6", X_Forwarded_Proto="https", **forged)
    assert seen["X-Forwarded-For"] == "127.0.0.9"
    assert "6.6.6.6" not in json.dumps(seen)
    assert seen["X-Forwarded-Host"] == seen["Host"] == f"127.0.0.1:{proxy.port}"
    assert seen["X-Forwarded-Proto"] == "http"


def test_a_visitor_stays_at_one_replica_and_visitors_are_spread(proxy):
    visitors = [f"127.0.0.{number}" for number in range(1, 31)]
    first = {visitor: told(proxy, visitor)["port"] for visitor in visitors}
    again = {visitor: told(proxy, visitor)["port"] for visitor in visitors}
    assert first == again
    assert set(first.values()) == {replica.server_port for replica in proxy.replicas}


def test_each_event_passes_at_once(proxy):
    response = ask(proxy, path="/events")
    assert response.readline() == b"data: 1\n"
    for replica in proxy.replicas:
        replica.may_go_on.set()
    assert response.read() == b"\ndata: 2\n\n"


def start_upload(proxy, size):
    """The answer to an upload of which nothing but its size was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_proxy_takes_every_upload_that_the_page_takes(proxy):
    from deepfake.web.page import UPLOAD_SLACK

    largest = int(UPLOAD_SLACK * Settings.max_bytes)
    assert [start_upload(proxy, size) for size in (largest, 2 * largest)] == [200, 413]


def test_who_only_begins_a_request_keeps_nobody_out_and_does_not_stay(proxy):
    """As many as nginx has connections, unless it is told otherwise."""
    with ExitStack() as stack:
        begun = []
        for number in range(600):
            source = (f"127.0.2.{1 + number % 6}", 0)
            connection = socket.create_connection(("127.0.0.1", proxy.port), 30, source)
            begun.append(stack.enter_context(connection))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: page\r\nX-A: ")
        assert ask(proxy).status == 200
        for _ in range(300):
            try:
                begun[0].sendall(b"a")
            except OSError:
                break
            time.sleep(0.1)
        else:
            pytest.fail("a request that does not end is waited for")
    assert ask(proxy).status == 200


def test_one_address_has_so_many_requests_at_the_same_time(proxy):
    for replica in proxy.replicas:
        replica.may_go_on.clear()
    try:
        streams = [ask(proxy, "127.0.0.40", "/events") for _ in range(100)]
        assert {stream.status for stream in streams} == {200}
        refused = ask(proxy, "127.0.0.40")
        assert refused.status == 429 and refused.headers["retry-after"] == "5"
        assert json.loads(refused.read())["detail"].startswith("Too many requests of yours")
        assert ask(proxy, "127.0.0.41").status == 200
    finally:
        for replica in proxy.replicas:
            replica.may_go_on.set()


def test_the_log_of_the_proxy_has_neither_address_nor_path(proxy):
    told(proxy, "127.0.0.77", "/gradio_api/file=holiday.jpg")
    for _ in range(100):
        if proxy.log.read_text().count(" GET 200 "):
            break
        time.sleep(0.05)
    text = proxy.log.read_text()
    assert " GET 200 " in text
    assert "127.0.0.77" not in text and "holiday" not in text


def test_a_photo_is_judged_through_the_proxy(container, portrait, tmp_path):
    tmp_path.chmod(0o755)
    server = container.url.removeprefix("http://")
    process, port = start_nginx(tmp_path, [server] * len(PAGES))
    try:
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        assert client.predict(handle_file(portrait), api_name="/detect")["verdict"] == "real"
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name == "1"]
    finally:
        process.terminate()
        process.wait(30)


def test_the_page_works_under_a_path_as_the_guide_says(container, portrait, tmp_path):
    tmp_path.chmod(0o755)
    text = (ROOT / "docs/hosting.md").read_text()
    ((path, setting, proxy, location),) = re.findall(
        r"`--root-path (\S+)`[^`]*`([A-Z_]+)=([\d.]+)`:\s+```nginx\s+(location .*?\})\s+```", text,
        re.DOTALL,
    )  # fmt: skip
    port = free_port()
    environment = {**container.environment, "PYTHONPROFILEIMPORTTIME": "", setting: proxy}
    del environment["DEEPFAKE_RATE_LIMIT"]
    page = subprocess.Popen(
        [sys.executable, "app.py", "--root-path", path, "--port", str(port)],
        cwd=container.image, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/", page)
        location = location.replace(f"127.0.0.1:{Settings.port}", f"127.0.0.1:{port}")
        process, public = start_nginx(tmp_path, ["127.0.0.1:9"] * len(PAGES), location)
        try:
            public_url = f"http://127.0.0.1:{public}{path}"
            with urlopen(f"{public_url}/") as answer:
                assert f'"root":"{public_url}"' in answer.read().decode()
            client = Client(f"{public_url}/", verbose=False)
            assert client.predict(handle_file(portrait), api_name="/detect")["verdict"] == "real"
            # Each visitor has a limit, though all come from this machine.
            for source in ("127.0.0.8", "127.0.0.9"):
                visitor = Visitor(public_url, portrait)
                transport = httpx.HTTPTransport(local_address=source)
                visitor.client = httpx.Client(transport=transport, timeout=60)
                answers = [visitor.detect()[0] for _ in range(6)]
                assert answers == ["complete"] * 5 + ["error"]
        finally:
            process.terminate()
            process.wait(30)
    finally:
        page.terminate()
        page.wait(30)
