import os
from pathlib import Path

import pytest

from deepfake.datasets.groups import group_by_names, leaks, settle_splits
from deepfake.datasets.layouts import read_folders
from deepfake.datasets.tables import read_table
from deepfake.errors import TrainingError


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(layout, folder):
    return {
        s.path.relative_to(folder).as_posix(): (s.label, s.split, s.source) for s in layout.samples
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("train/fake/a.jpg", (1, "train", "fake"), id="140k"),
        pytest.param("rvf/real-vs-fake/valid/real/a.jpg", (0, "valid", "real"), id="140k nested"),
        pytest.param("real/a.png", (0, "", "real"), id="flat"),
        pytest.param("Fake/val/a.png", (1, "valid", "fake"), id="class above split"),
        pytest.param("train/0_real/a.png", (0, "train", "real"), id="numbered"),
        pytest.param("training_fake/a.jpg", (1, "train", "fake"), id="split in the class name"),
        pytest.param("test/fake/sdxl/a.webp", (1, "test", "sdxl"), id="sub-folders are sources"),
        pytest.param("manipulated_sequences/Deepfakes/c23/a.png", (1, "", "Deepfakes"), id="ff++"),
    ],
)
def test_layouts_are_recognised(tmp_path, name, expected):
    make(tmp_path, name)
    assert found(read_folders(tmp_path), tmp_path) == {name: expected}


def test_a_data_set_may_be_named_like_a_class(tmp_path):
    make(tmp_path, "deepfake/train/real/a.jpg", "deepfake/train/fake/b.jpg")
    assert [s.label for s in read_folders(tmp_path).samples] == [1, 0]


def test_methods_side_by_side_are_sources(tmp_path):
    make(tmp_path, "original/a.jpg", "Deepfakes/b.jpg", "Face2Face/c.jpg")
    assert {s.source for s in read_folders(tmp_path).samples} == {"real", "Deepfakes", "Face2Face"}


def test_many_sub_folders_are_people_or_videos_and_stay_together(tmp_path):
    make(tmp_path, *(f"{label}/{n:03}/{i}.jpg" for label in ("real", "fake")
                     for n in range(30) for i in range(2)))  # fmt: skip
    layout = read_folders(tmp_path)
    assert {s.source for s in layout.samples} == {"real", "fake"}
    assert {s.group for s in layout.samples} == {f"{n:03}" for n in range(30)}
    assert "30 sub-folders" in " ".join(layout.notes)


def test_hidden_files_and_loops_are_left_out_and_links_followed(tmp_path):
    make(tmp_path / "data", "real/a.jpg", "real/._a.jpg", "__MACOSX/real/a.jpg", ".cache/x.jpg")
    make(tmp_path / "elsewhere", "b.jpg")
    (tmp_path / "data" / "fake").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "real" / "loop").symlink_to(tmp_path / "data")
    layout = read_folders(tmp_path / "data")
    assert sorted(found(layout, tmp_path / "data")) == ["fake/b.jpg", "real/a.jpg"]


def test_pictures_outside_class_folders_are_left_out_and_told(tmp_path):
    make(tmp_path, "real/a.jpg", "fake/a.jpg", "plot.png", "train/grid.png")
    layout = read_folders(tmp_path)
    assert len(layout.samples) == 2 and "2 pictures lie outside" in layout.notes[0]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cats/a.jpg", "dogs/b.jpg", "dogs/c.jpg"], r"neither.*dogs/ \(2\), cats/ \(1\)"),
        (["train/real/a.jpg", "train/unsure/b.jpg"], r"train/unsure/ \(1\).*Known words"),
        (["fake/original/a.jpg"], "fake/original names both"),
        (["a.jpg"], "1 pictures, but no folders.*a.jpg"),
        (["real/notes.txt"], "no pictures.*Found: real"),
    ],
)
def test_folders_that_do_not_tell_are_refused_with_what_was_found(tmp_path, names, expected):
    make(tmp_path, *names)
    with pytest.raises(TrainingError, match=expected):
        read_folders(tmp_path)


@pytest.mark.parametrize("head", ["path,label,split,group,generator",
                                  "\ufefffile_name;class;subset;group;source"])  # fmt: skip
def test_tables_of_several_makers_are_read(tmp_path, head):
    make(tmp_path, "sub/a.jpg", "b.jpg")
    mark = ";" if ";" in head else ","
    rows = [["sub\\a.jpg", "FAKE", "val", "video1", "sdxl"], ["b.jpg", "real", "", "", ""]]
    text = "\n".join([head, *(mark.join(row) for row in rows), ""])
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    layout = read_table(tmp_path / "labels.csv")
    assert found(layout, tmp_path) == {"sub/a.jpg": (1, "valid", "sdxl"), "b.jpg": (0, "", "real")}
    assert [s.group for s in layout.samples] == ["video1", ""]
    assert layout.words == {"FAKE": 1, "real": 0}


