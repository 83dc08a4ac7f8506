"""compose.yaml and the guide: do they fit what they speak of?"""

import re
import shlex
import socket
import subprocess
import time
from dataclasses import fields

import pytest

from deepfake.cli import parser
from deepfake.settings import Settings
from tests.hosting.conftest import COMPOSE, PAGES, ROOT, address
from tests.programs import free_port, required


def test_every_setting_of_the_files_exists():
    known = {f"DEEPFAKE_{field.name.upper()}" for field in fields(Settings)}
    named = {
        name
        for file in ("Dockerfile", "compose.yaml", "docs/hosting.md", "docs/privacy.md")
        for name in re.findall(r"DEEPFAKE_[A-Z_]+", (ROOT / file).read_text())
    }
    assert named and named <= known


def test_every_command_of_the_guide_is_one():
    text = (ROOT / "docs/hosting.md").read_text()
    commands = re.findall(r"^(?:ExecStart=.*/app\.py|deepfake serve) (.*)$", text, re.MULTILINE)
    assert len(commands) == 2
    for options in commands:
        parser().parse_args(["serve", *shlex.split(options)])


def test_compose_fits_the_image_and_the_proxy():
    assert len(PAGES) == 2
    environment = PAGES[0]["environment"]
    Settings.from_environment(environment)
    services = COMPOSE["services"]
    assert environment["DEEPFAKE_TRUSTED_PROXIES"] == address(services["nginx"])
    assert "//redis:" in environment["DEEPFAKE_REDIS_URL"] and "redis" in services
    for service in services.values():
        waited_for = service.get("depends_on", {})
        assert set(waited_for) <= set(services)
        assert all(
            services[name].get("healthcheck") or services[name].get("build") for name in waited_for
        )
        for volume in service.get("volumes", []):
            assert (ROOT / volume.split(":")[0]).is_file()
    servers = re.findall(r"server ([\d.]+:\d+);", (ROOT / "deploy/nginx.conf").read_text())
    assert servers == [f"{address(page)}:{Settings.port}" for page in PAGES]


@pytest.mark.services
def test_redis_takes_its_options(tmp_path):
    command = COMPOSE["services"]["redis"]["command"]
    server, port = required(command[0], command[0]), free_port()
    process = subprocess.Popen(
        [server, *command[1:], "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                    connection.sendall(b"PING\r\nCONFIG GET save\r\n")
                    answer = connection.makefile("rb")
                    assert answer.readline() == b"+PONG\r\n"
                    assert [answer.readline().strip() for _ in range(5)][-1] == b""
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        else:
            pytest.fail("redis-server does not start with the options of compose.yaml")
    finally:
        process.terminate()
        process.wait(10)
    assert list(tmp_path.iterdir()) == []
