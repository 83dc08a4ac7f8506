import pytest

from deepfake import imaging
from deepfake.web import wording


def test_text_from_outside_is_escaped():
    assert "<script>" not in wording.error_panel("<script>alert(1)</script>")


def test_the_measured_error_rate_of_the_threshold_is_told(detector):
    manifest = detector.model.manifest
    point = manifest.operating_points.points[30]
    text = wording.meaning(manifest, point.threshold)
    assert f"{100 * point.false_positive_rate:.1f} %" in text
    assert f"{100 * point.true_positive_rate:.1f} %" in text


def test_nothing_is_told_where_nothing_was_measured(detector):
    manifest = detector.model.manifest.model_copy(update={"operating_points": None})
    assert "not measured" in wording.meaning(manifest, 0.5)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.0, "Signs of manipulation found"), (1.0, "No signs of manipulation found")],
)
def test_the_panel_says_the_verdict_in_words(detector, portrait, threshold, expected):
    panel = wording.verdict_panel(detector.detect(portrait).at(threshold))
    assert expected in panel


def test_notes_on_the_file_are_shown(detector, portrait):
    picture = imaging.read(portrait.read_bytes() + b"PK\x03\x04 more")
    assert "after the picture" in wording.verdict_panel(detector.detect(picture))
