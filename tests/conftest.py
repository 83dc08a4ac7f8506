"""What several tests share: the example pictures, and one detector for all of them."""

import os
import shutil
from pathlib import Path

import pytest

from deepfake import Detector
from deepfake.settings import Settings

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="session")
def detector():
    return Detector(settings=Settings())


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
    path = shutil.which("chromium")
    if path is None:
        message = "Chromium is missing, so the page was NOT tested. apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path
