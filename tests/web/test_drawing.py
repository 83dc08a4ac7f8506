import numpy as np
import pytest

from deepfake.web import drawing


@pytest.mark.parametrize("size", [(40, 4000), (4000, 40), (3000, 3000), (1, 1)])
def test_large_pictures_are_shown_smaller(size):
    shown, share = drawing.shrink(np.zeros((*size, 3), np.uint8))
    assert max(shown.shape) <= drawing.SHOWN_SIDE
    assert shown.shape[0] == pytest.approx(max(1, size[0] * share), abs=1)
