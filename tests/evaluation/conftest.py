"""A tiny labelled set of the example pictures, and one report of it that several tests look at."""

import shutil

import pytest

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
def evaluated(photos, tmp_path_factory):
    """The folder that `deepfake evaluate` wrote."""
    out = tmp_path_factory.mktemp("evaluation") / "report"
    assert main(["evaluate", str(photos), "-o", str(out), "--grid", "2"]) == 0
    return out
