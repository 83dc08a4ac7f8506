"""All models of these tests lie in a folder with an odd name, of which no visitor may hear."""

from pathlib import Path

import pytest

from deepfake.errors import ModelError

ODD = "a user's (odd) folder – ü"


@pytest.fixture
def tmp_path(tmp_path):
    folder = tmp_path / ODD
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def no_error_tells_visitors_where_a_model_lies(tmp_path, monkeypatch):
    """Holds for each ModelError that a test makes, whatever was wrong with the model."""
    made, make = [], ModelError.__init__

    def remember(error, *arguments, **named):
        make(error, *arguments, **named)
        # Not the error itself, which would hold what was open when it was raised.
        made.append((error.public, error.path))

    monkeypatch.setattr(ModelError, "__init__", remember)
    yield
    for public, path in made:
        assert str(tmp_path.parent) not in public, path
        # The sentence may be about the folder itself.
        assert ODD not in public or Path(path).name == ODD, (public, path)
