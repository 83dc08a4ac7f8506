import pytest

from deepfake import preprocessing
from deepfake.imaging import Picture
from deepfake.manifest import Input


@pytest.fixture
def crop_of(collins):
    """How many face boxes → Eileen Collins as a network sees her: uint8 (224, 224, 3)."""

    def cut(factor):
        spec = Input(size=224, crop=factor, mean=(127, 127, 127), std=(128, 128, 128))
        box = tuple(float(edge) for edge in collins.box)
        return preprocessing.cut(Picture.from_array(collins.pixels), box, spec, 0.0)

    return cut


@pytest.fixture
def crop(crop_of):
    """The usual one."""
    return crop_of(1.3)
