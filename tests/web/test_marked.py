import re
from dataclasses import replace

from deepfake.web.marked import marked


def test_boxes_lie_where_the_faces_are(detector, portrait, faceless):
    report = detector.detect(portrait)
    face = replace(report.faces[0], box=(128, 256, 256, 384))
    html = marked(b"jpeg", replace(report, faces=(face,)), 0)
    assert "left:25.00%;top:50.00%;width:25.00%;height:25.00%" in html
    # One face needs no number.
    assert "<b>" not in html
    html = marked(b"jpeg", replace(report, faces=(face, face)), 1)
    assert re.findall(r"<b>(\d)</b>", html) == ["1", "2"] and html.count("chosen") == 1
    assert marked(b"jpeg", detector.detect(faceless), 0) == ""
