from dataclasses import replace

import numpy as np
import pytest

from deepfake import imaging
from deepfake.comparison import Comparison, Row, combine, compare, explain
from deepfake.errors import SettingError
from deepfake.settings import Settings
from deepfake.shelf import Shelf
from deepfake.verdict import operating_point
from tests import default_model

FILE = default_model.FOLDER / "model.tflite"


@pytest.fixture
def settings():
    return Settings()


@pytest.fixture(scope="session")
def report(detector, other_portrait):
    return detector.detect(other_portrait)


def saying(report, p_fake, threshold=0.5, band=(0.4, 0.6), weight=1.0):
    """The Report as if the model had said something else."""
    manifest = report.manifest.model_copy(
        update={"threshold": threshold, "uncertain_band": band, "ensemble_weight": weight}
    )
    faces = tuple(replace(face, p_fake=p_fake) for face in report.faces)
    return replace(report, manifest=manifest, faces=faces, p_fake=p_fake).at(threshold)


def comparison(*reports):
    rows = tuple(Row(name, name, report) for name, report in zip("ABCD", reports, strict=False))
    return Comparison("", 1, 1, "PNG", 1, "", rows, None)


def test_models_side_by_side_score_as_they_do_alone(
    detector, make_model, portrait, other_portrait, settings
):
    strict = str(make_model("strict", threshold=0.0, uncertain_band=[0.0, 0.0]))
    shelf = Shelf(("default", strict), settings)
    result = compare(imaging.read(other_portrait), shelf.names, shelf)
    alone = detector.detect(other_portrait)
    default, other = result.rows
    assert default.report.p_fake == pytest.approx(alone.p_fake, abs=1e-9)
    assert default.report.verdict == alone.verdict
    assert other.report.verdict == "fake" and other.report.threshold == 0.0
    assert default.title == default_model.TITLE and default.report.model["backend"] == "LiteRT"
    assert default.file_bytes == FILE.stat().st_size and default.milliseconds > 0
    assert "reals called fake" in default.error_rate
    assert result.ensemble.threshold == pytest.approx(alone.threshold / 2)


def test_a_broken_model_has_its_sentence_in_its_row(broken_model, portrait, settings):
    shelf = Shelf(("default", str(broken_model)), settings)
    result = compare(imaging.read(portrait), shelf.names, shelf)
    good, bad = result.rows
    assert good.report.verdict == "real" and bad.report is None
    assert "not the file that its manifest describes" in str(bad.error)
    # One answer is no ensemble.
    assert result.ensemble is None
    document = result.to_dict()
    assert str(broken_model) in str(bad.error)
    assert result.to_dict(public=True)["models"][1]["error"].startswith("model.tflite is not")
    assert document["models"][1]["error"] == str(bad.error) and document["ensemble"] is None


@pytest.mark.slow
def test_maps_are_worked_out_for_the_models_that_bring_none(make_model, portrait, settings):
    plain = make_model("plain", output={"score": "logit", "kind": "logit", "evidence": None})
    shelf = Shelf(("default", str(plain)), settings)
    result = compare(imaging.read(portrait), shelf.names, shelf)
    assert [row.lacks_map for row in result.rows] == [False, True]
    said = []
    explained = explain(result, shelf, progress=lambda done, title: said.append((done, title)))
    assert said == [(0, "plain 1.0")]
    assert not any(row.lacks_map or row.map_error for row in explained.rows)
    assert explained.rows[0] is result.rows[0]
    own = shelf.detector(str(plain)).explain(result.rows[1].face)
    np.testing.assert_allclose(explained.rows[1].face.evidence, own)
    # Verdicts and scores stay.
    assert explained.to_dict() == result.to_dict()


