import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from deepfake import Detector, verdict
from deepfake.errors import TrainingError
from deepfake.evaluation.scoring import Judged
from deepfake.manifest import read_manifest
from deepfake.settings import Settings
from deepfake.shipping import elsewhere
from tests import default_model
from tests.conftest import EXAMPLES


def judged(*sources):
    """Faces of (source, label, scores)."""
    rows = [(p, label, name) for name, label, scores in sources for p in scores]
    p_fake, labels, names = zip(*rows, strict=True)
    return Judged(np.array(p_fake), np.array(labels), names)


def test_a_source_counts_for_its_faces_but_for_no_more_than_twenty():
    measured = elsewhere.measure(
        judged(
            ("large", 0, [0.9] * 300),
            ("enough", 0, [0.1] * 20),
            ("tiny", 0, [0.9] * 2),
            ("swap", 1, [0.9] * 3),
            ("gan", 1, [0.1]),
        ),
        0.5,
        "x",
        {"swap": "swaps", "gan": "others", "large": "not of reals"},
    )
    point = next(p for p in measured.points if p.threshold == 0.5)
    assert point.false_positive_rate == pytest.approx((20 + 2) / 42, abs=1e-4)
    assert point.true_positive_rate == 0.75
    assert (measured.reals, measured.real_sources) == (322, 3)
    assert (measured.fakes, measured.fake_sources) == (4, 2)
    assert measured.worst_real_source.name == "large"
    assert {kind: of.true_positive_rate for kind, of in measured.by_kind.items()} == {
        "others": 0, "swaps": 1
    }  # fmt: skip


def test_reals_and_fakes_of_one_name_are_two_sources():
    measured = elsewhere.measure(judged(("a", 0, [0.1] * 30), ("a", 1, [0.9] * 10)), 0.5, "x")
    assert (measured.real_sources, measured.fake_sources) == (1, 1)
    assert measured.worst_real_source.false_positive_rate == 0


def test_one_class_is_not_enough():
    assert elsewhere.measure(judged(("a", 0, [0.1])), 0.5, "x") is None


def test_a_reason_has_rates_where_enough_of_both_classes_have_it():
    fewest = elsewhere.FEWEST
    rows = [("r", 0, ("small",), 0.9)] * fewest + [("f", 1, ("small", "dark"), 0.1)] * fewest
    rows += [("other", 0, (), 0.1)] * 7 + [("f", 1, ("dark",), 0.9)] * 7
    names, labels, reasons, p_fake = zip(*rows, strict=True)
    faces = Judged(np.array(p_fake), np.array(labels), names, reasons)
    # No real face is dark.
    (rates,) = elsewhere.by_reason(faces, 0.5).values()
    assert (rates.false_positive_rate, rates.true_positive_rate) == (1.0, 0.0)
    assert (rates.reals, rates.fakes) == (fewest, fewest)
    assert elsewhere.by_reason(Judged(*np.zeros((2, 1)), ("a",)), 0.5) == {}


@pytest.fixture
def model(tmp_path):
    """The default model without what it knows of elsewhere."""
    folder = tmp_path / "model"
    shutil.copytree(default_model.FOLDER, folder, ignore=shutil.ignore_patterns("*.keras"))
    document = json.loads((folder / "model.json").read_text())
    document.pop("operating_points_elsewhere", None)
    (folder / "model.json").write_text(json.dumps(document))
    return folder


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "deepfake.shipping.elsewhere", *map(str, arguments)],
        capture_output=True, text=True,
    )  # fmt: skip


def test_pictures_of_sources_that_were_not_met_are_judged_as_anybody_s(model, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(
        "path,label,source\n"
        f"{EXAMPLES / 'eileen_collins.png'},real,nasa\n"
        f"{EXAMPLES / 'fake_swap_collins.jpg'},fake,swap\n"
        f"{EXAMPLES / 'grace_hopper.jpg'},real,navy\n"
    )
    known = tmp_path / "known.csv"
    known.write_text(f"path,label,source\n{EXAMPLES / 'grace_hopper.jpg'},real,navy\n")
    kinds = tmp_path / "kinds.csv"
    kinds.write_text("source,kind\nswap,swaps\n")
    done = run(model, table, "--known", known, "--kinds", kinds, "--measured-on", "two pictures")
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(model)
    measured = manifest.operating_points_elsewhere
    assert (measured.measured_on, measured.reals, measured.fakes) == ("two pictures", 1, 1)
    p_fake = Detector(settings=Settings()).detect(EXAMPLES / "fake_swap_collins.jpg").p_fake
    for point in measured.points:
        assert point.true_positive_rate == float(p_fake >= point.threshold)
    assert "swaps" in measured.by_kind
    assert "What to expect elsewhere" in (model / "README.md").read_text(encoding="utf-8")


def test_left_out_logits_of_other_networks_are_read(model, tmp_path):
    manifest = read_manifest(model)
    np.savez(
        tmp_path / "left_out.npz", path=np.array(["a", "b", "c"]), label=np.array([0, 1, 1]),
        source=np.array(["r", "f", "f"]), logit=np.array([-20.0, 20.0, -20.0]),
        reasons=np.array(["small", "", "small turned"]),
    )  # fmt: skip
    judged = elsewhere.read_logits(tmp_path / "left_out.npz", manifest)
    assert judged.reasons == (("small",), (), ("small", "turned"))
    assert run(model, "--logits", tmp_path / "left_out.npz").returncode == 0
    point = verdict.operating_point(read_manifest(model), manifest.threshold, elsewhere=True)
    assert (point.false_positive_rate, point.true_positive_rate) == (0, 0.5)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"label": [0, 1]}, "arrays label, source, logit"),
        ({"label": [0, 2], "source": ["a", "b"], "logit": [0.0, 1.0]}, "a label of 0"),
        ({"label": [0, 1], "source": ["a"], "logit": [0.0, 1.0]}, "one entry a face"),
        ({"label": [0, 1], "source": ["a", "b"], "logit": [0.0, np.nan]}, "is a number"),
    ],
)
def test_a_table_that_cannot_be_read_gets_a_sentence(tmp_path, arrays, expected):
    np.savez(tmp_path / "x.npz", **{name: np.array(values) for name, values in arrays.items()})
    with pytest.raises(TrainingError, match=expected):
        elsewhere.read_logits(tmp_path / "x.npz", default_model.MANIFEST)
