import hashlib
import os
import sys

import pytest

from deepfake.errors import ModelError
from deepfake.files import digest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model" / "variables").mkdir(parents=True)
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "model" / "variables" / "index").write_bytes(b"weights")
    return tmp_path / "model"


def test_a_file_has_the_sha256_of_its_content(folder):
    file = folder / "saved_model.pb"
    assert digest.sha256_of(file) == hashlib.sha256(b"graph").hexdigest()
    assert digest.size_of(file) == 5


def test_a_folder_is_another_when_a_file_changes_or_is_called_otherwise(folder, tmp_path):
    before = digest.sha256_of(folder)
    assert digest.size_of(folder) == 12
    moved = folder.rename(tmp_path / "elsewhere")
    assert digest.sha256_of(moved) == before
    (moved / "variables" / "index").rename(moved / "variables" / "other")
    renamed = digest.sha256_of(moved)
    (moved / "variables" / "other").write_bytes(b"weightz")
    assert len({before, renamed, digest.sha256_of(moved)}) == 3


def test_what_is_not_there_has_no_hash(tmp_path):
    with pytest.raises(ModelError, match="There is no model"):
        digest.sha256_of(tmp_path / "model.h5")


def test_what_cannot_be_a_model_is_refused(folder, monkeypatch):
    monkeypatch.setattr(digest, "MAX_FILES", 1)
    with pytest.raises(ModelError, match="2 files, too many"):
        digest.sha256_of(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="has no time that a program cannot set back")
def test_the_times_tell_that_a_file_was_changed_even_if_one_is_set_back(folder):
    file = folder / "saved_model.pb"
    before = digest.times_of(file)
    assert digest.times_of(file) == before
    os.utime(file, ns=(before[0] + 1, before[0] + 1))
    os.utime(file, ns=(before[0], before[0]))
    assert digest.times_of(file) != before


def test_on_windows_the_times_never_say_that_a_file_is_as_it_was(folder, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    file = folder / "saved_model.pb"
    assert digest.times_of(file) != digest.times_of(file)
