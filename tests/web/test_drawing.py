import numpy as np
import pytest

from deepfake.report import FaceReport
from deepfake.web import drawing


def face(box, p_fake=0.5, verdict="uncertain"):
    return FaceReport(box, 0.9, np.zeros((6, 2)), p_fake, verdict)


FACES = [face((10, 10, 60, 60)), face((20, 20, 40, 40)), face((200, 200, 260, 260))]


@pytest.mark.parametrize(
    ("point", "expected"),
    [((12, 12), 0), ((30, 30), 1), ((230, 230), 2), ((150, 150), None)],
)
def test_a_click_finds_the_innermost_face(point, expected):
    assert drawing.face_at(*point, 1.0, FACES) == expected
    assert drawing.face_at(point[0] / 2, point[1] / 2, 0.5, FACES) == expected


def test_boxes_are_drawn_where_the_faces_are():
    blank = np.full((300, 300, 3), 128, np.uint8)
    marked = drawing.mark_faces(blank, 1.0, FACES[2:])
    changed = np.argwhere((marked != blank).any(axis=2))
    # Above the box is the tag; below it and left of the tag nothing may change.
    assert changed[:, 0].max() <= 262
    assert changed[:, 0].min() >= 160
    assert (marked[230, 230] == 128).all()
    assert (marked[200:260, 200:205] != 128).any()


@pytest.mark.parametrize("box", [(0, 10, 1, 60), (299, 299, 300, 300), (5, 5, 5, 5)])
@pytest.mark.parametrize("share", [1.0, 0.16])
def test_thin_boxes_are_drawn(box, share):
    drawing.mark_faces(np.zeros((300, 300, 3), np.uint8), share, [face(box)])


@pytest.mark.parametrize("size", [(40, 4000), (4000, 40), (3000, 3000), (1, 1)])
def test_large_pictures_are_shown_smaller(size):
    shown, share = drawing.shrink(np.zeros((*size, 3), np.uint8))
    assert max(shown.shape) <= drawing.SHOWN_SIDE
    assert shown.shape[0] == pytest.approx(max(1, size[0] * share), abs=1)


def test_tags_say_number_verdict_and_score():
    assert drawing.tag(2, face((0, 0, 9, 9), 0.874, "fake")) == "2: fake, 87 % likely fake"
    assert drawing.tag(1, face((0, 0, 9, 9), None, "not_applicable")) == "1: not judged"
