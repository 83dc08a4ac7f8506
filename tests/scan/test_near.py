"""Look-alikes among many contents."""

import tracemalloc

import numpy as np

from deepfake.scan import near
from deepfake.scan.item import Item
from deepfake.scan.journal import Content, Journal

MANY = 4000
SIZE = near.SIDE * near.SIDE


def linked(folder, contents):
    """Name → the first that it looks like, of (name, hash, grey copy) of contents."""
    journal = Journal(folder / "journal", {"a": "b"})
    journal.add(Item(name, "picture") for name, _, _ in contents)
    for (number, item), (name, bits, grey) in zip(
        journal.next(0, len(contents)), contents, strict=True
    ):
        assert item.name == name
        journal.set_content(number, name)
        journal.judged([Content(name, {}, bits, grey)])
    tracemalloc.start()
    near.link(journal)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found = {name.decode(): alike and alike.decode() for name, *_, alike, _ in journal.rows()}
    journal.close()
    return found, peak


def test_memory_is_that_of_hashes_where_many_have_a_band_in_common(tmp_path):
    """As photos on white, whose two top lines are of one colour."""
    random = np.random.default_rng(0)
    contents = [
        (f"{index:05}", int(random.integers(1 << 47)), random.bytes(SIZE)) for index in range(MANY)
    ]
    _, bits, grey = contents[10]
    contents[MANY - 1] = ("the same.jpg", bits ^ 0b101, bytes([*grey[:-1], 0]))
    found, peak = linked(tmp_path, contents)
    assert found["the same.jpg"] == "00010"
    assert sum(alike is not None for alike in found.values()) == 2
    # The grey copies alone have four.
    assert peak < 1_000_000


def test_of_close_hashes_the_first_that_looks_the_same_counts(tmp_path):
    random = np.random.default_rng(1)
    greys = [random.bytes(SIZE) for _ in range(near.TOGETHER + 40)]
    contents = [(f"{index:05}", 7, grey) for index, grey in enumerate(greys)]
    # Pictures of one grey have nothing to be told by.
    contents += [("flat 1", 0, bytes([9]) * SIZE), ("flat 2", 0, bytes([9]) * SIZE)]
    contents += [("new 1", 6, greys[-1]), ("new 2", 5, greys[-1]), ("new 3", 7, greys[3])]
    found, _ = linked(tmp_path, contents)
    last = f"{near.TOGETHER + 39:05}"
    groups = {"new 1": last, "new 2": last, last: last, "new 3": "00003", "00003": "00003"}
    assert {name: alike for name, alike in found.items() if alike} == groups
