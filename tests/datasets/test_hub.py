"""Data sets of the Hub, through its real client, from a server on this machine."""

import contextlib
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image

from deepfake.datasets.dataset import find_dataset
from deepfake.errors import TrainingError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from deepfake.errors import TrainingError
from deepfake.datasets.dataset import find_dataset
for address in sys.argv[1:]:
    try:
        found = find_dataset(address)
        print(json.dumps([found.address, [[s.label, s.split] for s in found.samples]]))
    except TrainingError as error:
        print(json.dumps(str(error)))
"""


def picture(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


FACES = {f"data/{split}/{label}/{colour}.png": picture(colour) for split in ("train", "test")
         for label, colour in (("real", "green"), ("fake", "red"))}  # fmt: skip
REPOSITORIES = {
    "team/faces": {**FACES, "README.md": b"# Faces", "huge.bin": b"never fetched"},
    "team/table": {"data/train.parquet": b"PAR1"},
    "team/cut": {"data/real/a.png": picture("white")},
    "team/zipped": {"faces.zip": b"PK"},
    "team/sly": {"labels.csv": b"path,label\n../../../../secret.png,real\n/etc/passwd,fake\n"},
}
STATUS = {"team/forbidden": 403, "team/busy": 429, "team/ill": 500}


@contextlib.contextmanager
def served():
    """A Hub with these repositories; its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Hub(http.server.BaseHTTPRequestHandler):
    """The part of the Hub's API that a client needs to fetch a data set."""

    protocol_version = "HTTP/1.1"
    fetched: list[str] = []  # noqa: RUF012

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(self.path.split("?")[0])
        parts = path.strip("/").split("/")
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[1:3])
        if name == "team/dropped":  # the connection, without an answer
            self.close_connection = True
            return self.connection.close()
        if name == "team/gated":
            return self.answer(403, b"", {"X-Error-Code": "GatedRepo"})
        if name in STATUS:
            return self.answer(STATUS[name], b"", {})
        files = REPOSITORIES.get(name)
        if files is None:
            return self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        if parts[0] == "api":
            if parts[5:] and parts[5] not in ("main", COMMIT):
                return self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
            if not parts[4:] or parts[4] == "revision":
                siblings = [{"rfilename": file} for file in files]
                return self.send({"id": name, "sha": COMMIT, "siblings": siblings})
            folder = "".join(f"{part}/" for part in parts[6:])
            if not any(file.startswith(folder) for file in files):
                return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            return self.send(tree(files, folder, "recursive=true" in self.path.lower()))
        file = "/".join(parts[5:])
        if self.command == "GET":
            self.fetched.append(file)
        data = files[file]
        if name == "team/cut" and self.command == "GET":
            self.close_connection = True
            return self.answer(200, data, {"ETag": f'"{etag(data)}"', "X-Repo-Commit": COMMIT}, 9)
        return self.answer(200, data, {"ETag": f'"{etag(data)}"', "X-Repo-Commit": COMMIT})

    def send(self, value):
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def answer(self, status, data, headers, missing=0):
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data) + missing)}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


def tree(files, folder, recursive):
    """What lies in a folder of a repository."""
    inside = {file.removeprefix(folder): data for file, data in files.items()
              if file.startswith(folder)}  # fmt: skip
    return [
        {"type": "file", "path": f"{folder}{name}", "size": len(data), "oid": etag(data)}
        for name, data in inside.items() if recursive or "/" not in name
    ] + [
        {"type": "directory", "path": f"{folder}{name}", "oid": etag(name.encode())}
        for name in sorted({name.split("/")[0] for name in inside if "/" in name})
    ]  # fmt: skip


def etag(data):
    return hashlib.sha1(data).hexdigest()


def ask(home, endpoint, *addresses, **environment):
    """Find data sets in a process of its own: the client reads its settings when imported."""
    environment = {
        **os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), **environment,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *addresses],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What is found online, and then again with the Hub out of reach."""
    home = tmp_path_factory.mktemp("home")
    (home / "secret.png").write_bytes(picture("blue"))
    names = {
        "found": "hf://datasets/team/faces", "pinned": f"hf://datasets/team/faces@{COMMIT}",
        "revision": "hf://datasets/team/faces@nope", "missing": "hf://datasets/team/nothing",
        "gated": "hf://datasets/team/gated", "parquet": "hf://datasets/team/table",
        "zip": "hf://datasets/team/zipped", "sly": "hf://datasets/team/sly",
        "dropped": "hf://datasets/team/dropped", "cut": "hf://datasets/team/cut",
        "forbidden": "hf://datasets/team/forbidden", "busy": "hf://datasets/team/busy",
        "ill": "hf://datasets/team/ill",
    }  # fmt: skip
    with served() as endpoint:
        online = dict(zip(names, ask(home, endpoint, *names.values()), strict=True))
    offline = {
        "cached": ask(home, endpoint, names["found"], HF_HUB_OFFLINE="1")[0],
        "unreachable": ask(home, endpoint, "hf://datasets/team/later", HF_HUB_OFFLINE="1")[0],
    }
    return online | offline


def test_a_data_set_is_fetched_and_recognised_like_a_folder(answers):
    address, samples = answers["found"]
    assert address == f"hf://datasets/team/faces@{COMMIT}"
    assert sorted(map(tuple, samples))[0] == (0, "test") and len(samples) == 4
    assert answers["pinned"] == answers["found"]
    # The client fetches equal files once.
    assert any(name.endswith("green.png") for name in Hub.fetched)
    assert "huge.bin" not in Hub.fetched


def test_what_was_fetched_is_there_without_the_hub(answers):
    assert answers["cached"] == answers["found"]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("missing", "The Hub has no data set team/nothing"),
        ("revision", "has no revision 'nope'"),
        ("gated", "hf auth login"),
        ("parquet", "in Parquet files"),
        ("zip", "in archives, which are not read here. Download and unpack"),
        ("unreachable", "could not be fetched"),
        ("unreachable", "name its folder"),
        ("dropped", "the Hub cannot be reached"),
        ("forbidden", "Your token does not allow this"),
        ("busy", "too many requests"),
        ("ill", "out of order (HTTP 500)"),
        ("cut", "could not be fetched"),
        ("sly", "names no pictures"),
    ],
)
def test_what_cannot_be_had_gets_a_sentence(answers, case, expected):
    assert isinstance(answers[case], str) and expected in answers[case]


@pytest.mark.parametrize(
    "address", ["hf://datasets/faces", "hf://team/faces", "hf://datasets/a/b/c"]
)
def test_an_address_of_another_form_gets_a_sentence(address):
    with pytest.raises(TrainingError, match="hf://datasets/owner/name"):
        find_dataset(Path(address))
