"""What a scan says of how far it is."""

import time

import pytest

from deepfake.scan.engine import Ready
from deepfake.scan.item import Item
from deepfake.scan.journal import Content, Journal
from deepfake.scan.judging import Look
from deepfake.scan.scanning import PART, Progress, Scan

COUNT = 2 * PART + 100


class AtOnce:
    """An Engine whose two workers do at once what they are asked; no two files are the same."""

    workers = 2

    def __init__(self):
        self._said, self._held = [], {}

    def start(self, worker):
        self._said.append((worker, Ready()))

    def send(self, worker, method, argument):
        if method == "look":
            self._held[worker] = [Look(item.name) for item in argument]
            self._said.append((worker, self._held[worker]))
        else:
            hashes = [self._held[worker][index].sha256 for index in argument]
            self._said.append((worker, [Content(sha256, {}) for sha256 in hashes]))

    def wait(self, seconds):
        said, self._said = self._said, []
        return said

    def close(self):
        pass


def listing(count):
    """So many files in two folders that overlap, and one that cannot be opened."""
    items = [Item(f"/photos/{index}.jpg", "picture") for index in range(count)]
    return [Item("/photos/locked", "folder", problem="It is locked."), *items, *items[-PART:]]


def scan(journal, items):
    """The Progress that is told while the listing takes its time."""
    told = []

    def slowly():
        for index, item in enumerate(items):
            heard = len(told)
            while index % PART == PART - 1 and len(told) < heard + 3:
                time.sleep(0.001)
            yield item

    Scan(journal, AtOnce(), seconds=60, tell=told.append).run(slowly())
    return told


@pytest.mark.parametrize("before", [0, COUNT - 100])
def test_progress_counts_each_file_once_also_of_a_scan_that_goes_on(tmp_path, before):
    journal = Journal(tmp_path / "journal", {"a": "b"})
    if before:
        scan(journal, listing(before))
    told = scan(journal, listing(COUNT))
    totals, done = [p.total for p in told], [p.done for p in told]
    assert all(p.done <= p.total <= COUNT + 1 for p in told)
    assert (totals, done) == (sorted(totals), sorted(done))
    assert (totals[-1], done[-1]) == (COUNT + 1, COUNT + 1)
    assert done[0] >= before
    # While more may come, nobody knows how long it will take; in the end it takes no longer.
    assert all(p.seconds_left is None for p in told if not p.listed)
    assert all(p.seconds_left >= 0 for p in told if p.listed and p.rate)
    assert told[-1].listed
    journal.close()


def test_the_time_left_is_that_of_the_files_left():
    assert Progress(total=100, listed=True, done=40, rate=3.0).seconds_left == 20
    assert Progress(total=100, listed=True, done=0, rate=0.0).seconds_left is None
