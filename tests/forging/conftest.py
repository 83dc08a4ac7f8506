import pytest

from deepfake import preprocessing
from deepfake.imaging import Picture
from deepfake.manifest import Input


@pytest.fixture
def crop(collins):
    """Eileen Collins as a network sees her: uint8 (224, 224, 3), 1.3 face boxes."""
    spec = Input(size=224, crop=1.3, mean=(127, 127, 127), std=(128, 128, 128))
    box = tuple(float(edge) for edge in collins.box)
    return preprocessing.cut(Picture.from_array(collins.pixels), box, spec, 0.0)
