"""What is named → files, one after the other."""

import contextlib
import os
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from deepfake.errors import ScanError
from deepfake.scan import remote
from deepfake.scan.journal import Journal
from deepfake.scan.sources import Listing
from tests.datasets.test_hub import COMMIT
from tests.scan.conftest import encoded, rows_of, start

MANY = 50_000


def test_memory_does_not_grow_with_the_number_of_names(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("".join(f"/nowhere/holiday/{index:07}.jpg\n" for index in range(MANY)))
    journal = Journal(tmp_path / "journal", {"a": "b"})
    tracemalloc.start()
    part, count = [], 0
    for item in Listing([str(names)]):
        part.append(item)
        count += 1
        if len(part) == 500:
            journal.add(part)
            part = []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == MANY
    assert journal.totals() == (MANY, 0)
    assert peak < 2_000_000
    journal.close()


def test_overlapping_names_are_one_file(tmp_path):
    (tmp_path / "inner").mkdir()
    for name in ("a.jpg", "inner/b.jpg"):
        (tmp_path / name).write_bytes(encoded())
    journal = Journal(tmp_path / "journal", {"a": "b"})
    listing = Listing([str(tmp_path), str(tmp_path / "inner"), f"{tmp_path}/*.jpg"])
    journal.add(item for item in listing if item.kind == "picture")
    assert journal.totals() == (2, 0)
    journal.close()


def test_a_folder_that_may_not_be_opened_is_told_of(tmp_path):
    # Deeper than the system takes a name for.
    with contextlib.chdir(tmp_path):
        for _ in range(30):
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
    (found,) = [item for item in Listing([str(tmp_path)]) if item.kind == "folder"]
    assert "cannot be opened: File name too long" in found.problem


@pytest.mark.services
@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("", ["a.png", "train/b.png", "train/deep/c.png", "train/film.mp4"]),
        ("@main/train", ["train/b.png", "train/deep/c.png", "train/film.mp4"]),
        ("/train/*.[pm]*", ["train/b.png", "train/film.mp4"]),
    ],
)
def test_pictures_and_videos_of_the_hub_are_named_with_the_commit(films, tmp_path, named, found):
    output = tmp_path / "rows.jsonl"
    process = start(f"{films}{named}", "-o", output, "--workers", "1")
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    rows = {row["path"]: row["verdict"] for row in rows_of(output)}
    assert list(rows) == [f"{films}@{COMMIT}/{name}" for name in found]
    assert all(rows.values())


@pytest.mark.services
@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("hf://datasets/team/nothing", "The Hub has no data set team/nothing"),
        ("hf://datasets/team/films@nope/train", "has no revision 'nope'"),
        ("hf://datasets/team/films/valid", "There is nothing at"),
    ],
)
def test_what_the_hub_does_not_have_is_said_at_once(films, tmp_path, address, sentence):
    process = start(address, "-o", tmp_path / "rows.jsonl", "--workers", "1")
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 1 and sentence in errors and "Traceback" not in errors


@pytest.mark.services
def test_a_scan_does_not_go_on_with_another_commit(films, tmp_path):
    output = tmp_path / "rows.jsonl"
    Journal(tmp_path / "rows.jsonl.unfinished", {"list of sources": f"{films}@{'0' * 40}"}).close()
    process = start(films, "-o", output, "--workers", "1")
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 1
    assert f"another list of sources ({films}@{'0' * 40}, now {films}@{COMMIT})" in errors


def test_a_store_is_listed_and_read_through_fsspec(scan, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b c.png", "notes.md"):
        (tmp_path / "photos" / name).write_bytes(encoded() if name != "notes.md" else b"a text")
    code, rows, said = scan(f"file://{tmp_path}/photos")
    assert code == 0, said
    assert [(row["path"], row["verdict"]) for row in rows] == [
        (f"file://{tmp_path}/photos/a.png", "not_applicable"),
        (f"file://{tmp_path}/photos/b c.png", "not_applicable"),
    ]


def test_a_pattern_of_a_store_names_files_and_folders(tmp_path):
    for name in ("may/a.png", "may/notes.md", "june/b.png", "july/c.png", "[x].png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    def names(pattern):
        items = remote.listing(f"file://{tmp_path}/{pattern}")()
        return sorted((item.name.rpartition(f"{tmp_path}/")[2], item.kind) for item in items)

    july, june = ("july/c.png", "picture"), ("june/b.png", "picture")
    assert names("ju*/*.png") == names("ju*") == [july, june]
    assert names("*/[ab].png") == [june, ("may/a.png", "picture")]
    assert names("may/*") == [("may/a.png", "picture"), ("may/notes.md", "unknown")]
    assert names("[x].png") == [("[x].png", "picture")]
    with pytest.raises(ScanError, match="There is nothing at"):
        names("august/*.png")


def test_of_a_store_one_folder_is_in_memory_at_a_time(tmp_path, monkeypatch):
    class Store(LocalFileSystem):
        """Keeps what it lists, as those of object stores do, and has a folder that is locked."""

        cachable = False

        def ls(self, path, detail=False, **options):
            if path.endswith("locked"):
                raise RuntimeError("no credentials")
            self.dircache[path] = super().ls(path, detail=detail, **options)
            return self.dircache[path]

    for number in range(20):
        (tmp_path / f"{number:02}" / "inner").mkdir(parents=True)
        (tmp_path / f"{number:02}" / "inner" / "a.png").write_bytes(b"")
    (tmp_path / "locked").mkdir()
    store = Store()
    monkeypatch.setattr(remote, "_store", lambda _: store)
    kinds = Counter()
    for item in remote.listing(f"file://{tmp_path}")():
        assert len(store.dircache) <= 1
        kinds[item.kind] += 1
        if item.kind == "folder":
            assert item.name == f"file://{tmp_path}/locked"
            assert "cannot be listed: no credentials" in item.problem
    assert kinds == {"picture": 20, "folder": 1}
