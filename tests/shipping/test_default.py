"""The model that everybody downloads with the program."""

import re

from deepfake.settings import models_folder

MOST_BYTES = 25 * 2**20


def test_all_models_together_stay_small_enough_to_clone_and_deploy():
    sizes = {path: path.stat().st_size for path in models_folder().rglob("*") if path.is_file()}
    assert len(sizes) > 5 and sum(sizes.values()) <= MOST_BYTES


def test_its_card_names_the_limits_that_its_threshold_keeps(shipped):
    card = (models_folder() / "default" / "README.md").read_text()
    rule = re.search(
        r"at most (\d+) % of the real faces from elsewhere"
        r".*at most (\d+) % of any of their sources",
        card,
    )
    assert rule is not None
    all_reals, of_a_source = (int(limit) / 100 for limit in rule.groups())
    points = shipped.operating_points_elsewhere
    worst = points.worst_real_source.false_positive_rate
    (own,) = [p for p in points.points if p.threshold == shipped.threshold]
    assert own.false_positive_rate <= all_reals and worst <= of_a_source
    # No laxer limit is told than the one that it was chosen by.
    assert of_a_source - worst < 0.05
