"""How often an address may try passwords."""

import time

from deepfake.web.visitors import sign_ins
from deepfake.web.visitors.sign_ins import TRIES, Tries


def test_five_wrong_ones_and_then_a_wait_for_this_address_only():
    tries = Tries()
    assert [tries.begin("a")[0] for _ in range(TRIES)] == [0] * TRIES
    assert 50 < tries.begin("a")[0] <= 60
    assert tries.begin("b")[0] == 0


def test_right_ones_do_not_count_and_many_at_once_are_no_way_round():
    tries = Tries()
    marks = [tries.begin("a")[1] for _ in range(TRIES)]
    assert tries.begin("a")[0] > 0
    tries.forget("a", marks[0])
    assert tries.begin("a")[0] == 0 and tries.begin("a")[0] > 0


def test_the_window_moves_and_old_addresses_are_forgotten(monkeypatch):
    tries = Tries()
    for number in range(sign_ins.SWEEP_FROM + 1):
        tries.begin(f"address {number}")
    for _ in range(TRIES):
        tries.begin("a")
    later = time.monotonic() + sign_ins.WINDOW_SECONDS + 1
    monkeypatch.setattr(sign_ins.time, "monotonic", lambda: later)
    assert tries.begin("a")[0] == 0
    assert len(tries._times) == 1
