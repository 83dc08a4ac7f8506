"""A network → a model folder whose figures are those of its own scores."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from deepfake import Detector, networks
from deepfake.datasets import dataset
from deepfake.errors import TrainingError
from deepfake.evaluation import report
from deepfake.settings import Settings
from deepfake.shipping import card, cross_source
from deepfake.training.config import TrainingConfig

pytestmark = pytest.mark.usefixtures("eagerly")

CONFIG = TrainingConfig(architecture="cnn", image_size=32, weights="none")
# Without what takes long and is not looked at.
BRIEFLY = {"grid_faces": 0, "edited_faces": 0}
HISTORY = "epoch,loss,accuracy,valid_auc_generated\n0,.7,.5,.6\n1,.6,.6,.7\n"


def whole(samples):
    """A data set that nothing was left out of."""
    return cross_source.Division(tuple(samples), {})


@pytest.fixture(scope="module")
def description(ship):
    return ship.Description(
        "tiny", "3", "for tests", command="deepfake train DATA --seed 7", data="Made in the test."
    )


@pytest.fixture(scope="module")
def network(keras):
    keras.utils.set_random_seed(0)
    return networks.build("cnn", 32)


@pytest.fixture(scope="module")
def shipped(ship, description, network, labelled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "history.csv").write_text(HISTORY)
    samples = dataset.find_dataset(labelled).samples
    # As if the test's fakes came from a generator of their own, which was left out.
    fakes = tuple(replace(s, source="other") for s in samples if s.split == "test" and s.label)
    division = cross_source.Division(tuple(samples), {"other": fakes})
    ship.ship(
        network, division, CONFIG, folder, replace(description, threshold_rule="half"),
        grid_faces=2,
    )  # fmt: skip
    return folder


def scores_of(folder):
    with (folder / "evaluation" / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_test_split_was_judged_by_what_is_served(shipped, labelled):
    detector = Detector(shipped, settings=Settings())
    rows = scores_of(shipped)
    assert len(rows) == 4
    for row in rows:
        judged = detector.detect(labelled / "test" / row["path"])
        assert float(row["p_fake"]) == pytest.approx(judged.p_fake, abs=1e-6)
        assert row["verdict"] == judged.verdict


def test_manifest_report_and_scores_say_the_same(shipped):
    manifest = json.loads((shipped / "model.json").read_text())
    document = json.loads((shipped / "evaluation" / "report.json").read_text())
    figures = document["models"][0]["sets"][0]["figures"]
    for name, value in manifest["metrics"]["test"].items():
        assert figures[name] == value
    rows = scores_of(shipped)
    reals = np.array([float(row["p_fake"]) for row in rows if row["label"] == "real"])
    for point in manifest["operating_points"]["points"]:
        expected = float((reals >= point["threshold"]).mean())
        assert point["false_positive_rate"] == pytest.approx(expected, abs=1e-4)


def test_the_rule_for_the_threshold_is_kept_and_told(shipped):
    manifest = json.loads((shipped / "model.json").read_text())
    low, high = manifest["uncertain_band"]
    assert low <= manifest["threshold"] == 0.5 <= high
    assert "0.5, as was asked for" in (shipped / "README.md").read_text()


def test_the_history_is_drawn_with_the_evaluation(shipped):
    evaluation = shipped / "evaluation"
    for name in ("history.png", "auc_history.png", "roc.png", "reliability.png", "robustness.png"):
        assert (evaluation / name).stat().st_size > 5000
    assert (evaluation / "report.html").read_text().count("data:image/png") >= 7


def test_own_forgeries_are_told_by_kind(shipped):
    document = json.loads((shipped / "evaluation" / "report.json").read_text())
    kinds = {row["source"]: row for row in document["blends"]}
    assert {"self_blend", "face_swap", "reenactment"} <= set(kinds)
    for row in kinds.values():
        assert row["real"] + row["uncertain"] + row["fake"] == row["count"]
        assert row["reals"] == 2


def test_the_seed_of_a_training_changes_no_forgery(
    ship, description, shipped, network, labelled, tmp_path
):
    ship.ship(
        network, whole(dataset.find_dataset(labelled).samples), replace(CONFIG, seed=5), tmp_path,
        description, **BRIEFLY,
    )  # fmt: skip
    said = [
        {row.source: (row.count, row.roc_auc) for row in document.blends}
        for document in (report.read(folder / "evaluation") for folder in (shipped, tmp_path))
    ]
    assert said[0] == said[1]
    # One real of the test is swapped and one blended with itself, three times each.
    assert said[0]["face_swap"][0] + said[0]["self_blend"][0] == 6


def test_the_card_holds_what_had_to_be_said_and_what_was_measured(shipped):
    text = (shipped / "README.md").read_text()
    document = json.loads((shipped / "evaluation" / "report.json").read_text())
    assert "deepfake train DATA --seed 7" in text and "Made in the test." in text
    (row,) = document["protocols"]
    assert "This very network was trained without these sources" in text
    assert "Other networks" not in text
    assert "of the real validation faces are called fake" in text
    assert f"| other | generator | 2 | ROC-AUC {row['auc']:.3f}" in text
    assert f"{document['models'][0]['sets'][0]['figures']['roc_auc']:.3f}" in text
    card.refresh(shipped)
    assert (shipped / "README.md").read_text() == text


def test_figures_of_runs_with_sources_left_out_are_gathered(shipped, tmp_path):
    model = shutil.copytree(shipped, tmp_path / "model")
    report.amend(model / card.EVALUATION, {"protocols": []})
    card.refresh(model, runs=[shipped, shipped])
    text = (model / "README.md").read_text()
    assert text.count("| other | generator | 2 |") == 2
    assert (
        "Other networks like this one, trained without these sources" in text
        and "This very" not in text
    )


def test_an_unknown_rule_is_refused_before_any_work(ship, description, network, labelled, tmp_path):
    with pytest.raises(TrainingError, match="fpr, half, youden"):
        guess = replace(description, threshold_rule="guess")
        ship.ship(network, whole([]), CONFIG, tmp_path, guess)
    assert not list(tmp_path.iterdir())


def test_one_class_cannot_be_shipped(ship, description, network, labelled, tmp_path):
    reals = [s for s in dataset.find_dataset(labelled).samples if s.label == 0]
    with pytest.raises(TrainingError, match="only one class"):
        ship.ship(network, whole(reals), CONFIG, tmp_path, description)
    samples = [*dataset.find_dataset(labelled).samples]
    samples = [s for s in samples if s.split != "test" or s.label == 0]
    with pytest.raises(TrainingError, match="only one class"):
        ship.ship(network, whole(samples), CONFIG, tmp_path, description, **BRIEFLY)
    assert not (tmp_path / "model.json").exists()


def test_paths_relative_and_absolute_ship_together(
    ship, description, network, labelled, tmp_path, monkeypatch
):
    monkeypatch.chdir(labelled)
    samples = [
        replace(s, path=s.path.relative_to(labelled)) if s.label else s
        for s in dataset.find_dataset(labelled).samples
    ]
    ship.ship(network, whole(samples), CONFIG, tmp_path, description, **BRIEFLY)
    paths = {row["path"] for row in scores_of(tmp_path)}
    assert {path.split("/")[0] for path in paths} == {"real", "fake"}
