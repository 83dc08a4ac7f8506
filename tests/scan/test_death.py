"""Scans that are killed, stopped and interrupted: no row is lost or there twice."""

import multiprocessing
import os
import signal
import sqlite3
import tempfile
import time
import zipfile

import psutil
import pytest
from PIL import Image

from deepfake.cli import main
from deepfake.modelstore.resolve import load_model
from deepfake.scan.judging import Task
from deepfake.scan.processes import _work
from deepfake.settings import Settings
from tests.scan.conftest import EXAMPLES, rows_of, start
from tests.video.clips import film

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="POSIX signals")]
# The journal's log has more once the first batch has been judged: 87,000, before it 41,000.
FIRST_BATCH_BYTES = 65_000


def begin(files, output, *more):
    """A scan that has judged something, and not all."""
    named = files if isinstance(files, list) else [files]
    process = start(*named, "-o", output, "--workers", "1", *more)
    log = output.with_name(f"{output.name}.unfinished-wal")
    end = time.monotonic() + 150
    while not log.exists() or log.stat().st_size < FIRST_BATCH_BYTES:
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.02)
    return process


def workers_of(process, engine="processes"):
    mark = "ray::_Actor" if engine == "ray" else "spawn_main"
    children = psutil.Process(process.pid).children(recursive=engine == "ray")
    found = [child for child in children if mark in " ".join(child.cmdline())]
    # A child that a worker has just forked still has its name.
    return [child for child in found if child.ppid() not in {other.pid for other in found}]


def test_killed_it_goes_on_where_it_stopped(tmp_path, many_files, their_rows, capsys):
    output = tmp_path / "rows.jsonl"
    process = begin(many_files, output)
    (worker,) = workers_of(process)
    process.kill()
    process.communicate(timeout=60)
    worker.wait(timeout=180)  # it notices that nobody listens any more
    assert not output.exists()
    with sqlite3.connect(f"{output}.unfinished") as journal:
        before = dict(journal.execute("SELECT sha256, rowid FROM contents"))
    journal.close()
    assert 0 < len(before) < 24
    # Another scan is not mixed up with it.
    assert main(["scan", str(many_files), "-o", str(output), "--threshold", "0.3"]) == 1
    threshold = load_model("default").manifest.threshold
    assert f"begun with another threshold ({threshold:g}, now 0.3)" in capsys.readouterr().err
    assert main(["scan", str(many_files), "-o", str(output), "--workers", "1"]) == 0
    assert f"{len(before)} of 24 files are done" in capsys.readouterr().err
    assert rows_of(output) == their_rows
    assert list(tmp_path.iterdir()) == [output]


def test_a_worker_that_is_killed_or_hangs_loses_nothing(tmp_path, many_files, their_rows, capsys):
    output = tmp_path / "rows.jsonl"
    process = begin(many_files, output, "--time-limit", "6")
    # Nobody else writes the journal meanwhile; stopped, lest it ends before the other has tried.
    process.send_signal(signal.SIGSTOP)
    assert main(["scan", str(many_files), "-o", str(output)]) == 1
    assert "Another scan is writing" in capsys.readouterr().err
    process.send_signal(signal.SIGCONT)
    (hanging,) = workers_of(process)
    hanging.send_signal(signal.SIGSTOP)
    hanging.wait(timeout=180)  # until it is ended by the scan
    while not (killed := workers_of(process)):
        time.sleep(0.02)
    killed[0].kill()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert rows_of(output) == their_rows


@pytest.mark.parametrize("engine", ["processes", pytest.param("ray", marks=pytest.mark.services)])
def test_no_video_of_an_archive_outlives_who_unpacked_it(tmp_path, engine):
    """A worker is killed as by a time limit, then the scan as by a system without memory."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    film(tmp_path / "film.mp4", [EXAMPLES / "eileen_collins.png"], 8.0)
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.write(tmp_path / "film.mp4", "film.mp4")
    process = start(
        tmp_path / "films.zip", "-o", tmp_path / "rows.jsonl", "--workers", "1", "--engine", engine,
        # Ray makes sockets in its folder, whose names are short.
        env={**os.environ, "TMPDIR": str(scratch), "RAY_TMPDIR": tempfile.gettempdir()},
        start_new_session=True,
    )  # fmt: skip

    def until(number):
        """Wait until so many videos are unpacked; where."""
        end = time.monotonic() + 120
        while len(found := list(scratch.glob("deepfake-scan-*/*.video"))) != number:
            assert number == 0 or process.poll() is None, process.communicate()
            assert time.monotonic() < end, found
            time.sleep(0.01)
        return {path.parent for path in found}

    (first,) = until(1)
    (worker,) = workers_of(process, engine)
    worker.kill()
    until(0)
    until(1)
    assert not first.exists()
    process.kill()
    process.communicate(timeout=60)
    until(0)
    end = time.monotonic() + 60
    while left := list(scratch.glob("deepfake-scan-*")):
        assert time.monotonic() < end, left
        time.sleep(0.01)


def test_a_worker_that_is_ready_when_all_is_done_ends_quietly(capfd):
    """As the second one of few files."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    worker = context.Process(target=_work, args=(there, Task("default", 0.75, Settings())))
    worker.start()
    here.close()
    there.close()
    worker.join(120)
    assert worker.exitcode == 0 and "Traceback" not in capfd.readouterr().err


def test_interrupted_it_writes_what_it_has(tmp_path, many_files, their_rows):
    output = tmp_path / "rows.jsonl"
    process = begin(many_files, output)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 130
    assert "give the same command again to go on" in errors and "Traceback" not in errors
    partial = tmp_path / "rows.partial.jsonl"
    some = {row["path"]: row["p_fake"] for row in rows_of(partial)}
    assert 0 < len(some) < 24
    assert some.items() <= {row["path"]: row["p_fake"] for row in their_rows}.items()
    assert not output.exists()
    process = start(many_files, "-o", output, "--workers", "2")
    assert process.wait(timeout=180) == 0
    assert rows_of(output) == their_rows
    assert list(tmp_path.iterdir()) == [output]


def test_a_file_that_takes_too_long_gets_a_row(tmp_path, many_files):
    """A large photo, and far too little time."""
    output = tmp_path / "rows.jsonl"
    with Image.open(many_files / "00.jpg") as image:
        image.resize((6000, 6000)).save(tmp_path / "large.jpg")
    large = tmp_path / "large.jpg"
    process = start(large, "-o", output, "--workers", "1", "--time-limit", "0.01")
    assert process.wait(timeout=180) == 2
    (row,) = rows_of(output)
    assert "takes longer than 0.01 seconds" in row["error"]