def test_missing_files_of_a_table_are_told_and_left_out(tmp_path):
    make(tmp_path, "a.jpg")
    (tmp_path / "labels.csv").write_text("path,label\na.jpg,real\ngone.jpg,fake\n")
    layout = read_table(tmp_path / "labels.csv")
    assert len(layout.samples) == 1 and "gone.jpg" in layout.notes[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path,label\na.jpg,maybe\n", "Line 2.*maybe"),
        ("path,label\na.jpg,1\n", "Line 2.*number.*not guessed"),
        ("path,label,split\na.jpg,real,later\n", "Line 2.*later"),
        ("path,label\na.jpg,real\na.jpg,fake\n", "Line 3.*again"),
        ("path,label\ngone.jpg,real\n", "None of the 1 files.*gone.jpg"),
        ("name,kind\na.jpg,real\n", "no column path and no column label.*Found: name, kind"),
        ("", "Found: nothing"),
        (b"\xff\xfe\x00broken", "not a CSV file"),
    ],
)
def test_tables_that_cannot_be_used_get_a_sentence(tmp_path, text, expected):
    make(tmp_path, "a.jpg")
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "labels.csv").write_bytes(data)
    with pytest.raises(TrainingError, match=expected):
        read_table(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    "name", ["{label}/video{v}/frame_{f:04}.jpg", "{label}/{v:03}/{f:04}.jpg",
             "{label}/clip_{v}/frames/{f}.jpg", "{label}/camera/id{v}/frm{f}_face0.jpg"],
)  # fmt: skip
def test_frames_of_few_videos_are_never_torn_apart(tmp_path, name):
    make(tmp_path, *(name.format(label=label, v=v, f=f) for label in ("real", "fake")
                     for v in range(20) for f in range(12)))  # fmt: skip
    layout = read_folders(tmp_path)
    samples, _ = settle_splits(group_by_names(layout.samples)[0])
    assert len({s.group for s in samples}) == 20 and leaks(samples) == {}
    assert {s.split for s in samples} == {"train", "valid", "test"}
    assert {s.source for s in samples} <= {"real", "fake", "camera"}
    assert "frames of the 20 folders" in " ".join(layout.notes)


def test_numbers_of_generators_are_no_frames_but_told(tmp_path):
    make(tmp_path, "real/a.jpg", *(f"fake/{g}/{n}.png" for g in ("sdxl", "flux") for n in range(3)))
    layout = read_folders(tmp_path)
    assert {s.source for s in layout.samples} == {"real", "sdxl", "flux"}
    assert not any(s.group for s in layout.samples)
    assert "taken for sources: flux, sdxl. If each is a person" in " ".join(layout.notes)


def test_a_split_that_is_a_link_to_another_is_kept_and_told(tmp_path):
    make(tmp_path, *(f"{s}/{c}/a.jpg" for s in ("train", "test") for c in ("real", "fake")))
    (tmp_path / "valid").symlink_to(tmp_path / "test")
    layout = read_folders(tmp_path)
    assert [s.split for s in layout.samples].count("valid") == 2
    assert "valid is the same folder as" in layout.notes[0] and len(layout.notes) == 1


def test_names_without_a_file_are_told_and_left_out(tmp_path):
    make(tmp_path, "real/a.jpg", "fake/a.jpg")
    (tmp_path / "real/gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(tmp_path / "real/pipe.jpg")
    layout = read_folders(tmp_path)
    assert len(layout.samples) == 2 and "2 names have no file" in layout.notes[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_folders_that_cannot_be_opened_are_told(tmp_path):
    make(tmp_path, "real/a.jpg", "fake/a.jpg", "fake/closed/b.jpg")
    (tmp_path / "fake/closed").chmod(0)
    try:
        assert "1 folders cannot be opened" in read_folders(tmp_path).notes[0]
    finally:
        (tmp_path / "fake/closed").chmod(0o700)


def test_a_table_that_mixes_full_and_relative_paths_gives_full_ones(tmp_path, monkeypatch):
    make(tmp_path, "sub/a.jpg", "sub/b.jpg")
    text = f"path,label\na.jpg,real\n{tmp_path / 'sub/b.jpg'},fake\n"
    (tmp_path / "sub/labels.csv").write_text(text)
    monkeypatch.chdir(tmp_path)
    layout = read_table(Path("sub/labels.csv"))
    assert os.path.commonpath([s.path for s in layout.samples]) == str(tmp_path / "sub")
