"""`deepfake serve` with the options of a public page, as a process of its own."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from gradio_client import Client, handle_file

from deepfake.cli import main
from deepfake.settings import Settings
from tests.programs import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Starts the command and waits for the page."""
    folder, started = tmp_path_factory.mktemp("serve"), []

    def start(*options, **environment):
        port, log = free_port(), folder / f"{len(started)}.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "deepfake", "serve", *options], cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(port), **environment},
                stdout=output, stderr=output,
            )  # fmt: skip
        started.append(process)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            try:
                httpx.get(f"http://127.0.0.1:{port}/")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        else:
            pytest.fail(log.read_text())
        return SimpleNamespace(url=f"http://127.0.0.1:{port}", log=log, process=process)

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def guarded(serve, tmp_path_factory):
    path = tmp_path_factory.mktemp("accounts") / "accounts.txt"
    path.write_text("anna:long pass:word\nben:another\n")
    path.chmod(0o600)
    # The host's PORT comes before what an image or a habit has set for Gradio.
    return serve("--auth", path, GRADIO_SERVER_PORT=str(free_port()))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/config"),
        ("GET", "/gradio_api/openapi.json"),
        ("GET", "/gradio_api/info"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/call/detect"),
        ("POST", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/file=/etc/passwd"),
    ],
)
def test_nothing_is_open_without_the_password(guarded, method, path):
    assert httpx.request(method, guarded.url + path).status_code == 401


def test_a_wrong_password_is_refused_and_the_right_one_lets_in(guarded, portrait):
    for user, password in (("anna", "another"), ("nobody", "x"), ("anna", "")):
        answer = httpx.post(
            f"{guarded.url}/login", data={"username": user, "password": password or " "}
        )
        assert answer.status_code == 400
    client = Client(guarded.url, auth=("anna", "long pass:word"), verbose=False)
    assert client.predict(handle_file(portrait), api_name="/detect")["verdict"] == "real"


def test_after_five_wrong_passwords_an_address_waits_and_others_do_not(serve, tmp_path):
    path = tmp_path / "accounts.txt"
    path.write_text("anna:secret\n")
    path.chmod(0o600)
    page = serve("--auth", path, DEEPFAKE_TRUSTED_PROXIES="127.0.0.1", DEEPFAKE_LOG="json")

    def sign_in(address, password):
        return httpx.post(
            f"{page.url}/login/", data={"username": "anna", "password": password},
            headers={"X-Forwarded-For": address},
        )  # fmt: skip

    assert [sign_in("203.0.113.1", f"wrong {n}").status_code for n in range(5)] == [400] * 5
    refused = sign_in("203.0.113.1", "secret")
    assert refused.status_code == 429 and 0 < int(refused.headers["Retry-After"]) <= 60
    assert "Too many wrong passwords" in refused.json()["detail"]
    let_in = sign_in("203.0.113.2", "secret")
    assert let_in.status_code == 200
    cookies = let_in.headers.get_list("set-cookie")
    assert cookies and all("samesite=lax" in c.lower() and "HttpOnly" in c for c in cookies)
    lines = [json.loads(line) for line in page.log.read_text().splitlines() if line[0] == "{"]
    warnings = [line["message"] for line in lines if line["level"] == "warning"]
    assert warnings.count("A wrong name or password.") == 5
    assert warnings[-1] == "5 wrong passwords within a minute from 203.0.113.1."
    text = page.log.read_text()
    assert "secret" not in text and "203.0.113.2" not in text


def test_as_json_every_line_of_the_log_is_an_object(serve):
    page = serve(DEEPFAKE_LOG="json")
    for nonsense in (b"no HTTP\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", httpx.URL(page.url).port), 20) as connection:
            connection.sendall(nonsense)
            assert connection.recv(12) == b"HTTP/1.1 400"
    # Besides, Gradio prints its addresses.
    lines = [line for line in page.log.read_text().splitlines() if line and line[0] != "*"]
    assert "Invalid HTTP request received." in [json.loads(line)["message"] for line in lines]


def test_health_needs_no_password(guarded):
    assert httpx.get(f"{guarded.url}/healthz").status_code == 200


def test_a_share_link_that_cannot_be_made_leaves_the_page(serve):
    page = serve(
        "--share",
        HTTPS_PROXY=NOBODY,
        HTTP_PROXY=NOBODY,
        NO_PROXY="localhost,127.0.0.1",
        HF_HOME="hub",
    )
    for _ in range(300):
        if "share link" in page.log.read_text():
            break
        time.sleep(0.1)
    assert "Could not create share link" in page.log.read_text()
    assert httpx.get(page.url).status_code == 200


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--auth", "missing.txt"], "There is no accounts file missing.txt"),
        (["--root-path", "faces"], "must start with / .* 'faces'"),
        (["--port", "99999"], "at most 65535"),
    ],
)
def test_wrong_options_end_with_a_sentence(options, expected, capsys):
    assert main(["serve", *options]) == 1
    assert re.search(expected, capsys.readouterr().err)


def test_why_the_only_model_cannot_be_served_is_said_once(tmp_path, capsys):
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(b"\0\0\0\0TFL3" + b"\0" * 100)
    assert main(["serve", "--model", str(damaged), "--port", "0"]) == 1
    assert capsys.readouterr().err.count("damaged.tflite") == 1


@pytest.mark.parametrize(
    ("environment", "port"),
    [
        ({"PORT": "1", "GRADIO_SERVER_PORT": "2", "DEEPFAKE_PORT": "3"}, 3),
        ({"PORT": "1", "GRADIO_SERVER_PORT": "2"}, 1),
        ({"PORT": " ", "GRADIO_SERVER_PORT": "2"}, 2),
    ],
)
def test_the_port_is_that_of_whoever_knows_best(environment, port):
    assert Settings.from_environment(environment).port == port
