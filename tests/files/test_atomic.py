import pytest

from deepfake.files import atomic


def test_a_file_is_written_over_in_one_step_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new" / "folder" / "note.json"
    atomic.write(path, "früher")
    with path.open(encoding="utf-8") as reader:
        atomic.write(path, "später")
        assert reader.read() == "früher", "who reads it has the old file to its end"
    assert path.read_text(encoding="utf-8") == "später"
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_encoded_leaves_nothing_behind(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        atomic.write(tmp_path / "file.json", "\ud800")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path):
    path = tmp_path / "note.json"
    atomic.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        atomic.write(path, "half a character: \udce9")
    assert path.read_text() == "old"
    with pytest.raises(OSError, match=r"note\.json"):
        atomic.write(path / "below.json", "new")
