import shutil

import numpy as np
import pytest

from deepfake.errors import TrainingError
from deepfake.modelstore.manifest import Input
from deepfake.training.dataset import FaceReader, find_samples

SPEC = Input(size=64, crop=1.3, mean=(127, 127, 127), std=(128, 128, 128))


def counts(samples):
    splits = ("train", "valid", "test")
    return [sum(s.split == name for s in samples) for name in splits]


def test_split_folders_are_recognised(labelled):
    samples = find_samples(labelled)
    assert counts(samples) == [9, 4, 4]
    assert {s.label for s in samples if "fake" in s.path.parts} == {1}


@pytest.mark.parametrize(
    ("real", "fake"), [("real", "fake"), ("original", "DF"), ("0_real", "1_fake")]
)
def test_flat_folders_are_split_by_the_hash_of_the_name(tmp_path, portrait, real, fake):
    for name in (real, fake):
        (tmp_path / name).mkdir()
        for index in range(60):
            (tmp_path / name / f"{index}.png").touch()
    samples = find_samples(tmp_path)
    assert len(samples) == 120 and min(counts(samples)) > 0
    assert samples == find_samples(tmp_path)
    # The same name has the same split in both classes: pairs stay together.
    splits = {(s.path.name, s.label): s.split for s in samples}
    assert all(splits[name, 0] == splits[name, 1] for name, _ in splits)


def test_a_table_gives_labels_splits_and_sources(tmp_path):
    rows = ["path,label,generator,split"]
    rows += [f"{split}{label}.png,{label},g{label},{split}" for split in ("train", "valid")
             for label in ("real", "fake")]  # fmt: skip
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    samples = find_samples(tmp_path)
    assert counts(samples) == [2, 2, 0]
    assert {s.source for s in samples} == {"greal", "gfake"}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda f: shutil.rmtree(f), "no folder", id="missing"),
        pytest.param(lambda f: (f / "cats").mkdir(), "no real pictures.*cats", id="other names"),
        pytest.param(lambda f: (f / "labels.csv").write_text("path,label\na.png,maybe\n"),
                     "Line 2", id="unknown label"),
    ],
)  # fmt: skip
def test_folders_that_cannot_be_used_get_a_sentence(tmp_path, make, expected):
    make(tmp_path)
    with pytest.raises(TrainingError, match=expected):
        find_samples(tmp_path)


def test_validation_sees_exactly_what_serving_sees(labelled, detector):
    spec = detector.model.manifest.input
    sample = next(s for s in find_samples(labelled) if s.split == "valid" and s.label == 0)
    ((_, seen),) = FaceReader(spec).crops([sample])
    assert np.array_equal(seen, detector.detect(sample.path).faces[0].crop)


def test_unreadable_and_faceless_files_are_listed_not_fatal(labelled):
    reader = FaceReader(SPEC)
    faces = reader.training_faces([s for s in find_samples(labelled) if s.split == "train"])
    assert len(faces) == 8
    assert len(reader.skipped) == 1 and "broken.jpg" in reader.skipped[0]
