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
