"""Which frames are judged: never more than was said, and where they decide something."""

from itertools import pairwise

import pytest

from deepfake.video import sampling
from deepfake.video.sampling import CLOSER, MOST, Shot


def shots_of(*seconds):
    edges = [sum(seconds[:n]) for n in range(len(seconds) + 1)]
    return [Shot(start, end) for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("shots", "longest"),
    [
        pytest.param(shots_of(*[60.0] * 3, *[1.0] * 60), 16, id="three long, sixty short"),
        pytest.param(shots_of(*[20.0] * 10, *[2.0] * 40), 4, id="ten long, forty short"),
        pytest.param(shots_of(*[3.0] * 100), 1, id="a hundred"),
        pytest.param(shots_of(8.0), 16, id="one"),
    ],
)
def test_no_more_frames_are_judged_than_there_may_be_whatever_the_shots(shots, longest):
    times = [n / 10 for n in range(round(10 * shots[-1].end))]
    chosen = sampling.sample_times(shots, times, [0.0])
    assert len(chosen) == len(shots)
    assert sum(map(len, chosen)) <= MOST
    # The short ones are looked at with what the long ones leave.
    assert len(chosen[0]) == longest
    assert len(shots) == 1 or sum(map(len, chosen)) > MOST - 16


def test_of_a_suspect_seen_once_the_further_frames_span_the_shot():
    times = [n / 15 for n in range(600)]
    more = sampling.fuller_times([(10.0, 12.0, 3)], times, [11.0, 13.0])
    assert len(more) == 3
    assert more[0] > 10.0 and more[-1] < 12.0 and more[-1] - more[0] > 1.5
    assert min(b - a for a, b in pairwise(sorted([*more, 11.0]))) > 0.3


def test_the_first_suspects_get_the_further_frames_and_no_frame_is_asked_for_twice():
    times = [n / 10 for n in range(1000)]
    known = [2 * n + 1.0 for n in range(40)]
    lacking = [(2.0 * n, 2.0 * n + 2, 3) for n in reversed(range(40))]
    more = sampling.fuller_times(lacking, times, known)
    assert len(more) == len(set(more) - set(known)) == CLOSER
    assert min(more) > 80 - 2 * -(-CLOSER // 3) - 0.1
    # Of two frames no third one can be made.
    assert sampling.fuller_times([(0.0, 1.0, 3)], [0.2, 0.5, 0.7], [0.5]) == [0.2, 0.7]
