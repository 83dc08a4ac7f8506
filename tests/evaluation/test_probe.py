from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from deepfake.errors import ModelError
from deepfake.evaluation import probe
from deepfake.modelstore.answers import Answers
from deepfake.settings import Settings
from tests.modelstore.tiny_onnx import brightness, channel_means


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
    # Brightness has no order of colours, so no photos can tell it.
    assert "cannot tell" in found.text() and len(found.fitting) > 1
    assert found.is_sure
    assert f"--positive {meaning}" in found.text()


@pytest.mark.slow
def test_the_way_to_feed_a_model_is_found(photos, tmp_path):
    """The network looks at blue, as its first channel; red says nothing."""
    random = np.random.default_rng(1)
    for path in sorted(photos.rglob("*.png")):
        grey = np.asarray(Image.open(path).convert("L").convert("RGB"), np.float32)
        blue = 0.5 if path.parent.name == "0_real" else 1.0
        tinted = grey / grey.mean() * 120 * [random.uniform(0.5, 1.0), 0.75, blue]
        place = tmp_path / path.parent.name
        place.mkdir(exist_ok=True)
        Image.fromarray(np.clip(tinted, 0, 255).astype(np.uint8)).save(place / path.name)
    model = channel_means(tmp_path / "first.onnx", [[0.1], [0.0], [0.0]])
    photos = probe.labelled_photos(tmp_path)
    found = probe.probe(str(model), photos, Settings(), Answers(scale="0..255"))
    assert found.is_sure and found.only_square
    assert {reading.options.channels for reading in found.fitting} == {"bgr"}
    assert "Use: --positive fake --scale 0..255 --crop face --channels bgr" in found.text()
    # Three classes, and it was said which mean fake: what is looked for is how to feed it.
    model = channel_means(tmp_path / "three.onnx", [[0.0, 0.1, 0.1], [0.0] * 3, [0.0] * 3])
    said = Answers(labels="live,print,replay", positive="print,replay", scale="0..255", crop="full")
    found = probe.probe(str(model), photos, Settings(), said)
    assert found.chosen and "Use: --scale 0..255 --crop full" in found.text()
    assert "--positive print,replay --labels live,print,replay\n" in found.text()


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
    assert "It was said before that a high score means fake, but THESE PHOTOS SAY REAL" in (
        found.text()
    )


def test_what_nobody_has_said_is_compared_though_something_was_said_before(photos, tmp_path):
    """`detect` says that `models probe` compares the scales, once it knows which end means fake."""
    from deepfake.modelstore.resolve import load_model

    model = brightness(tmp_path / "model.onnx", slope=3.0)
    load_model(model, Settings(), Answers(positive="real", crop="full"))
    found = probe.probe(str(model), probe.labelled_photos(photos), Settings())
    assert len({reading.options.scale for reading in found.readings}) > 2
    assert {reading.options.crop for reading in found.readings} == {"full"}
    assert "means real, and these photos agree.\nUse: --positive real --scale" in found.text()


def test_of_a_model_with_a_manifest_nothing_is_left_to_be_asked(photos):
    found = probe.probe("default", probe.labelled_photos(photos), Settings())
    assert len(found.readings) == 1 and "Its manifest says" in found.text()


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


def test_the_comparison_of_two_scores_agrees_with_a_permutation_test():
    random = np.random.default_rng(3)
    labels = np.arange(60) % 2
    good, weak = (random.normal(size=60) + gain * labels for gain in (1.6, 0.4))
    seen = probe.mann_whitney(good, labels)[0] - probe.mann_whitney(weak, labels)[0]
    # The scores of a case change places, as they may if both are equally good.
    ranks = [np.argsort(np.argsort(scores)) for scores in (good, weak)]
    count = 0
    for _ in range(2000):
        swapped = random.random(60) < 0.5
        pair = np.where(swapped, ranks[1], ranks[0]), np.where(swapped, ranks[0], ranks[1])
        aucs = [probe.mann_whitney(scores, labels)[0] for scores in pair]
        count += aucs[0] - aucs[1] >= seen - 1e-9
    assert probe.delong(good, weak, labels) == pytest.approx(count / 2000, abs=0.01)
    assert probe.delong(good, good * 2 + 1, labels) == 1.0
