from dataclasses import replace

import pytest

from deepfake import imaging
from deepfake.manifest import ErrorRates
from deepfake.provenance.facts import Credentials, Generator, Provenance
from deepfake.report import Experts
from deepfake.web import wording
from tests.web.measured import elsewhere


@pytest.fixture(scope="module")
def report(detector, portrait):
    """Of one real face, by a model that was measured elsewhere."""
    found = detector.detect(portrait)
    return replace(found, manifest=elsewhere(found.manifest)).at(0.65)


def scored(report, *scores, threshold=0.65):
    """The same with faces of these scores."""
    faces = tuple(replace(report.faces[0], p_fake=score) for score in scores)
    return replace(report, faces=faces, p_fake=max(scores)).at(threshold)


def test_text_from_outside_is_escaped(report):
    assert "<script>" not in wording.error_panel("<script>alert(1)</script>")
    face = replace(report.faces[0], reasons=("<script>",))
    assert "<script>" not in wording.verdict_panel(replace(report, faces=(face,)))


@pytest.mark.parametrize(
    ("score", "heading", "caveat"),
    [
        (0.97, "Signs of manipulation found", "Do not accuse anyone"),
        (0.3, "Uncertain: the model cannot tell", "nothing for or against"),
        # 0.9 of the fakes lie above the band, so 10 of 100 do not.
        (0.02, "No signs of manipulation found", "of 100 fakes from elsewhere, 10 got this same"),
    ],
)
def test_each_verdict_comes_with_counts_from_elsewhere_and_its_caveat(
    report, score, heading, caveat
):
    panel = wording.verdict_panel(scored(report, score))
    assert heading in panel and caveat in panel
    assert "of 100 real faces the model called 8 fake; of 100 fakes it found 61." in panel
    # Those of the training's own sources are not here.
    assert "950" not in panel


@pytest.mark.parametrize(
    ("score", "threshold", "word"),
    [
        (0.02, 0.65, "no signs"), (0.3, 0.65, "uncertain"), (0.97, 0.65, "signs found"),
        # However narrow its part of the bar is.
        (0.99, 0.98, "signs found"),
    ],
)  # fmt: skip
def test_the_bar_names_the_part_that_the_verdict_stands_in(report, score, threshold, word):
    panel = wording.verdict_panel(scored(report, score, threshold=threshold))
    assert f"<span class=own>{word}</span>" in panel and panel.count("class=own") == 1


def test_what_the_file_says_otherwise_stands_with_the_verdict(report):
    left = Generator("Stable Diffusion web UI", "Steps: 20")
    told = replace(report, provenance=Provenance(Credentials("absent"), generators=(left,)))
    before, _, after = wording.verdict_panel(scored(told, 0.02)).partition('<div class="bar"')
    assert "Does not fit:" in before and "The file says that AI made or changed" in before
    assert "Does not fit" not in after
    # Where both say the same, nothing contradicts.
    assert "Does not fit" not in wording.verdict_panel(scored(told, 0.97))
    assert "Does not fit" not in wording.verdict_panel(scored(report, 0.02))


def test_what_the_signs_look_like_is_said_where_the_network_can_tell(report):
    found = scored(report, 0.97)
    face = replace(found.faces[0], experts=None)
    assert "looks like" not in wording.verdict_panel(replace(found, faces=(face,)))
    face = replace(face, experts=Experts(seams=4.0, synthesis=-2.0))
    panel = wording.verdict_panel(replace(found, faces=(face,)))
    assert "put into another photo" in panel and "generated" not in panel


def test_nothing_is_told_where_nothing_was_measured(detector, portrait):
    found = detector.detect(portrait)
    bare = found.manifest.model_copy(
        update={"operating_points": None, "operating_points_elsewhere": None}
    )
    panel = wording.verdict_panel(replace(found, manifest=bare))
    assert "never measured" in panel and "of 100" not in panel


