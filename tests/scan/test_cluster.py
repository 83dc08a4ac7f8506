"""`deepfake scan --engine ray` on a real Ray cluster, of this machine."""

from http.server import HTTPServer, SimpleHTTPRequestHandler
from threading import Thread

import psutil
import pytest

from deepfake.cli import main
from deepfake.scan import cluster
from tests.programs import free_port
from tests.scan.conftest import EXAMPLES, rows_of, start
from tests.scan.test_death import begin
from tests.video.clips import film

FACE = EXAMPLES / "eileen_collins.png"

pytestmark = [pytest.mark.slow, pytest.mark.services]


def test_a_killed_actor_loses_nothing_and_rows_are_those_of_processes(
    tmp_path, many_files, their_rows, films
):
    output = tmp_path / "rows.jsonl"
    video = film(tmp_path / "film.mp4", [FACE], 1.0)
    local = tmp_path / "local.jsonl"
    process = start(video, films, "-o", local, "--workers", "1")
    assert process.wait(timeout=180) == 0
    process = begin([many_files, video, films], output, "--engine", "ray")
    (actor,) = [
        child for child in psutil.Process(process.pid).children(recursive=True)
        if child.cmdline()[:1] and child.cmdline()[0].startswith("ray::_Actor")
    ]  # fmt: skip
    actor.kill()
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    assert rows_of(output) == sorted([*their_rows, *rows_of(local)], key=lambda row: row["path"])
    assert set(tmp_path.iterdir()) == {output, video, local}


def test_no_cluster_is_said_in_a_sentence(tmp_path, many_files, capsys):
    output = str(tmp_path / "rows.csv")
    assert main(["scan", str(many_files), "-o", output, "--address", "auto"]) == 1
    assert "Add --engine ray" in capsys.readouterr().err
    assert (
        main(["scan", str(many_files), "-o", output, "--engine", "ray", "--address", "auto"]) == 1
    )
    assert "There is no Ray cluster at auto" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "listens"),
    [
        ("127.0.0.1:{}", False),
        ("ray://127.0.0.1:{}", False),
        ("nobody.invalid:{}", False),
        ("127.0.0.1:{}", True),
        ("ray://127.0.0.1:{}", True),
    ],
)
def test_where_no_head_listens_it_does_not_wait_for_a_cluster(
    address, listens, tmp_path, many_files, capsys, monkeypatch
):
    def init(**_options):
        pytest.fail("Ray tries for a quarter of an hour.")

    monkeypatch.setattr("ray.init", init)
    output = ["-o", str(tmp_path / "rows.csv")]
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        address = address.format(other.server_port if listens else free_port())
        named = ["--engine", "ray", "--address", address]
        assert main(["scan", str(many_files), *output, *named]) == 1
        other.shutdown()
    said = capsys.readouterr().err
    assert f"There is no Ray cluster at {address}: " in said
    assert ("something else answers there" in said) is listens


def test_a_head_is_known_as_one():
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=1, include_dashboard=False, logging_level="error", log_to_driver=False)
    try:
        cluster._require_head(ray.get_runtime_context().gcs_address)
    finally:
        ray.shutdown()


def test_a_cluster_that_may_want_a_token_is_said_to(monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert "RAY_AUTH_TOKEN" in cluster._unreached("head:6379", OSError("Failed to connect"))
    # Ray has looked for one itself, or was told.
    assert "RAY_AUTH_TOKEN" not in cluster._unreached("auto", OSError("Failed to connect"))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert "RAY_AUTH_TOKEN" not in cluster._unreached("head:6379", OSError("Failed to connect"))
