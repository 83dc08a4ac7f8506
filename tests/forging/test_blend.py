"""`deepfake blend` from the command line."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

from deepfake import imaging
from deepfake.cli import main
from deepfake.datasets.dataset import find_dataset


@pytest.fixture(scope="module")
def photos(tmp_path_factory, portrait, other_portrait, faceless):
    """Two people as JPEG and PNG, one photo without a face, one that is broken."""
    folder = tmp_path_factory.mktemp("photos")
    Image.open(portrait).convert("RGB").crop((60, 0, 400, 340)).save(folder / "collins.png")
    image = Image.open(other_portrait).convert("RGB").resize((384, 450))
    image.save(folder / "hopper.jpg", quality=70, subsampling=0)
    shutil.copy(faceless, folder / "cup.png")
    (folder / "broken.jpg").write_bytes(b"broken")
    return folder


def blend(data, output, *options):
    assert main(["blend", str(data), str(output), *options]) == 0
    with (output / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def blended(resynthesis, photos, tmp_path_factory):
    output = tmp_path_factory.mktemp("blended") / "out"
    options = ["--kind", "all", "--count", "8", "--with-reals", "--seed", "3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resynthesis, "FITTING_STEPS", 6)
        return output, blend(photos, output, *options)


def test_every_kind_is_made_and_told(blended):
    output, rows = blended
    fakes = [row for row in rows if row["label"] == "fake"]
    assert len(fakes) == 8
    assert {row["kind"] for row in fakes} == {"self", "swap", "reenact", "resynthesis"}
    for row in fakes:
        assert (output / row["path"]).is_file()
        assert row["seed"] == "3"
        assert bool(row["donor"]) == (row["kind"] == "swap")
        assert row["donor"] != row["original"]


def test_fakes_have_the_size_of_the_photo_and_differ_only_around_the_face(blended):
    output, rows = blended
    reals = {row["original"]: row for row in rows if row["label"] == "real"}
    for row in (row for row in rows if row["label"] == "fake"):
        fake = imaging.read(output / row["path"]).pixels.astype(int)
        real = imaging.read(output / reals[row["original"]]["path"]).pixels.astype(int)
        assert fake.shape == real.shape
        changed = np.abs(fake - real).max(axis=-1) > 12
        assert changed.any()
        # The lower edge of both photos is clothing.
        assert not changed[-40:].any()


def test_a_fake_is_written_like_its_original(blended, photos):
    output, rows = blended
    for row in rows:
        with Image.open(output / row["path"]) as image, Image.open(row["original"]) as original:
            assert image.format == original.format
            if image.format == "JPEG":
                assert image.quantization == original.quantization
                assert image.layer[0][1:3] == original.layer[0][1:3]


def test_the_result_is_a_data_set_that_keeps_groups_together(blended):
    output, rows = blended
    dataset = find_dataset(output)
    assert len(dataset.samples) == len(rows)
    assert {s.source for s in dataset.samples if s.label} <= {
        "self_blend", "face_swap", "reenactment", "resynthesis",
    }  # fmt: skip
    splits = {}
    for sample in dataset.samples:
        assert splits.setdefault(sample.group, sample.split) == sample.split


@pytest.mark.slow
def test_a_seed_gives_the_same_files_whatever_the_workers(photos, tmp_path):
    folders = tmp_path / "one", tmp_path / "three"
    for folder, workers in zip(folders, ("1", "3"), strict=True):
        blend(photos, folder, "--count", "4", "--workers", workers)
    one, three = ({p.name: p.read_bytes() for p in f.rglob("*.*")} for f in folders)
    assert one == three and len(one) == 5


def test_donors_are_never_of_another_split_or_the_same_group(photos, tmp_path, capsys):
    for split, name in (("train", "collins.png"), ("test", "hopper.jpg")):
        folder = tmp_path / "split" / split / "real"
        folder.mkdir(parents=True)
        shutil.copy(photos / name, folder)
    assert main(["blend", str(tmp_path / "split"), str(tmp_path / "a"), "--kind", "swap"]) == 1
    assert "two people in one split" in capsys.readouterr().err
    rows = ["path,label,group", *(f"{photos / n},real,same" for n in ("collins.png", "hopper.jpg"))]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    table = str(tmp_path / "labels.csv")
    (tmp_path / "b").mkdir()
    assert main(["blend", table, str(tmp_path.parent / "c"), "--kind", "swap"]) == 1
    assert "two people" in capsys.readouterr().err


@pytest.mark.slow
def test_splits_of_the_photos_are_kept(photos, tmp_path):
    for split in ("train", "valid"):
        shutil.copytree(photos, tmp_path / "data" / split / "real")
    rows = blend(tmp_path / "data", tmp_path / "out")
    assert {row["path"].split("/")[0] for row in rows} == {"train", "valid"}
    for row in rows:
        assert f"/{row['split']}/" in row["original"]
        assert not row["donor"] or f"/{row['split']}/" in row["donor"]


def test_photos_without_a_face_are_listed(photos, tmp_path, capsys):
    blend(photos, tmp_path / "out", "--kind", "self")
    told = capsys.readouterr().err
    assert "cup.png: no face found" in told and "broken.jpg" in told
    assert "all photos are taken for real" in told


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda f: (f / "fake").mkdir() or (f / "fake" / "a.jpg").touch(), "no real photos"),
        (lambda f: None, "no pictures"),
        (lambda f: (f / "a.jpg").write_bytes(b"broken"), "No face was found"),
    ],
)
def test_folders_without_real_faces_get_a_sentence(tmp_path, capsys, make, expected):
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    assert main(["blend", str(tmp_path / "in"), str(tmp_path / "out")]) == 1
    assert expected in capsys.readouterr().err


def test_a_folder_of_fakes_is_not_taken_for_reals(photos, tmp_path, capsys):
    shutil.copytree(photos, tmp_path / "fakes")
    assert main(["blend", str(tmp_path / "fakes"), str(tmp_path / "out")]) == 1
    assert "named like a folder of fakes" in capsys.readouterr().err
