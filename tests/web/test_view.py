from dataclasses import fields

import gradio as gr
import pytest

from deepfake.settings import Settings
from deepfake.shelf import Shelf
from deepfake.web import wording
from deepfake.web.analyse import Analyser
from deepfake.web.choices import Choices
from deepfake.web.view import PhotoView
from deepfake.web.visitors.admission import Admission


@pytest.fixture(scope="module")
def analyser():
    view = PhotoView(**{field.name: gr.State() for field in fields(PhotoView)})
    settings = Settings()
    return Analyser(Choices(Shelf(["default"], settings)), Admission(settings, {}), view)


def test_a_result_leaves_nothing_of_the_one_before(analyser, portrait, faceless, tmp_path):
    garbage = tmp_path / "garbage.jpg"
    garbage.write_bytes(b"garbage")
    everything = set(analyser.view.result)
    for photo in (portrait, faceless, garbage):
        assert set(analyser.analyse(str(photo), 0.5, None, "")) == everything
    assert set(analyser.analyse(None, 0.5, None, "")) == everything
    assert set(analyser.forget(0.5, None, "")) == everything


def test_a_picture_without_a_face_has_a_verdict_but_neither_bars_nor_evidence(analyser, faceless):
    view = analyser.view
    shown = analyser.analyse(str(faceless), 0.5, None, "")
    assert "No face found" in shown[view.verdict]
    for part in (view.bars, view.face, view.evidence, view.look):
        assert not shown[part]["visible"]
    assert shown[view.details]["visible"] and shown[view.row]["verdict"] == "not_applicable"


def test_without_a_photo_all_is_as_at_the_start(analyser, portrait):
    view = analyser.view
    analyser.analyse(str(portrait), 0.5, None, "")
    shown = analyser.forget(0.5, None, "")
    assert wording.WELCOME in shown[view.verdict] and "real faces" in shown[view.meaning]
    assert shown[view.session] is None and shown[view.picture] is None and shown[view.row] is None
    assert not shown[view.details]["visible"]


def test_where_there_is_no_face_to_choose_nothing_changes(analyser, portrait):
    session = analyser.analyse(str(portrait), 0.5, None, "")[analyser.view.session]
    event = gr.SelectData(None, {"index": [1, 1], "value": None})
    for changes in (
        analyser.click_picture(session, "", event),
        analyser.choose_face(session, 7, ""),
        analyser.choose_face(None, 0, ""),
        analyser.look(None, 0, ""),
        # Of a photo that the browser does not show any more.
        analyser.choose_face(session, 0, "another"),
        analyser.look(session, 0, "another"),
    ):
        assert changes == gr.skip()
    assert set(analyser.decide_again(session, 0.1, 0, None, "another")) == {analyser.view.meaning}
