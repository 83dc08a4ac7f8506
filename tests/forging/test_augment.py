"""`deepfake augment` from the command line."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfake import imaging
from deepfake.cli import main
from deepfake.datasets.dataset import find_dataset
from deepfake.forging import augment as augment_module
from deepfake.forging import recipes
from deepfake.forging.augment import relative_name


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def augment(data, output, *options):
    assert main(["augment", str(data), str(output), *options]) == 0
    with (output / "augmentations.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def flat(tmp_path_factory, portrait):
    folder = tmp_path_factory.mktemp("flat")
    image = Image.open(portrait).convert("RGB").resize((64, 64))
    for name in ("real/a.jpg", "real/a.png", "real/b.jpg", "fake/a.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        image.save(folder / name)
    return folder


def test_a_seed_gives_the_same_bytes_whatever_the_workers(flat, tmp_path):
    for name, workers in (("one", "1"), ("four", "4")):
        augment(flat, tmp_path / name, "--copies", "3", "--seed", "7", "--workers", workers)
    augment(flat, tmp_path / "other", "--copies", "3", "--seed", "8")
    one = files(tmp_path / "one")
    assert one == files(tmp_path / "four")
    assert one != files(tmp_path / "other")


def test_the_table_tells_how_to_make_each_copy_again(flat, tmp_path):
    rows = augment(flat, tmp_path / "out", "--copies", "3", "--seed", "1")
    assert len(rows) == 12 and len({row["copy"] for row in rows}) == 12
    for row in rows:
        original = imaging.read(flat / row["original"])
        recipe = recipes.Recipe.from_row(row)
        data, _ = recipes.encode(recipes.apply(original.pixels, recipe), recipe, original.format)
        assert (tmp_path / "out" / row["copy"]).read_bytes() == data


def test_only_training_pictures_are_augmented_unless_asked(labelled, tmp_path, capsys):
    rows = augment(labelled, tmp_path / "out")
    assert "broken.jpg" in capsys.readouterr().err
    assert {row["original"].split("/")[0] for row in rows} == {"train"}
    originals, out = files(labelled), files(tmp_path / "out")
    assert all(out[name] == data for name, data in originals.items() if "broken" not in name)
    rows = augment(labelled, tmp_path / "all", "--all-splits", "--no-originals")
    assert {row["original"].split("/")[0] for row in rows} == {"train", "valid", "test"}
    assert len(files(tmp_path / "all")) == len(rows) + 1


def test_labels_splits_and_groups_survive(labelled, tmp_path):
    rows = augment(labelled, tmp_path / "out", "--copies", "2")
    before, after = find_dataset(labelled), find_dataset(tmp_path / "out")
    assert after.words == before.words
    kept = {s.path.relative_to(tmp_path / "out").as_posix(): s for s in after.samples}
    for row in rows:
        copy, original = kept[row["copy"]], kept[row["original"]]
        assert (copy.label, copy.split) == (original.label, original.split)
        assert copy.group and copy.group == original.group


def test_a_table_is_written_again_with_sources_and_groups(flat, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(flat, data)
    (data / "labels.csv").write_text(
        "path,label,split,generator,group\nreal/a.jpg,real,train,camera,person1\n"
        "fake/a.jpg,fake,test,sdxl,\n"
    )
    augment(data, tmp_path / "out")
    samples = find_dataset(tmp_path / "out").samples
    told = {(s.path.name, s.label, s.split, s.source, s.group) for s in samples}
    copies = {t for t in told if "_aug1" in t[0]}
    assert {t[1:] for t in copies} == {(0, "train", "camera", "person1")}
    assert ("a.jpg", 1, "test", "sdxl", "fake/a") in told


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--copies", "0"], "At least one copy"), (["--use", "sepia"], "no augmentation sepia")],
)
def test_bad_options_get_a_sentence(flat, tmp_path, capsys, options, expected):
    assert main(["augment", str(flat), str(tmp_path / "out"), *options]) == 1
    assert expected in capsys.readouterr().err


def test_other_files_are_never_mixed_with(flat, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["augment", str(flat), str(tmp_path)]) == 1
    assert "holds other files" in capsys.readouterr().err
    assert files(tmp_path) == {"mine.txt": b"mine"}
    assert main(["augment", str(flat), str(flat / "out")]) == 1
    assert "lies in the data set" in capsys.readouterr().err
    assert not (flat / "out").exists()


def test_a_copy_with_noise_alone_is_as_noisy_as_it_says(flat, tmp_path):
    for row in augment(flat, tmp_path / "out", "--use", "noise"):
        copy = imaging.read(tmp_path / "out" / row["copy"]).pixels.astype(float)
        difference = copy - imaging.read(flat / row["original"]).pixels
        # Some of it is cut off at black and white, and JPEG takes some away.
        assert 0.5 < np.std(difference) / float(row["noise"]) < 1.1
        assert [name for name, cell in row.items() if cell] == [
            "copy", "original", "noise", "noise_seed",
        ]  # fmt: skip


def test_names_in_no_encoding_are_written_with_others(flat, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(flat, data)
    shutil.copy(flat / "real/a.jpg", data / "real" / os.fsdecode(b"caf\xe9.jpg"))
    rows = augment(data, tmp_path / "out")
    assert "real/caf_xe9_aug1" in {row["copy"].rsplit(".", 1)[0] for row in rows}
    assert all((tmp_path / "out" / row["copy"]).is_file() for row in rows)
    outside = Path(os.fsdecode(b"/elsewhere/caf\xe9.jpg"))
    assert relative_name(outside, data).name.endswith("_caf_xe9.jpg")


def test_files_that_vanish_are_listed(labelled, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(labelled, data)
    found = find_dataset(data)
    (data / "test/real/0.png").unlink()
    (data / "train/real/0.png").unlink()
    copies = augment_module.augment(found, tmp_path / "out", 1)
    told = " ".join(copies.skipped)
    assert "test/real/0.png: No such file" in told and "train/real/0.png" in told
    assert (tmp_path / "out/augmentations.csv").is_file()


def test_a_disk_that_takes_no_more_gets_a_sentence(flat, tmp_path):
    code = "import sys; from deepfake.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", code, "augment", str(flat), str(tmp_path / "out")]
    # No file may be longer than 512 or 1,024 bytes, whichever the shell counts in.
    shell = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *words]
    root = Path(__file__).parents[2]
    done = subprocess.run(shell, capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 1, done.stderr
    assert "takes no more files" in done.stderr and "Traceback" not in done.stderr
