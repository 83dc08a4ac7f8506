import threading
from dataclasses import fields
from pathlib import Path

import gradio as gr
import pytest
from filelock import FileLock

from deepfake import progress, provenance
from deepfake.detector import Detector
from deepfake.errors import ModelError
from deepfake.modelstore.compiling import compiled, conversion
from deepfake.settings import Settings
from deepfake.shelf import Shelf
from deepfake.web import time_limit
from deepfake.web.analyse import Analyser
from deepfake.web.choices import Choices
from deepfake.web.compare import Comparer
from deepfake.web.endpoints import Endpoints
from deepfake.web.page import build_page
from deepfake.web.uploads import Uploads
from deepfake.web.view import ComparisonView, PhotoView
from deepfake.web.visitors.admission import Admission
from tests.modelstore.conversion_files import keras_files
from tests.web.redis_server import wait_until


@pytest.fixture
def choices(tmp_path, monkeypatch):
    """Of a model of Keras, whose conversion ends before it begins, as that takes long."""

    def refuse(*_, **__):
        raise ModelError("It was killed.")

    monkeypatch.setattr(conversion, "in_sandbox", refuse)
    settings = Settings(cache=str(tmp_path))
    return Choices(Shelf(["default", str(keras_files() / "plain.h5")], settings))


def view_of(kind):
    return kind(**{field.name: gr.State() for field in fields(kind)})


@pytest.mark.tensorflow
def test_a_visitor_is_told_why_a_model_takes_long(choices, portrait):
    told = []
    compiling = "Compiling plain.h5 to LiteRT, once. This can take a minute."

    def progress(_, desc, **__):
        told.append(desc)

    admission = Admission(choices.shelf.settings, {})
    Analyser(choices, admission, view_of(PhotoView)).choose_model("plain.h5", "", None, progress)
    assert told == ["Loading the model", compiling]
    # It is not tried again for half a minute.
    choices.shelf._failures.clear()
    Comparer(choices, admission, view_of(ComparisonView)).show(
        str(portrait), ["plain.h5"], "", None, progress
    )
    assert told[2:] == ["Asking plain.h5", compiling]


def test_a_model_that_takes_long_takes_no_place_of_an_analysis(tmp_path):
    settings = Settings(cache=str(tmp_path / "cache"))
    page = build_page(settings, tmp_path, ["default"])
    places = {}
    for event in page.blocks.fns.values():
        places.setdefault(event.concurrency_id, set()).add(event.name)
    assert {"analyse", "analyse_again", "look"} <= places["analyse"]
    assert places["load"] == {"choose_model"}


def test_the_page_starts_though_a_model_of_the_operator_cannot_be_compiled(tmp_path, capsys):
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    settings = Settings(cache=str(tmp_path / "cache"))
    build_page(settings, tmp_path, ["default", str(damaged)])
    assert capsys.readouterr().err.startswith(f"deepfake: {damaged}: ")


@pytest.mark.tensorflow
def test_a_program_is_not_kept_waiting_for_a_model_of_another(
    choices, portrait, monkeypatch, tmp_path
):
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.01)
    settings = choices.shelf.settings
    lock = Path(settings.cache) / compiled.FOLDER / compiled.LOCK_FILE
    lock.parent.mkdir()
    admission = Admission(settings, {})
    endpoints = Endpoints(choices, admission, Uploads(tmp_path, 1, 1, admission))
    with FileLock(lock), pytest.raises(ModelError, match="Try again in a minute"):
        endpoints.predict(str(portrait), None, "plain.h5")


@pytest.fixture
def analyser():
    settings = Settings()
    return Analyser(
        Choices(Shelf(["default"], settings)), Admission(settings, {}), view_of(PhotoView)
    )


def analysed(analyser, photo, threshold):
    """What the analysis of a photo changes, by the field of the view."""
    changes = analyser.analyse(str(photo), threshold, None, "a photo", None, lambda *_, **__: None)
    return {
        field.name: changes.get(getattr(analyser.view, field.name)) for field in fields(PhotoView)
    }


def test_what_a_file_says_is_read_while_the_face_is_looked_at(
    analyser, portrait, shipped, monkeypatch
):
    # Each waits for the other.
    looks, reads = threading.Event(), threading.Event()
    detect, read = Detector.detect, provenance.read

    def looking(*arguments, **options):
        looks.set()
        assert reads.wait(20)
        return detect(*arguments, **options)

    def reading(*arguments):
        reads.set()
        assert looks.wait(20)
        return read(*arguments)

    monkeypatch.setattr(Detector, "detect", looking)
    monkeypatch.setattr(provenance, "read", reading)
    report = analysed(analyser, portrait, shipped.threshold)["session"].report
    assert report.verdict == "real" and report.provenance is not None


def test_a_photo_that_cannot_be_read_waits_for_nothing_else(
    analyser, shipped, tmp_path, monkeypatch
):
    damaged, go_on = tmp_path / "damaged.png", threading.Event()
    damaged.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    monkeypatch.setattr(provenance, "read", lambda *_: go_on.wait(60))
    assert analysed(analyser, damaged, shipped.threshold)["session"] is None
    # What still runs is known to the operator (health.py), until it ends.
    assert time_limit.overdue() == 1
    go_on.set()
    wait_until(lambda: not time_limit.overdue(), what="the end of what is overdue")
