"""What the Dockerfile makes."""

import re
import subprocess

from gradio_client import Client, handle_file

from tests.hosting.conftest import INSTRUCTIONS, LAST_STAGE, ROOT, is_sent
from tests.programs import free_port


def test_the_image_has_no_more_than_is_needed(container):
    names = {path.relative_to(container.image).as_posix() for path in container.before}
    assert {"app.py", "LICENSE", "models/default/model.tflite", "examples/coffee.png"} <= names
    assert not {name for name in names if "__pycache__" in name or name.endswith(".keras")}
    sent = {
        file.relative_to(ROOT).as_posix()
        for folder in ("", "deepfake", "models", "examples")
        for file in (ROOT / folder).glob("**/*" if folder else "*")
        if file.is_file() and is_sent(file.relative_to(ROOT).as_posix())
    }
    assert sent == {n for n in names if (container.image / n).is_file()} | {"requirements.lock"}


def test_the_container_judges_a_photo_and_finds_itself_healthy(container, portrait):
    report = Client(container.url, verbose=False).predict(handle_file(portrait), api_name="/detect")
    assert report["verdict"] == "real"
    result = subprocess.run(
        container.health, cwd=container.image, env=container.environment, capture_output=True
    )
    assert result.returncode == 0, result.stderr.decode().splitlines()[-1]


def test_the_health_check_notices_a_page_that_is_not_there(container):
    environment = {**container.environment, "PORT": str(free_port())}
    result = subprocess.run(
        container.health, cwd=container.image, env=environment, capture_output=True
    )
    assert result.returncode != 0


def test_the_page_starts_without_tensorflow_and_writes_nothing_beside_itself(container):
    imported = re.findall(r"\|\s+([\w.]+)$", container.log.read_text(), flags=re.MULTILINE)
    assert "gradio" in imported and "ai_edge_litert" in imported
    heavy = {"tensorflow", "keras", "torch", "onnxruntime", "sklearn", "cv2"}
    assert not heavy & {name.split(".")[0] for name in imported}
    assert sorted(container.image.rglob("*")) == container.before


def test_it_does_not_run_as_root_and_keeps_no_installer():
    words = dict(LAST_STAGE)
    assert words["USER"] not in ("root", "0")
    (install,) = [
        arguments for word, arguments in INSTRUCTIONS if word == "RUN" and "pip" in arguments
    ]
    assert "--without-pip" in install and "--only-binary=:all:" in install
    assert "--require-hashes" in install and "requirements.lock" in install
    assert not any(word == "RUN" and "apt" in arguments for word, arguments in INSTRUCTIONS)
