from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from deepfake.errors import ModelError
from deepfake.evaluation import probe
from deepfake.modelstore.answers import Answers
from deepfake.settings import Settings
from tests.modelstore.tiny_onnx import brightness


@pytest.fixture(scope="module")
def photos(tmp_path_factory, portrait, other_portrait):
    """Reals that are bright and fakes that are dark, as a model can easily tell."""
    folder = tmp_path_factory.mktemp("photos")
    for path, shade in product((portrait, other_portrait), range(4)):
        image = Image.open(path).convert("RGB").resize((256, 256))
        for label, light in (("0_real", 1.0 + 0.05 * shade), ("1_fake", 0.5 + 0.05 * shade)):
            (folder / label).mkdir(exist_ok=True)
            ImageEnhance.Brightness(image).enhance(light).save(
                folder / label / f"{path.stem}{shade}.png"
            )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("slope", "meaning"), [(1.0, "real"), (-1.0, "fake")])
def test_labelled_photos_tell_which_end_means_fake(photos, tmp_path, slope, meaning):
    model = brightness(tmp_path / "model.onnx", slope=slope)
    found = probe.probe(str(model), probe.labelled_photos(photos), Settings())
    assert (found.reals, found.fakes) == (8, 8)
    assert found.readings[0].positive == meaning
    assert found.is_sure
    assert f"--positive {meaning}" in found.text()


def test_few_photos_are_not_enough_to_be_sure(photos, tmp_path):
    model = brightness(tmp_path / "model.onnx")
    few = [pair for pair in probe.labelled_photos(photos) if pair[0].stem.endswith("0")]
    found = probe.probe(str(model), few, Settings())
    assert not found.is_sure
    assert "NOT SURE" in found.text()


def test_a_manifest_that_says_the_opposite_is_contradicted(photos, tmp_path):
    from deepfake.modelstore.resolve import load_model

    model = brightness(tmp_path / "model.onnx", slope=2.0)
    load_model(model, Settings(), Answers(positive="fake"))
    found = probe.probe(str(model), probe.labelled_photos(photos), Settings())
    assert found.said == "fake"
    assert "SAY REAL" in found.text()


def test_photos_of_one_class_get_a_sentence(photos, tmp_path):
    model = brightness(tmp_path / "model.onnx")
    reals = [pair for pair in probe.labelled_photos(photos) if pair[1] == 0]
    with pytest.raises(ModelError, match="both classes"):
        probe.probe(str(model), reals, Settings())


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_labelled_photos_gets_a_sentence(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="real"):
        probe.labelled_photos(tmp_path / name)


@pytest.mark.parametrize("count", [6, 40])
def test_the_test_of_order_agrees_with_scipy(count):
    from scipy.stats import mannwhitneyu
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(count)
    labels = np.arange(count) % 2
    scores = np.round(random.normal(size=count) + 0.8 * labels, 1 if count > 20 else 6)
    auc, p_value = probe.mann_whitney(scores, labels)
    method = "exact" if count <= 20 else "asymptotic"
    expected = mannwhitneyu(
        scores[labels == 1], scores[labels == 0], method=method, use_continuity=False
    )
    assert auc == pytest.approx(roc_auc_score(labels, scores))
    assert p_value == pytest.approx(expected.pvalue, rel=1e-6)
