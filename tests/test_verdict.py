import numpy as np
import pytest

from deepfake import verdict
from deepfake.errors import SettingError
from deepfake.manifest import Calibration, ModelManifest, read_manifest
from deepfake.settings import models_folder

POINTS = [
    {"threshold": 0.4, "false_positive_rate": 0.1, "true_positive_rate": 0.95},
    {"threshold": 0.6, "false_positive_rate": 0.05, "true_positive_rate": 0.9},
]
DOCUMENT = {
    "format": 1,
    "name": "test",
    "version": "1",
    "architecture": "none",
    "labels": {"order": ["real", "fake"], "fake": "fake"},
    "input": {"size": 32, "crop": 1.3, "mean": [0, 0, 0], "std": [1, 1, 1]},
    "output": {"kind": "logit"},
    "calibration": {"temperature": 2.0, "bias": 0.5, "fitted_on": "nothing"},
    "threshold": 0.6,
    "uncertain_band": [0.4, 0.7],
    "operating_points": {"measured_on": "x", "reals": 9, "fakes": 9, "points": POINTS},
    "files": {"model.tflite": "00"},
    "licence": "none",
    "training_data": "none",
}
MANIFEST = ModelManifest.model_validate(DOCUMENT)


def changed(**parts):
    return ModelManifest.model_validate({**DOCUMENT, **parts})


@pytest.mark.parametrize(
    ("order", "kind", "scores", "expected"),
    [
        (["real", "fake"], "logit", [2.0], [2.0]),
        (["fake", "real"], "logit", [2.0], [-2.0]),
        (["real", "fake"], "sigmoid", [0.75], [np.log(3)]),
        (["fake", "real"], "sigmoid", [0.75], [-np.log(3)]),
        (["real", "fake"], "softmax", [[0.2, 0.8]], [np.log(4)]),
        (["fake", "real"], "softmax", [[0.2, 0.8]], [-np.log(4)]),
        (["real", "fake"], "sigmoid", [1.0], [27.6]),
    ],
)
def test_logits_grow_with_fake_whatever_the_label_order(order, kind, scores, expected):
    manifest = changed(labels={"order": order, "fake": "fake"}, output={"kind": kind})
    assert verdict.fake_logits(np.array(scores), manifest) == pytest.approx(expected, abs=0.05)


def test_calibration_is_a_temperature_and_a_bias():
    calibration = Calibration(temperature=2.0, bias=0.5, fitted_on="")
    calibrated = verdict.calibrate(np.array([-1.0, 0.0, 1e9, -1e9]), calibration)
    assert calibrated == pytest.approx([0.5, 1 / (1 + np.exp(-0.5)), 1.0, 0.0])


@pytest.mark.parametrize(
    ("p_fake", "expected"),
    [(None, "not_applicable"), (0.39, "real"), (0.4, "uncertain"), (0.69, "uncertain"),
     (0.7, "fake"), (1.0, "fake")],
)  # fmt: skip
def test_verdicts_around_the_band(p_fake, expected):
    assert verdict.decide(p_fake, 0.6, (0.4, 0.7)) == expected


@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.3, 0.5, 0.6, 0.9, 0.99, 1.0])
def test_the_band_moves_with_the_threshold_and_holds_it(threshold):
    low, high = verdict.uncertain_band(MANIFEST, threshold)
    assert 0 <= low <= threshold <= high <= 1


def test_the_band_is_the_manifests_at_its_threshold_and_none_at_the_ends():
    assert verdict.uncertain_band(MANIFEST, 0.6) == (0.4, 0.7)
    assert verdict.decide(0.0, 0.0, verdict.uncertain_band(MANIFEST, 0.0)) == "fake"
    assert verdict.decide(0.999, 1.0, verdict.uncertain_band(MANIFEST, 1.0)) == "real"


def test_error_rates_are_only_told_where_they_were_measured():
    near = verdict.operating_point(MANIFEST, 0.61)
    assert near is not None and near.false_positive_rate == 0.05
    assert verdict.operating_point(MANIFEST, 0.5) is None
    assert verdict.operating_point(changed(operating_points=None), 0.6) is None


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_thresholds_outside_of_0_to_1_are_refused(threshold):
    with pytest.raises(SettingError, match="between 0 and 1"):
        verdict.check_threshold(threshold)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.999, "over 99 %"), (0.001, "under 1 %"), (0.874, "87 %")]
)
def test_percentages_never_claim_certainty(share, expected):
    assert verdict.percent(share) == expected


MEASURED = changed(
    threshold=0.5,
    uncertain_band=[0.3, 0.5],
    operating_points={
        "measured_on": "x", "reals": 1000, "fakes": 1000,
        "points": [
            {"threshold": t, "false_positive_rate": f, "true_positive_rate": 0.9}
            for t, f in ((0.3, 0.1), (0.5, 0.05), (0.7, 0.02), (0.9, 0.01), (0.95, 0.004), (1, 0))
        ],
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("faces", "highest"), [(1, 0.5), (2, 0.7), (4, 0.9), (9, 0.95), (99, 0.95)]
)
def test_a_picture_of_many_faces_is_no_likelier_to_be_called_fake(faces, highest):
    low, high = verdict.uncertain_band(MEASURED, 0.5, faces)
    assert (low, high) == (0.3, highest)
    point = verdict.operating_point(MEASURED, high)
    if faces < 99:  # more than was measured
        assert 1 - (1 - point.false_positive_rate) ** faces < 0.0501


def test_several_faces_are_judged_by_the_error_rates_elsewhere():
    """At home the shipped threshold has no false alarm, from which nothing would follow."""
    default = read_manifest(models_folder() / "default")
    one = verdict.operating_point(default, default.threshold, elsewhere=True)
    highest = 0.99  # that rates are measured for, below 1
    for faces in (2, 3, 5, 8):
        _, high = verdict.uncertain_band(default, default.threshold, faces)
        each = verdict.operating_point(default, high, elsewhere=True)
        alarms = verdict.group_false_alarms(each, faces)
        assert high > default.threshold and alarms < faces * one.false_positive_rate / 2
        assert alarms <= one.false_positive_rate + 1e-9 or high == highest, (faces, high)
    _, two = verdict.uncertain_band(default, default.threshold, 2)
    assert two < highest


def test_nothing_is_made_of_error_rates_that_were_not_measured():
    unmeasured = changed(operating_points=None)
    assert verdict.uncertain_band(unmeasured, 0.6, 8) == verdict.uncertain_band(unmeasured, 0.6)
    assert verdict.uncertain_band(MEASURED, 1.0, 8) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("said", "seams", "synthesis", "expected"),
    [
        ("fake", 3, 1, "blending"),
        ("uncertain", -1, 1, "generation"),
        ("fake", 2, 1, None),
        ("real", 3, 0, None),
        ("not_applicable", 3, 0, None),
    ],
)
def test_an_expert_is_named_where_it_clearly_leads(said, seams, synthesis, expected):
    assert verdict.signs_of(said, seams, synthesis) == expected
