"""Scans as a user starts them."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from deepfake.cli import main
from tests.datasets import test_hub
from tests.video.clips import film

EXAMPLES = Path(__file__).parents[2] / "examples"
FACES = ("eileen_collins.png", "grace_hopper.jpg", "fake_swap_hopper.jpg", "fake_swap_collins.jpg")


def rows_of(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def start(*arguments, **more):
    """The command in a process of its own, to be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "deepfake", "scan", *map(os.fspath, arguments)],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


@pytest.fixture
def scan(tmp_path, capsys):
    """Scans into tmp_path/rows.jsonl: (exit code, rows, what was said)."""

    def run(*arguments, output=tmp_path / "rows.jsonl"):
        code = main(["scan", *map(os.fspath, arguments), "-o", str(output), "--workers", "1"])
        said = "".join(capsys.readouterr())
        rows = rows_of(output) if output.suffix == ".jsonl" and output.exists() else []
        return code, rows, said

    return run


@pytest.fixture(scope="session")
def many_files(tmp_path_factory):
    """A folder of 24 photos, all different: the example faces, large: scans take a while."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(24):
        with Image.open(EXAMPLES / FACES[index % 4]) as image:
            small = image.convert("RGB").resize((900, 900))
        small.save(folder / f"{index:02}.jpg", quality=60 + index)
    return folder


@pytest.fixture(scope="session")
def their_rows(many_files, tmp_path_factory):
    """What a scan of them that nothing happens to gives."""
    output = tmp_path_factory.mktemp("whole") / "rows.jsonl"
    assert main(["scan", str(many_files), "-o", str(output), "--workers", "1"]) == 0
    return rows_of(output)


@pytest.fixture
def films(tmp_path, monkeypatch):
    """A data set of a Hub on this machine, for processes that are started: its address."""
    video = film(tmp_path / "of the hub.mp4", [EXAMPLES / "eileen_collins.png"], 1.0)
    files = {
        "a.png": encoded("red"), "train/film.mp4": video.read_bytes(), "train/b.png": encoded(),
        "train/deep/c.png": encoded("blue"), "train/deep/notes.md": b"no picture",
    }  # fmt: skip
    video.unlink()
    monkeypatch.setitem(test_hub.REPOSITORIES, "team/films", files)
    with test_hub.served() as endpoint:
        for name, value in {
            "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path.parent / "hub"),
            "HF_HUB_DISABLE_XET": "1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield "hf://datasets/team/films"


def encoded(colour="grey", kind="PNG", size=(64, 64)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()