@pytest.mark.slow
def test_a_model_that_fails_at_its_map_keeps_its_verdict(make_model, portrait, settings):
    output = {"score": "logit", "kind": "logit", "evidence": None}
    plain, other = (str(make_model(name, output=output)) for name in ("plain", "other"))
    shelf = Shelf((plain, other), settings)
    result = compare(imaging.read(portrait), shelf.names, shelf)

    def fail(_batch):
        raise RuntimeError("out of memory")

    shelf.detector(plain).model.backend.scores = fail
    bad, good = explain(result, shelf).rows
    assert "plain does not run as it should (RuntimeError: out of memory)" in str(bad.map_error)
    assert bad.report == result.rows[0].report and bad.lacks_map
    assert not good.lacks_map and not good.map_error


def test_an_error_rate_that_was_not_measured_is_not_made_up(report):
    unmeasured = {"operating_points": None, "operating_points_elsewhere": None}
    row = Row("x", "x", replace(report, manifest=report.manifest.model_copy(update=unmeasured)))
    assert row.error_rate == "not measured" and row.to_dict()["operating_point"] is None


def test_the_error_rates_are_of_sources_that_the_training_was_without(report):
    manifest = report.manifest
    point = operating_point(manifest, report.threshold, elsewhere=True)
    assert (
        point.false_positive_rate != operating_point(manifest, report.threshold).false_positive_rate
    )
    row = Row("x", "x", report)
    assert row.operating_point == point
    assert f"{100 * point.false_positive_rate:.1f} % of reals called fake" in row.error_rate


def test_no_face_is_no_verdict_of_anybody(faceless, make_model, settings):
    shelf = Shelf(("default", str(make_model("other"))), settings)
    result = compare(imaging.read(faceless), shelf.names, shelf)
    assert result.ensemble.verdict == "not_applicable" and result.ensemble.p_fake is None
    assert "No face found" in result.sentence


def test_one_threshold_for_all(make_model, portrait, settings):
    shelf = Shelf(("default", str(make_model("other"))), settings)
    result = compare(imaging.read(portrait), shelf.names, shelf, threshold=0.0)
    assert {row.report.verdict for row in result.rows} == {"fake"}
    assert result.ensemble.verdict == "fake"
    with pytest.raises(SettingError, match="between 0 and 1"):
        compare(imaging.read(portrait), shelf.names, shelf, threshold=2.0)


def test_the_ensemble_weighs_as_the_manifests_say(report):
    together = combine([saying(report, 0.9, weight=3.0), saying(report, 0.1, weight=1.0)])
    assert together.p_fake == pytest.approx(0.7) and together.verdict == "fake"
    assert together.to_dict()["operating_point"] is None


@pytest.mark.parametrize("p_fake", [0.03, 0.1, 1 / 3, 0.7])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_where_all_models_agree_the_ensemble_does(report, p_fake, count):
    said = [saying(report, p_fake, p_fake, (p_fake, p_fake), 1 / 3 + i) for i in range(count)]
    assert {one.verdict for one in said} == {"fake"}
    assert combine(said).verdict == "fake"


def test_the_ensemble_averages_face_by_face(report):
    def two_faces(first, second):
        one = saying(report, max(first, second))
        faces = tuple(replace(report.faces[0], p_fake=p) for p in (first, second))
        return replace(one, faces=faces)

    # The models take different faces for fake: together none is.
    together = combine([two_faces(0.9, 0.1), two_faces(0.1, 0.9)])
    assert together.p_faces == pytest.approx((0.5, 0.5))
    assert together.verdict == "uncertain"


@pytest.mark.parametrize(
    ("p_fakes", "expected"),
    [
        ((0.9, 0.9), "Both models call it fake."),
        ((0.1, 0.1, 0.1), "All three models call it real."),
        (
            (0.9, 0.1, 0.8),
            "Two of three models call it fake. They disagree: A and C call it fake; B calls it "
            "real. Their scores go from 10 % to 90 %.",
        ),
        (
            (0.1, 0.5, 0.1),
            "Two of three models call it real; B finds it too close to call. Their scores go from "
            "10 % to 50 %.",
        ),
        ((0.5, 0.5), "Both models find it too close to call."),
        ((0.9,), "Only one model judged the picture: it calls it fake."),
    ],
)
def test_disagreement_is_said_in_words(report, p_fakes, expected):
    assert comparison(*(saying(report, p) for p in p_fakes)).sentence == expected
