"""A tiny labelled set of the example pictures, and one report of it that several tests look at."""

import shutil

import pytest
from PIL import Image

from deepfake.cli import main


@pytest.fixture(scope="session")
def photos(tmp_path_factory, portrait, other_portrait, faceless):
    """Two real and three fake faces, a cup of coffee among the reals, and a broken file."""
    folder = tmp_path_factory.mktemp("photos")
    real, fake = folder / "real", folder / "fake" / "swaps"
    real.mkdir()
    fake.mkdir(parents=True)
    for path in (portrait, other_portrait, faceless):
        shutil.copy(path, real)
    for path in sorted(portrait.parent.glob("fake_*.jpg")):
        shutil.copy(path, fake)
    (fake / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="session")
def two(tmp_path_factory, portrait, other_portrait):
    """A face of each class on small pictures, for what is asked of every delivery and edit."""
    folder = tmp_path_factory.mktemp("two")
    for label, path in (("real", portrait), ("fake", other_portrait)):
        (folder / label).mkdir()
        with Image.open(path) as image:
            face = image.convert("RGB").crop((60, 0, 460, 400)).resize((224, 224))
        face.save(folder / label / "face.png")
    return folder


@pytest.fixture(scope="session")
def evaluated(photos, tmp_path_factory):
    """The folder that `deepfake evaluate` wrote."""
    out = tmp_path_factory.mktemp("evaluation") / "report"
    assert main(["evaluate", str(photos), "-o", str(out), "--grid", "2"]) == 0
    return out
