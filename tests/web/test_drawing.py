import pytest
from PIL import Image

from deepfake.web import drawing


@pytest.mark.parametrize(
    "size", [(40, 4000), (4000, 40), (3000, 3000), (1300, 1400), (1280, 9), (1, 1)]
)
def test_large_pictures_are_shown_smaller(size):
    shown = drawing.shrink(Image.new("RGB", size))
    share = max(shown.size) / max(size)
    assert min(max(size), drawing.LEAST_SIDE) <= max(shown.size) <= drawing.SHOWN_SIDE
    assert shown.size[0] == pytest.approx(max(1, size[0] * share), abs=1)