@pytest.mark.parametrize(
    ("faces", "threshold", "said"),
    [
        # At 0.9, to which the threshold of a group rises, one real face of 100 is called fake.
        (3, 0.65, "stays about as likely as with one face: about 3 of 100 photos"),
        # There are no higher figures: of twelve such faces one is called fake more often than 8 %.
        (12, 0.65, "more likely than with one: about 11 of 100 photos"),
        (3, 0.97, "more likely than with one: about 3 of 100 photos"),
        # All are called fake, or none: no threshold of a group is asked for.
        (3, 0.0, None),
    ],
)
def test_several_faces_are_told_their_chance_of_a_false_alarm(report, faces, threshold, said):
    panel = wording.verdict_panel(scored(report, *[0.95] * faces, threshold=threshold))
    assert "of 100 real faces the model called" in panel
    assert ("Faces judged: " in panel) == (said is not None) and (said or "") in panel


def test_no_face_is_called_real_for_a_threshold_of_ones_own(report):
    moved = scored(report, 0.6, 0.2, threshold=0.97)
    assert [face.verdict for face in moved.faces] == ["real", "real"]
    assert wording.face_name(moved, 0).endswith("decides: not called fake, 60 % likely fake")
    own = scored(report, 0.05, 0.02)
    assert wording.face_name(own, 1).endswith("of 2: real, 2 % likely fake")


@pytest.mark.parametrize(
    ("score", "threshold", "heading"),
    [(0.7, 1.0, "Not called fake at the threshold"), (0.01, 0.0, "Called fake at the threshold")],
)
def test_a_threshold_of_ones_own_contradicts_no_score(report, score, threshold, heading):
    panel = wording.verdict_panel(scored(report, score, threshold=threshold))
    assert heading in panel and "At the model’s own threshold: " in panel
    assert panel.count("igns of manipulation found") == 1


def test_what_weakens_a_verdict_is_said_beside_it(report):
    face = replace(report.faces[0], reasons=("dark", "turned"))
    panel = wording.verdict_panel(replace(report, faces=(face,)))
    assert "The face is dark" in panel and "The face is turned" in panel


def test_how_often_the_model_errs_on_such_faces_is_said_with_the_reason(report):
    face = replace(report.faces[0], reasons=("dark", "turned"))
    rates = ErrorRates(false_positive_rate=0.04, true_positive_rate=0.22, reals=60, fakes=70)
    manifest = report.manifest.model_copy(update={"reason_error_rates": {"dark": rates}})
    report = replace(report, faces=(face,), manifest=manifest)
    panel = wording.verdict_panel(report)
    said = "Of 100 such real faces from elsewhere the model called 4 fake; of 100 such fakes it"
    assert panel.count(said) == panel.count("Of 100 such") == 1
    assert report.to_dict()["reason_error_rates"]["dark"]["reals"] == 60
    moved = report.at(report.threshold / 2)
    assert moved.reason_error_rates == {} and "Of 100 such" not in wording.verdict_panel(moved)


def test_a_picture_without_a_face_has_no_score(detector, faceless):
    found = detector.detect(faceless)
    assert found.whole_picture_p_fake is not None
    panel = wording.verdict_panel(found)
    assert "No face found" in panel and "%" not in panel and "of 100" not in panel


def test_a_face_that_was_not_judged_has_a_remedy(report):
    face = replace(report.faces[0], p_fake=None, verdict="not_applicable", reasons=("small",))
    panel = wording.verdict_panel(
        replace(report, faces=(face,), p_fake=None, verdict="not_applicable")
    )
    assert "too small to judge" in panel and "original size" in panel and "%" not in panel


def test_notes_on_the_file_are_shown(detector, portrait):
    picture = imaging.read(portrait.read_bytes() + b"PK\x03\x04 more")
    assert "after the picture" in wording.verdict_panel(detector.detect(picture))


def test_a_changed_face_has_a_line_for_each_change(report):
    assert wording.strip(report.faces[0]) == "" or "<li>" in wording.strip(report.faces[0])
    assert wording.strip(None) == ""
