import json
from dataclasses import fields

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request

from deepfake.detector import Detector
from deepfake.settings import Settings
from deepfake.shelf import Shelf
from deepfake.web import wording
from deepfake.web.analyse import Analyser
from deepfake.web.choices import Choices
from deepfake.web.view import PhotoView
from deepfake.web.visitors.admission import Admission
from tests.conftest import EXAMPLES


@pytest.fixture
def examples():
    return EXAMPLES


@pytest.fixture(scope="module")
def analyser():
    view = PhotoView(**{field.name: gr.State() for field in fields(PhotoView)})
    settings = Settings()
    return Analyser(Choices(Shelf(["default"], settings)), Admission(settings, {}), view)


@pytest.fixture
def row_of(analyser):
    """What a result has the browser keep."""
    return lambda shown: json.loads(shown[analyser.view.row][0])


def test_a_result_leaves_nothing_of_the_one_before(analyser, portrait, faceless, tmp_path):
    garbage = tmp_path / "garbage.jpg"
    garbage.write_bytes(b"garbage")
    everything = set(analyser.view.result)
    for photo in (portrait, faceless, garbage):
        assert set(analyser.analyse(str(photo), 0.5, None, "")) == everything
    assert set(analyser.analyse(None, 0.5, None, "")) == everything
    assert set(analyser.forget(0.5, None, "")) == everything


def test_a_picture_without_a_face_has_a_verdict_and_no_details(analyser, faceless, row_of):
    view = analyser.view
    shown = analyser.analyse(str(faceless), 0.5, None, "")
    assert "No face found" in shown[view.verdict]
    for part in (view.details, view.face, view.evidence, view.look):
        assert not shown[part]["visible"]
    assert shown[view.picture] == "" and row_of(shown)["verdict"] == "not_applicable"


def test_without_a_photo_all_is_as_at_the_start(analyser, portrait):
    view = analyser.view
    analyser.analyse(str(portrait), 0.5, None, "")
    shown = analyser.forget(0.5, None, "")
    assert wording.welcome() in shown[view.verdict]
    assert shown[view.session] is None and shown[view.picture] == "" and shown[view.row] is None
    assert not shown[view.details]["visible"]


def test_the_face_that_decides_is_chosen_and_comes_first(analyser, examples, tmp_path):
    def square(name):
        return np.asarray(Image.open(examples / name).convert("RGB").crop((0, 0, 512, 512)))

    both = tmp_path / "both.png"
    pair = [square("grace_hopper.jpg"), square("fake_swap_collins.jpg")]
    Image.fromarray(np.hstack(pair)).save(both)
    shown = analyser.analyse(str(both), 0.5, None, "")
    choice = shown[analyser.view.face]
    first, second = choice["choices"]
    faces = shown[analyser.view.session].report.faces
    assert {first[1], second[1]} == {0, 1} and choice["value"] == first[1]
    assert faces[first[1]].p_fake > faces[second[1]].p_fake
    assert first[0].startswith(f"Face {first[1] + 1} of 2, which decides: ")


def test_a_threshold_that_is_moved_meanwhile_decides(analyser, portrait, monkeypatch, row_of):
    visitor = gr.Request(Request({"type": "http", "headers": []}), session_hash="one")
    detect = Detector.detect
    view = analyser.view
    before = analyser.analyse(str(portrait), 0.5, None, "", visitor)[view.session]

    def moved_meanwhile(self, source, **options):
        analyser.decide_again(before, 0.9, 0, None, "", visitor)
        return detect(self, source, **options)

    monkeypatch.setattr(Detector, "detect", moved_meanwhile)
    shown = analyser.analyse(str(portrait), 0.5, None, "", visitor)
    assert shown[view.session].report.threshold == row_of(shown)["threshold"] == 0.9


def test_where_there_is_no_face_to_choose_nothing_changes(analyser, portrait):
    session = analyser.analyse(str(portrait), 0.5, None, "")[analyser.view.session]
    for changes in (
        analyser.choose_face(session, 7, ""),
        analyser.choose_face(None, 0, ""),
        analyser.look(None, 0, ""),
        # Of a photo that the browser does not show any more.
        analyser.choose_face(session, 0, "another"),
        analyser.look(session, 0, "another"),
    ):
        assert changes == gr.skip()
    # No result is shown: nothing has gone.
    assert analyser.save(session, "another") == analyser.save(None, "") == gr.skip()
    assert set(analyser.decide_again(None, 0.1, 0, None, "")) == {analyser.view.meaning}
    assert set(analyser.decide_again(session, 0.1, 0, None, "another")) == {analyser.view.meaning}


@pytest.mark.parametrize("act", ["decide_again", "choose_face", "look", "save"])
def test_whoever_uses_a_result_that_has_gone_is_told_so(analyser, act):
    view = analyser.view
    arguments = {
        "decide_again": (0.3, 0, None), "choose_face": (0,), "look": (0,), "save": (),
    }[act]  # fmt: skip
    shown = getattr(analyser, act)(None, *arguments, "1-2-3")
    assert "The result is no longer here" in shown[view.verdict]
    assert "Try again" in shown[view.verdict] and 'data-ticket="1-2-3"' in shown[view.verdict]
    assert not shown[view.details]["visible"]
