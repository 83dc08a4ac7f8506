"""The image, without a container engine: what the Dockerfile copies, started as it says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import pytest
import yaml

from tests.programs import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in re.sub(
        r"\\\n\s*", "", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    ).splitlines()
    if line
]
LAST_STAGE = INSTRUCTIONS[max(i for i, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM") :]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
PAGES = [service for service in COMPOSE["services"].values() if service.get("build")]


def wait_for(url, process):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def address(service):
    return service["networks"]["front"]["ipv4_address"]


def is_sent(path):
    """Whether .dockerignore lets a file through: the last line that matches it decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.lstrip("!")
        if not pattern or pattern.startswith("#"):
            continue
        patterns = [pattern, f"{pattern}/*"]
        if pattern.startswith("**/"):
            patterns += [p.removeprefix("**/") for p in patterns] + [f"*{p[2:]}" for p in patterns]
        if any(fnmatch(path, p) for p in patterns):
            sent = line.startswith("!")
    return sent


def copy(arguments, image):
    """What COPY does; each source must exist and be sent."""
    *sources, target = shlex.split(arguments)
    for source in sources:
        if (ROOT / source).is_dir():
            files = [file for file in (ROOT / source).rglob("*") if file.is_file()]
            pairs = [(file, image / target / file.relative_to(ROOT / source)) for file in files]
        else:
            assert (ROOT / source).is_file(), f"COPY {source}: no such file"
            folder = target.endswith("/") or len(sources) > 1
            pairs = [(ROOT / source, image / target / Path(source).name if folder else target)]
        kept = [(a, b) for a, b in pairs if is_sent(a.relative_to(ROOT).as_posix())]
        assert kept, f"COPY {source}: .dockerignore leaves nothing of it"
        for file, place in kept:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


def exec_form(text):
    """The words of a CMD, with the interpreter of the tests."""
    python, *rest = json.loads(text)
    assert python == "python"
    return [sys.executable, *rest]


@pytest.fixture(scope="session")
def container(tmp_path_factory):
    """The page as the Dockerfile starts it, in a folder with only what it copies."""
    image, home = tmp_path_factory.mktemp("image"), tmp_path_factory.mktemp("home")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)}
    for word, arguments in LAST_STAGE:
        if word == "COPY" and not arguments.startswith("--from"):
            copy(arguments, image)
        if word == "ENV":
            pairs = (pair.split("=", 1) for pair in shlex.split(arguments))
            environment |= {name: value for name, value in pairs if name != "PATH"}
    before = sorted(image.rglob("*"))
    environment |= {"PORT": str(free_port()), "PYTHONPROFILEIMPORTTIME": "1"}
    environment |= {"DEEPFAKE_HOST": "127.0.0.1", "DEEPFAKE_RATE_LIMIT": "1000/minute"}
    words = dict(LAST_STAGE)
    log = home / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            exec_form(words["CMD"]), cwd=image, env=environment, stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{environment['PORT']}"
    try:
        wait_for(url, process)
        yield SimpleNamespace(
            url=url, image=image, environment=environment, before=before, log=log, process=process,
            health=exec_form(words["HEALTHCHECK"].split("CMD", 1)[1]),
        )  # fmt: skip
    finally:
        process.terminate()
        process.wait(30)
