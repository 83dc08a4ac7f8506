import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from deepfake.web import scratch


def test_no_picture_gets_older_than_an_hour():
    assert scratch.SWEEP_SECONDS + scratch.MAX_AGE_SECONDS <= 3600


def test_uploads_are_deleted_by_that_schedule(served, portrait, tmp_path):
    files = {"files": ("visitor.png", portrait.read_bytes())}
    (path,) = httpx.post(f"{served.url}/gradio_api/upload", files=files).json()
    os.utime(path, (0, 0))
    scratch.sweep(served.scratch, scratch.MAX_AGE_SECONDS)
    assert not Path(path).exists()
    # What Gradio makes of an answer goes by its own schedule.
    assert served.blocks.delete_cache == (scratch.SWEEP_SECONDS, scratch.MAX_AGE_SECONDS)


def test_uploads_that_broke_off_are_swept(tmp_path):
    broken, fresh = tmp_path / "a" / "tmpabc", tmp_path / "fresh.png"
    broken.parent.mkdir()
    for path in (broken, fresh):
        path.write_bytes(b"x")
    os.utime(broken, (0, 0))
    scratch.sweep(tmp_path, scratch.MAX_AGE_SECONDS)
    assert (broken.exists(), fresh.exists()) == (False, True)


def test_history_and_analytics_of_gradio_are_off(served):
    assert served.blocks.analytics_enabled is False
    config = served.blocks.get_config_file()
    assert not config.get("run_history")


def test_the_scratch_folder_goes_with_the_process(tmp_path):
    code = "from deepfake.web import scratch; print(scratch.make_scratch_folder())"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    left_over = tmp_path / "deepfake-web-999999999-x"
    left_over.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    folder = Path(result.stdout.strip())
    assert folder.parent == tmp_path
    assert not folder.exists() and not left_over.exists()


