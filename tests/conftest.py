"""What several tests share: the example pictures, and one detector for all of them."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from deepfake import Detector
from deepfake.manifest import read_manifest
from deepfake.settings import Settings, models_folder
from tests.programs import required

pytest_plugins = ["tests.keras_modules", "tests.training_faces"]
EXAMPLES = Path(__file__).parent.parent / "examples"
# Markers of pyproject.toml: what a test needs is told by the fixtures that it asks for.
NEEDS = {
    "tensorflow": {"eagerly", "keras", "resynthesis", "ship", "trainer"},
    "browser": {"chromium"},
    "slow": {"evaluated"},
    "services": {
        "alone", "answers", "container", "hub", "nginx", "proxy", "redis", "serve", "served",
        "served_several", "serving",
    },
}  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        for marker, fixtures in NEEDS.items():
            if fixtures.intersection(item.fixturenames):
                item.add_marker(marker)
    if hasattr(config, "workerinput"):
        # Files that take minutes go first: one that came last would have one process wait.
        long = {item.path for item in items if any(map(item.get_closest_marker, NEEDS))}
        items.sort(key=lambda item: item.path not in long)


@pytest.fixture(autouse=True)
def keras_is_no_surprise(request):
    """A test that imports Keras is marked, or the quick run would not be quick.

    Only there is it sure to be seen: in a whole run a marked test may have imported Keras before.
    """
    before = "keras" in sys.modules
    yield
    assert before or "keras" not in sys.modules or request.node.get_closest_marker("tensorflow")


@pytest.fixture(scope="session", autouse=True)
def user_cache(tmp_path_factory):
    """The tests neither read nor fill the caches and data of whoever runs them."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        yield folder


@pytest.fixture(scope="session")
def detector():
    return Detector(settings=Settings())


@pytest.fixture(scope="session")
def shipped():
    """What the default model says of itself: its threshold moves with its version."""
    return read_manifest(models_folder() / "default")


@pytest.fixture(scope="session")
def portrait():
    """Eileen Collins, 512 x 512, her face about at (172, 73, 278, 179)."""
    return EXAMPLES / "eileen_collins.png"


@pytest.fixture(scope="session")
def other_portrait():
    """Grace Hopper, 512 x 600."""
    return EXAMPLES / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def faceless():
    return EXAMPLES / "coffee.png"


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium. Its absence is a failure in CI and a loud skip elsewhere."""
    return required("chromium", "chromium")


@pytest.fixture(scope="session")
def make_model(tmp_path_factory):
    """Makes copies of the default model that say something else of themselves."""

    def make(name, **changes):
        folder = tmp_path_factory.mktemp("models") / name
        folder.mkdir()
        manifest = json.loads((models_folder() / "default" / "model.json").read_text())
        manifest.update({"name": name, "title": "", "version": "1.0", **changes})
        (folder / "model.json").write_text(json.dumps(manifest))
        shutil.copyfile(models_folder() / "default" / "model.tflite", folder / "model.tflite")
        return folder

    return make


@pytest.fixture
def broken_model(make_model):
    """A model whose weight file is not the one that its manifest describes."""
    folder = make_model("broken")
    (folder / "model.tflite").write_bytes(b"not a network")
    return folder
