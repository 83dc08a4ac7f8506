import os
import subprocess
import sys
import time
from pathlib import Path

from gradio_client import Client, handle_file

from deepfake.web import scratch


def files_in_scratch():
    return [path for path in Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*") if path.is_file()]


def test_no_picture_gets_older_than_an_hour():
    assert scratch.SWEEP_SECONDS + scratch.MAX_AGE_SECONDS <= 3600


def test_uploads_are_deleted_by_that_schedule(served, portrait, tmp_path):
    from gradio.route_utils import delete_files_created_by_app

    upload = tmp_path / "visitor.png"
    upload.write_bytes(portrait.read_bytes() + b"\0")
    Client(served.url, verbose=False).predict(handle_file(upload), api_name="/detect")
    assert any(path.name == "visitor.png" for path in files_in_scratch())
    time.sleep(0.05)
    delete_files_created_by_app(served.blocks, age=0)
    assert not any(path.name == "visitor.png" for path in files_in_scratch())


def test_uploads_that_broke_off_are_swept_and_examples_stay(tmp_path):
    broken, fresh, example = tmp_path / "tmpabc", tmp_path / "fresh.png", tmp_path / "a" / "ex.png"
    example.parent.mkdir()
    for path in (broken, fresh, example):
        path.write_bytes(b"x")
    for path in (broken, example):
        os.utime(path, (0, 0))
    scratch.sweep(tmp_path, {str(example)}, scratch.MAX_AGE_SECONDS)
    assert (broken.exists(), fresh.exists(), example.exists()) == (False, True, True)


def test_history_and_analytics_of_gradio_are_off(served):
    assert served.blocks.analytics_enabled is False
    config = served.blocks.get_config_file()
    assert not config.get("run_history")


def test_the_scratch_folder_goes_with_the_process(tmp_path):
    code = "import deepfake.web, os; print(os.environ['GRADIO_TEMP_DIR'])"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("GRADIO_TEMP_DIR", None)
    left_over = tmp_path / "deepfake-web-999999999-x"
    left_over.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    folder = Path(result.stdout.strip())
    assert folder.parent == tmp_path
    assert not folder.exists() and not left_over.exists()
