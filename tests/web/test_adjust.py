from dataclasses import replace

import pytest

from deepfake.web.adjust import meaning
from deepfake.web.worth import presets
from tests.web.measured import elsewhere


@pytest.fixture(scope="module")
def manifest(detector):
    return elsewhere(detector.model.manifest)


def test_ready_made_choices_keep_what_they_promise(manifest):
    # At most 1 of 100 real faces called fake; at least 90 of 100 fakes found.
    assert presets(manifest) == {"balanced": 0.65, "few_alarms": 0.9, "few_misses": 0.49}
    text = meaning(manifest, 0.9)
    assert 'data-threshold="0.90" aria-pressed="true"' in text
    assert text.count('aria-pressed="true"') == 1


def test_figures_from_elsewhere_come_first_and_the_others_under_details(manifest):
    front, details = meaning(manifest, 0.65).split("<details")
    assert "8 of 100 real faces, and 61 of 100 fakes" in front
    # Of 100 fakes 61 are found; of 900 reals 72 are called fake.
    assert "About 133 of the 1,000 would be called fake" in front
    assert "950" not in front and "950" in details
    assert "studio" in details and "12" in details


def test_with_several_faces_the_figures_are_those_of_what_is_asked_of_them(
    manifest, detector, portrait
):
    found = replace(detector.detect(portrait), manifest=manifest)
    group = replace(found, faces=found.faces * 3).at(0.65)
    text = meaning(manifest, 0.65, group)
    # As the panel says: the group's threshold is 0.9.
    assert "Called fake from 90 % on: 1 of 100 real faces, and 30 of 100 fakes" in text
    assert "more is needed to call the photo fake" in text and "and 90 % the answer is" in text
    alone = meaning(manifest, 0.65, found.at(0.65))
    assert "Called fake from 65 % on: 8 of" in alone and "more is needed" not in alone


def test_a_threshold_is_written_in_one_way(manifest):
    text = meaning(manifest, 0.9)
    assert "From elsewhere, at 90 %" in text and "0.9 " not in text and "0.90:" not in text


def test_counts_of_a_thousand_are_written_as_in_the_question(manifest):
    assert "About 1,000 of the 1,000" in meaning(manifest, 0.0)


def test_a_model_that_was_not_measured_shows_no_figures(manifest):
    bare = manifest.model_copy(
        update={"operating_points": None, "operating_points_elsewhere": None}
    )
    text = meaning(bare, 0.5)
    assert "never measured" in text and "<svg" not in text and "of 100" not in text
    assert list(presets(bare)) == ["balanced"]


def test_where_no_threshold_was_measured_nothing_is_guessed(manifest):
    # Nothing was at 1.
    text = meaning(manifest, 1.0)
    assert "at this threshold was not measured" in text and 'class="dot"' not in text
