"""The model card and the README say what the report of the default model says."""

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from deepfake.errors import TrainingError
from deepfake.evaluation import report
from deepfake.shipping import card
from tests import default_model

ROOT = Path(__file__).parents[2]
DEFAULT = default_model.FOLDER
REMEDY = "run: python -m deepfake.shipping.card models/default README.md"


@pytest.fixture(scope="module")
def document():
    return report.read(DEFAULT / card.EVALUATION)


@pytest.fixture(scope="module")
def manifest():
    return default_model.MANIFEST


def test_the_card_is_what_was_measured(document, manifest):
    written = (DEFAULT / card.FILE).read_text(encoding="utf-8")
    assert written == card.write(manifest, document), REMEDY


def test_the_readme_is_what_was_measured(document, manifest):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == card.with_results(readme, manifest, document), REMEDY


def test_the_manifest_is_what_was_measured(document, manifest):
    model = document.models[0]
    assert (model.name, model.version) == (manifest.name, manifest.version)
    assert model.sha256 == manifest.files["model.tflite"]
    assert model.threshold == manifest.threshold
    assert model.uncertain_band == manifest.uncertain_band
    tiers = {tier.name: tier.figures for tier in model.sets[0].tiers}
    for key, tier in (("test", "clean"), ("test_web", "web"), ("test_hard", "hard")):
        for name, value in getattr(manifest.metrics, key):
            assert getattr(tiers[tier], name) == value, (key, name)


def test_the_hub_can_read_the_card(document, manifest):
    data = ModelCard(card.write(manifest, document)).data
    assert data.pipeline_tag == "image-classification" and data.library_name == "keras"
    values = {result.metric_type: result.metric_value for result in data.eval_results}
    assert values["roc_auc"] == document.models[0].sets[0].figures.roc_auc


def test_every_drawn_figure_of_the_card_is_there(document, manifest):
    text = card.write(manifest, document)
    for name in ("roc.png", "reliability.png", "robustness.png"):
        assert f"({card.EVALUATION}/{name})" in text
        assert (DEFAULT / card.EVALUATION / name).is_file()


def test_a_changed_figure_changes_the_card(document, manifest):
    text = card.write(manifest, document)
    rows = [row.model_copy(update={"roc_auc": 0.1234}) for row in document.blends]
    changed = document.with_entries(blends=rows)
    assert card.write(manifest, changed) != text
    assert card.readme_table(manifest, changed) != card.readme_table(manifest, document)


def test_a_readme_without_markers_gets_a_sentence(document, manifest):
    with pytest.raises(TrainingError, match="no lines"):
        card.with_results("# Hello\n", manifest, document)


@pytest.mark.parametrize(
    ("reached", "said", "not_said"),
    [
        (None, "Here it is", "were not met"),
        ({"within_limits": True}, "4.8 % of the real validation faces", "were not met"),
        ({"within_limits": False}, "limits were not met", "nothing"),
    ],
)
def test_the_threshold_is_told_with_what_it_reaches(document, manifest, reached, said, not_said):
    rates = {
        "false_positive_rate": 0.048,
        "worst_source": "x",
        "worst_source_false_positive_rate": 0.06,
    }
    whole = None if reached is None else {**rates, **reached}
    changed = document.with_entries(threshold_rule="fpr", threshold_reached=whole)
    text = card.write(manifest, changed).split("## Threshold")[1].split("##")[0]
    assert said in text and not_said not in text and "damaged" in text
