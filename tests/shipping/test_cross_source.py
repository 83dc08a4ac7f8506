from dataclasses import replace
from pathlib import Path

import pytest

from deepfake import Detector
from deepfake.datasets.samples import Sample
from deepfake.errors import TrainingError
from deepfake.settings import Settings
from deepfake.shipping import cross_source
from tests.conftest import EXAMPLES


def sample(name, label, split, source):
    return Sample(EXAMPLES / name, label, split, source)


SAMPLES = [
    sample("eileen_collins.png", 0, "test", "nasa"),
    sample("grace_hopper.jpg", 0, "train", "navy"),
    sample("fake_swap_collins.jpg", 1, "train", "swap_1"),
    sample("fake_swap_hopper.jpg", 1, "test", "swap_2"),
    sample("fake_self_blend_collins.jpg", 1, "valid", "blend"),
]


def test_families_are_left_out_of_every_split():
    division = cross_source.divide(SAMPLES, "swap_1 + swap_2, navy")
    assert {s.source for s in division.kept} == {"nasa", "blend"}
    assert {name: len(members) for name, members in division.families.items()} == {
        "swap_1 + swap_2": 2, "navy": 1
    }  # fmt: skip
    assert cross_source.divide(SAMPLES, "").kept == tuple(SAMPLES)


def test_a_fold_leaves_out_its_sources_one_by_one_and_a_mixed_one_by_class():
    folds = {"nasa": "0", "navy": "1", "blend": "1"}
    samples = [replace(s, fold=folds.get(s.source, "2")) for s in SAMPLES]
    samples += [replace(samples[1], label=1), replace(samples[1], source="blend", label=1)]
    division = cross_source.divide(samples, "fold=1")
    assert {s.fold for s in division.kept} == {"0", "2"}
    assert {name: (len(m), m[0].label) for name, m in division.families.items()} == {
        "navy": (1, 1), "navy (real)": (1, 0), "blend": (2, 1)
    }  # fmt: skip
    with pytest.raises(TrainingError, match="has: 0, 1, 2"):
        cross_source.divide(samples, "fold=7")


@pytest.mark.parametrize(
    ("names", "expected"),
    [("sdxl", "blend, nasa, navy, swap_1, swap_2"), ("navy,navy", "once each"),
     ("navy+blend", "partly real")],
)  # fmt: skip
def test_what_cannot_be_left_out_gets_a_sentence(names, expected):
    with pytest.raises(TrainingError, match=expected):
        cross_source.divide(SAMPLES, names)


def test_what_was_left_out_is_judged_at_the_detectors_threshold():
    detector = Detector(settings=Settings(), threshold=0.5)
    division = cross_source.divide(SAMPLES, "swap_1+swap_2,navy")
    rows = {row.held_out: row for row in cross_source.measure(detector, division)}
    swaps, navy = rows["swap_1+swap_2"], rows["navy"]
    assert (swaps.kind, swaps.count, swaps.auc, swaps.caught) == ("generator", 2, 1, 1)
    p_fake = detector.detect(EXAMPLES / "grace_hopper.jpg").p_fake
    assert (navy.kind, navy.count) == ("real_source", 1)
    assert navy.false_positive_rate == float(p_fake >= 0.5)
    assert "swap_1" in navy.note


def test_a_source_without_faces_is_said_to_be_unjudged(faceless):
    division = cross_source.Division(
        tuple(SAMPLES), {"coffee": (Sample(Path(faceless), 0, "test", "coffee"),)}
    )
    (row,) = cross_source.measure(Detector(settings=Settings()), division)
    assert row.count == 0 and "no face" in row.note
    assert row.false_positive_rate is None


def test_rows_are_of_this_very_network():
    division = cross_source.divide(SAMPLES, "navy")
    (row,) = cross_source.measure(Detector(settings=Settings(), threshold=0.5), division)
    assert row.network == "this"
