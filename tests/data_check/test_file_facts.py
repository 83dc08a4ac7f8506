import numpy as np
import pytest

from deepfake.data_check import file_facts

WIDTH = 40
LINES = {
    "below": np.s_[-2:], "above": np.s_[:2], "left": np.s_[:, 1:3], "right": np.s_[:, -3:-1],
}  # fmt: skip


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (60, WIDTH, 3), np.uint8)


@pytest.mark.parametrize("side", LINES)
def test_a_line_of_one_colour_is_found_at_its_side(noise, side):
    noise[LINES[side]] = 255
    found = file_facts.edges(noise)
    at, others = found.elsewhere, found.below
    if side == "below":
        at, others = others, at
    assert at == 0 < 20 < others


def test_noise_and_a_line_in_the_middle_have_no_plain_edge(noise):
    noise[30:32] = 255
    found = file_facts.edges(noise)
    assert min(found.below, found.elsewhere) > 20


def test_a_single_pixel_is_plain():
    assert file_facts.edges(np.zeros((1, 1, 3), np.uint8)) == file_facts.Edges(0.0, 0.0)
