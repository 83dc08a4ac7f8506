from dataclasses import fields

import gradio as gr
import pytest

from deepfake.errors import ModelError
from deepfake.modelstore.compiling import conversion
from deepfake.settings import Settings
from deepfake.shelf import Shelf
from deepfake.web.analyse import Analyser
from deepfake.web.choices import Choices
from deepfake.web.compare import Comparer
from deepfake.web.view import ComparisonView, PhotoView
from deepfake.web.visitors.admission import Admission
from tests.modelstore.conversion_files import keras_files


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
    Analyser(choices, admission, view_of(PhotoView)).choose_model("plain.h5", None, progress)
    assert told == ["Loading the model", compiling]
    # It is not tried again for half a minute.
    choices.shelf._failures.clear()
    Comparer(choices, admission, view_of(ComparisonView)).show(
        str(portrait), ["plain.h5"], None, progress
    )
    assert told[2:] == ["Asking plain.h5", compiling]
