import os
import socket
import sys
import time
from pathlib import Path

import pytest

from deepfake.errors import HostileModelError, ModelError
from deepfake.modelstore.compiling.parity import NoLiteRTError
from deepfake.modelstore.safety import endings, inspection, sandbox
from deepfake.settings import Settings

ATTEMPTS = Path(__file__).parents[1]
GIGABYTE = 1_000_000_000

pytestmark = pytest.mark.skipif(
    bool(sandbox.missing()) and os.environ.get("CI") != "true",
    reason=f"The sandbox was NOT tested: this system cannot {'; '.join(sandbox.missing())}",
)


@pytest.fixture
def attempt(monkeypatch):
    """Runs a function of sandbox_attempts.py in the sandbox; what it printed."""
    monkeypatch.syspath_prepend(str(ATTEMPTS))

    def run(*arguments, readable=(), writable=(), seconds=20):
        return sandbox.run(
            "sandbox_attempts",
            arguments,
            readable=[ATTEMPTS, *readable],
            writable=writable,
            seconds=seconds,
            memory=GIGABYTE,
        )

    return run


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def test_a_child_works_with_what_it_was_given(attempt, tmp_path):
    (tmp_path / "in.txt").write_text("content")
    assert "content" in attempt("read", str(tmp_path / "in.txt"), readable=[tmp_path / "in.txt"])
    attempt("write", str(tmp_path / "out.txt"), writable=[tmp_path])
    assert (tmp_path / "out.txt").read_text() == "x"
    assert "done" in attempt("scratch")


def test_a_variable_does_not_make_a_process_take_itself_for_a_sandboxed_one(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPFAKE_SANDBOXED", "1")
    assert not sandbox.is_inside()
    monkeypatch.setattr("sys.executable", "/nowhere")
    (tmp_path / "model.h5").write_bytes(b"what no child has looked at")
    # It is a child's work still, and that child cannot be started.
    with pytest.raises(ModelError, match="could not be started"):
        inspection.inspect_hdf5(tmp_path / "model.h5", Settings())


def test_a_child_knows_that_it_is_one(attempt):
    assert "inside: True" in attempt("inside")


def test_a_link_that_was_given_is_read(attempt, tmp_path):
    (tmp_path / "blob").write_text("content")
    (tmp_path / "name").symlink_to(tmp_path / "blob")
    assert "content" in attempt("read", str(tmp_path / "name"), readable=[tmp_path / "name"])


def test_a_child_reads_and_writes_nothing_else(attempt, tmp_path):
    secret, canary = tmp_path / "secret", tmp_path / "canary"
    secret.write_text("password")
    with pytest.raises(ModelError, match="PermissionError") as failure:
        attempt("read", str(secret))
    assert "password" not in str(failure.value)
    with pytest.raises(ModelError, match="PermissionError"):
        attempt("write", str(canary))
    with pytest.raises(ModelError, match="PermissionError"):
        attempt("write", str(secret), readable=[secret])
    assert not canary.exists()
    assert secret.read_text() == "password"


def test_a_child_reads_no_memory_or_environment_of_its_parent(attempt):
    with pytest.raises(ModelError, match="PermissionError"):
        attempt("read", f"/proc/{os.getpid()}/environ")


@pytest.mark.parametrize("way", ["connect", "datagram"])
def test_a_child_has_no_network(attempt, listening, way):
    with pytest.raises(ModelError, match="PermissionError"):
        attempt(way, str(listening.getsockname()[1]))
    with pytest.raises(TimeoutError):
        listening.accept()


@pytest.mark.parametrize("way", ["program", "fork"])
def test_a_child_starts_no_other_process(attempt, way):
    with pytest.raises(ModelError, match="PermissionError"):
        attempt(way)


def test_a_child_stops_no_other_process(attempt):
    with pytest.raises(ModelError, match="PermissionError"):
        attempt("kill", str(os.getpid()))


@pytest.mark.parametrize(
    "way",
    ["limit another", "slow another", "slow all", "move another", "signal a thread of another"],
)
def test_a_child_hinders_no_other_process(attempt, way):
    with pytest.raises(ModelError, match="PermissionError"):
        attempt(way, str(os.getuid() if way == "slow all" else os.getpid()))


def test_a_child_may_do_all_that_to_itself(attempt):
    assert "done" in attempt("itself")


def test_secrets_of_the_environment_stay_here(attempt, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("DEEPFAKE_REDIS", "redis://:secret@host")
    assert "secret" not in attempt("environment")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["memory", "shared memory"])
def test_memory_is_limited(attempt, way):
    with pytest.raises(ModelError, match="memory"):
        attempt(way)


def test_limits_cannot_be_lifted_even_by_root(attempt):
    with pytest.raises(ModelError, match=r"not allowed to raise|ValueError|PermissionError"):
        attempt("raise limits")


@pytest.mark.slow
def test_files_are_limited(attempt):
    with pytest.raises(ModelError):
        attempt("big file")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["sleep", "spin"])
def test_time_is_limited(attempt, way):
    started = time.monotonic()
    with pytest.raises(ModelError, match="longer than 2 seconds"):
        attempt(way, seconds=2)
    # Far below the minute that it would sleep.
    assert time.monotonic() - started < 40


def test_a_crash_takes_only_the_child_along(attempt):
    with pytest.raises(ModelError, match=r"crashed .*SIGSEGV"):
        attempt("crash")


def test_endless_output_is_cut(attempt):
    assert len(attempt("talk")) == sandbox.MAX_OUTPUT


def test_a_sentence_comes_through_and_control_characters_do_not(attempt):
    with pytest.raises(ModelError, match="The file is odd") as failure:
        attempt("sentence")
    assert "\x1b" not in str(failure.value)


def test_an_error_stays_of_its_kind_and_keeps_its_path(attempt, tmp_path):
    path = tmp_path / "with\ttab" / "model.h5"
    with pytest.raises(HostileModelError, match="holds code") as failure:
        attempt("refusal", str(path))
    # However long, it is not cut within the path.
    assert failure.value.public.startswith("model.h5 holds code. xxx")
    assert len(failure.value.public) < 2000
    with pytest.raises(NoLiteRTError, match=r"LiteRT cannot\.$"):
        attempt("not for LiteRT")


@pytest.mark.parametrize(
    "text",
    ["", "odd", "[1]", "[" * 100_000, '{"kind": "SystemExit"}',
     '{"kind": "SystemExit", "sentence": "The file is odd. Get another.", "path": [7]}'],
    ids=["nothing", "words", "a list", "too deep", "too little", "another kind"],
)  # fmt: skip
def test_what_a_child_makes_up_is_a_plain_error(attempt, text):
    with pytest.raises(ModelError) as failure:
        attempt("made up", text)
    assert type(failure.value) is ModelError and 0 < len(str(failure.value)) <= endings.MAX_SENTENCE


def test_another_error_is_a_sentence_without_traceback(attempt):
    with pytest.raises(ModelError, match="cannot be read") as failure:
        attempt("error")
    assert "Traceback" not in str(failure.value)


def test_a_folder_that_holds_the_program_is_not_opened_with_it(tmp_path, monkeypatch, attempt):
    """The folder that `deepfake` was started in is on Python's path, and may be a home."""
    (tmp_path / "diary.txt").write_text("private")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ModelError, match="PermissionError"):
        attempt("read", str(tmp_path / "diary.txt"))
