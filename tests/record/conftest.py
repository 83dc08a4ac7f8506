"""A report on the portrait, as `deepfake detect --report` writes it."""

import json

import pytest

from deepfake import imaging
from deepfake.record.making import pictures, record
from deepfake.settings import Settings


@pytest.fixture(scope="session")
def recorded(detector, portrait):
    picture = imaging.read(portrait, Settings())
    report = detector.detect(picture, file=f"/home/somebody/{portrait.name}")
    return record(report, pictures(picture.image, report), Settings())


@pytest.fixture
def write(recorded, tmp_path):
    """Writes the report, changed by a function, and returns its path."""

    def write(change=lambda document: None):
        document = json.loads(json.dumps(recorded))
        change(document)
        path = tmp_path / "report.json"
        path.write_text(json.dumps(document))
        return path

    return write
