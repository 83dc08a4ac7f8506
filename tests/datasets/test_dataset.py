import shutil

import pytest

from deepfake.datasets.dataset import find_dataset
from deepfake.errors import TrainingError
from deepfake.manifest import Input

SPEC = Input(size=64, crop=1.3, mean=(127, 127, 127), std=(128, 128, 128))


def counts(samples):
    splits = ("train", "valid", "test")
    return [sum(s.split == name for s in samples) for name in splits]


def test_split_folders_are_recognised(labelled):
    samples = find_dataset(labelled).samples
    assert counts(samples) == [9, 4, 4]
    assert {s.label for s in samples if "fake" in s.path.parts} == {1}


@pytest.mark.parametrize(
    ("real", "fake"), [("real", "fake"), ("original", "DF"), ("0_real", "1_fake")]
)
def test_flat_folders_are_split_by_the_hash_of_the_name(tmp_path, real, fake):
    for name in (real, fake):
        (tmp_path / name).mkdir()
        for index in range(60):
            (tmp_path / name / f"{index}.png").touch()
    samples = find_dataset(tmp_path).samples
    assert len(samples) == 120 and min(counts(samples)) > 0
    assert samples == find_dataset(tmp_path).samples
    # The same name has the same split in both classes: pairs stay together.
    splits = {(s.path.name, s.label): s.split for s in samples}
    assert all(splits[name, 0] == splits[name, 1] for name, _ in splits)


def test_a_table_in_the_folder_goes_before_folder_names(tmp_path):
    rows = ["path,label,generator,split"]
    rows += [f"{split}{label}.png,{label},g{label},{split}" for split in ("train", "valid")
             for label in ("real", "fake")]  # fmt: skip
    for row in rows[1:]:
        (tmp_path / row.split(",")[0]).touch()
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    for source in (tmp_path, tmp_path / "labels.csv", str(tmp_path)):
        samples = find_dataset(source).samples
        assert counts(samples) == [2, 2, 0]
        assert {s.source for s in samples} == {"greal", "gfake"}


def test_the_description_shows_the_mapping_of_labels_and_what_was_derived(tmp_path):
    for name in ("train/0_real/a.jpg", "train/1_fake/a.jpg", "test/0_real/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    text = find_dataset(tmp_path).describe()
    assert "“0_real” is real, “1_fake” is fake" in text
    assert "test 1 real and 0 fake" in text
    assert "Note: No validation split" in text


def test_a_folder_of_one_class_is_found_but_not_trained_with(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").touch()
    assert len(find_dataset(tmp_path).samples) == 1
    with pytest.raises(TrainingError, match="no fake pictures"):
        find_dataset(tmp_path).require_training_splits()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(shutil.rmtree, "no folder", id="missing"),
        pytest.param(lambda f: (f / "cats").mkdir(), "no pictures.*cats", id="empty"),
        pytest.param(lambda f: [(f / c).mkdir() or (f / c / "1.png").touch()
                                for c in ("real", "fake")], "too few", id="too few to split"),
    ],
)  # fmt: skip
def test_folders_that_cannot_be_used_get_a_sentence(tmp_path, make, expected):
    make(tmp_path)
    with pytest.raises(TrainingError, match=expected):
        find_dataset(tmp_path).require_training_splits()


def test_a_file_of_another_kind_gets_a_sentence(portrait):
    with pytest.raises(TrainingError, match="not a folder or a CSV file"):
        find_dataset(portrait)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_tables_of_the_image_folder_form_are_read(tmp_path, name):
    for split in ("train", "test"):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        for label in ("real", "fake"):
            (folder / f"{label[0]}.png").touch()
        text = "file_name,label\nr.png,real\nf.png,fake\n"
        if name.endswith("jsonl"):
            text = (
                '{"file_name": "r.png", "label": "real"}\n{"file_name": "f.png", "label": "fake"}\n'
            )
        (folder / name).write_text(text)
    found = find_dataset(tmp_path)
    tests = sorted((s.path.name, s.label) for s in found.samples if s.split == "test")
    assert tests == [("f.png", 1), ("r.png", 0)]
    assert found.is_table and {s.split for s in found.samples} >= {"train", "test"}


def test_a_table_of_captions_is_no_table_of_labels(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "metadata.csv").write_text("file_name,text\na.png,a face\n")
    with pytest.raises(TrainingError, match="no folders that say"):
        find_dataset(tmp_path)


def test_lines_that_are_no_json_get_a_sentence(tmp_path):
    (tmp_path / "labels.jsonl").write_text('{"path": "a.png"}\nbroken\n')
    with pytest.raises(TrainingError, match="not a file of JSON lines"):
        find_dataset(tmp_path / "labels.jsonl")