@pytest.mark.slow
def test_importing_the_page_makes_no_folder_and_serving_tells_gradio_before_it_is_imported(
    tmp_path,
):
    code = (
        "import sys; import deepfake.web.serving; print('gradio' in sys.modules);"
        "import deepfake.web.page; print('gradio' in sys.modules)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "True"]
    assert not [*tmp_path.glob(f"{scratch.PREFIX}*")]


def test_a_folder_with_our_own_number_is_a_left_over(tmp_path, monkeypatch):
    # In a container every process is number 1, the one that was killed, too.
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    left_over = tmp_path / f"{scratch.PREFIX}{os.getpid()}-x"
    left_over.mkdir()
    made = scratch.make_scratch_folder()
    assert made.parent == tmp_path and made.exists() and not left_over.exists()


def test_in_a_folder_that_others_use_only_our_own_is_swept(tmp_path):
    foreign = tmp_path / "foreign.txt"
    foreign.touch()
    os.utime(foreign, (0, 0))
    code = (
        "import sys; from deepfake.web import scratch;"
        "folder = scratch.make_scratch_folder(sys.argv[1]);"
        "scratch.sweep(folder, 1); print(folder)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    folder = Path(result.stdout.strip())
    assert folder.parent == tmp_path and not folder.exists() and foreign.exists()


def test_the_folder_of_a_running_page_stays_though_its_process_is_not_seen(tmp_path):
    # As in another container: the folder's number is no process here, but it is in use.
    code = (
        "import os, sys; os.getpid = lambda: 999999999;"
        "from deepfake.web import scratch; print(scratch.make_scratch_folder(sys.argv[1]));"
        "sys.stdout.flush(); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        running = Path(other.stdout.readline().strip())
        assert running.name.startswith(f"{scratch.PREFIX}999999999-")
        scratch.make_scratch_folder(str(tmp_path))
        assert running.exists()
        other.kill()
    scratch.make_scratch_folder(str(tmp_path))
    assert not running.exists()


def test_a_temporary_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    result = subprocess.run(
        [sys.executable, "-m", "deepfake", "serve"], capture_output=True, text=True, timeout=180,
        env={**os.environ, "GRADIO_TEMP_DIR": str(tmp_path / "file")},
    )  # fmt: skip
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "Set GRADIO_TEMP_DIR to a folder that can be written to." in result.stderr


@pytest.fixture
def serving(tmp_path):
    """The command in a process of its own: (address, process, everything it wrote)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log.txt"
    environment = {
        **os.environ, "TMPDIR": str(tmp_path), "DEEPFAKE_TRUSTED_PROXIES": "127.0.0.1",
        "DEEPFAKE_RATE_LIMIT": "3/minute", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    environment.pop("GRADIO_TEMP_DIR", None)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deepfake", "serve", "--port", str(port)],
            env=environment, stdout=output, stderr=output,
        )  # fmt: skip
    while "Running on local URL" not in log.read_text():
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    yield SimpleNamespace(url=f"http://127.0.0.1:{port}", process=process, log=log, tmp=tmp_path)
    process.kill()
    process.wait()


def photo_payload(path):
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def call(url, payload, headers):
    """What comes of a photo that is sent to /detect."""
    api = f"{url}/gradio_api/call"
    started = httpx.post(f"{api}/v2/detect", json={"photo": payload}, headers=headers).json()
    return httpx.get(f"{api}/detect/{started['event_id']}", headers=headers, timeout=180).text


def test_no_log_has_a_file_name_an_address_or_a_score(serving, portrait, tmp_path):
    photo, garbage = tmp_path / "holiday-in-rome.png", tmp_path / "holiday-in-oslo.jpg"
    photo.write_bytes(portrait.read_bytes())
    garbage.write_bytes(b"\xff\xd8\xff no picture")
    client = Client(serving.url, verbose=False, headers={"X-Forwarded-For": "203.0.113.77"})
    assert client.predict(handle_file(photo), api_name="/detect")["verdict"] == "real"
    with pytest.raises(AppError):
        client.predict(handle_file(garbage), api_name="/predict")
    client.predict(handle_file(photo), api_name="/predict")
    with pytest.raises(AppError, match="try again in"):
        client.predict(handle_file(photo), api_name="/detect")
    # What an open tab, or a program, sends of a photo that this process does not have.
    headers = {"X-Forwarded-For": "203.0.113.78"}
    upload = httpx.post(
        f"{serving.url}/gradio_api/upload",
        files={"files": ("holiday-in-bonn.png", portrait.read_bytes())},
    ).json()[0]
    Path(upload).unlink()
    other = f"{tmp_path}/{scratch.PREFIX}99999-x/abc/holiday-in-paris.jpg"
    for payload, sentence in [
        (photo_payload(upload), "no longer here"),
        (photo_payload(other), "no longer here"),
        (photo_payload(str(Path(upload).with_name("holiday" + 5000 * "a"))), "no longer here"),
        ("holiday-in-kyiv", "does not fit"),
        ({"path": 5, "url": "holiday", "meta": {"_type": "gradio.FileData"}}, "does not fit"),
    ]:
        answer = call(serving.url, payload, headers)
        assert sentence in answer and "holiday" not in answer and str(tmp_path) not in answer
    answer = httpx.post(
        f"{serving.url}/gradio_api/call/v2/detect", json={"data": [photo_payload(other)]}
    )
    assert answer.status_code == 422 and "do not fit the endpoint" in answer.json()["detail"]
    serving.process.terminate()
    assert serving.process.wait(60) == 0
    log = serving.log.read_text()
    assert "Running on local URL" in log
    for secret in ("holiday", "203.0.113", "p_fake", "Fake", "real", "Traceback"):
        assert secret not in log


def test_the_pictures_are_this_users_only_and_gone_with_the_process(serving, portrait):
    files = {"files": ("photo.png", portrait.read_bytes())}
    httpx.post(f"{serving.url}/gradio_api/upload", files=files)
    (folder,) = serving.tmp.glob(f"{scratch.PREFIX}*")
    assert any(folder.rglob("*.png"))
    assert folder.stat().st_mode & 0o077 == 0
    serving.process.terminate()
    serving.process.wait(60)
    assert not folder.exists()
