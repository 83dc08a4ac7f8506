"""`deepfake data check` on tiny sets that have something wrong with them."""

import io
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image, ImageOps

from deepfake.cli import main
from deepfake.data_check.check import quick_warnings
from deepfake.datasets.dataset import find_dataset


def face(portrait, other_portrait, number, side=160):
    """One of many different crops of two portraits."""
    random = np.random.default_rng(number)
    image = Image.open((portrait, other_portrait)[number % 2]).convert("RGB")
    left, top = random.integers(40, 110), random.integers(0, 20)
    box = (left, top, left + 300, top + 300)
    if number % 2:
        box = (left + 60, top + 20, left + 400, top + 360)
    return image.crop(box).resize((side, side))


@pytest.fixture(scope="module")
def sharp_fakes(tmp_path_factory, portrait, other_portrait):
    """Small blurred reals as JPEG, large sharp fakes as PNG."""
    folder = tmp_path_factory.mktemp("shortcut")
    for number in range(36):
        image = face(portrait, other_portrait, number)
        for label, suffix, side in (("real", ".jpg", 40), ("fake", ".png", 160)):
            path = folder / "train" / label / f"{number}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            changed = image.resize((side, side)).resize((160, 160) if side == 160 else (120, 120))
            pixels = np.asarray(changed).astype(int)
            if label == "fake":
                noise = np.random.default_rng(number).normal(0, 25, pixels.shape)
                pixels = np.clip(pixels + noise, 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder


def check(folder, capsys, *options):
    assert main(["data", "check", str(folder), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_a_shortcut_is_found_and_its_culprit_named(sharp_fakes, capsys):
    report = check(sharp_fakes, capsys, "--image-size", "64")
    before = report["shortcut_test"]["before"]
    assert before["features"]["format"] == 1.0 and before["features"]["width"] == 1.0
    after = report["shortcut_test"]["after"]
    assert set(after["features"]) == {
        "bytes per pixel",
        "sharpness",
        "plain line below",
        "plain line at other sides",
    }
    assert after["above_limit"] and after["auc"] > 0.65
    assert any(
        after["culprit"] in warning and "preprocessing" in warning for warning in report["warnings"]
    )


@pytest.mark.slow
def test_text_and_json_say_the_same(sharp_fakes, capsys):
    report = check(sharp_fakes, capsys, "--sample", "34", "--image-size", "64")
    options = ["--sample", "34", "--image-size", "64"]
    assert main(["data", "check", str(sharp_fakes), *options]) == 0
    text = capsys.readouterr().out
    assert f"{report['shortcut_test']['after']['auc']:.2f}" in text
    assert "JPEG 36" in text and "PNG 36" in text
    assert all(warning in " ".join(text.split()) for warning in report["warnings"])
    assert report["shortcut_test"]["before"]["reals"] == 34


def test_unreadable_files_duplicates_and_leaks_are_reported(labelled, tmp_path, capsys):
    folder = tmp_path / "data"
    shutil.copytree(labelled, folder)
    shutil.copy(folder / "train/real/0.png", folder / "test/real/again.png")
    shutil.copy(folder / "train/real/1.png", folder / "train/fake/real.png")
    buffer = io.BytesIO()
    Image.open(folder / "train/fake/2.png").resize((180, 180)).save(buffer, "JPEG", quality=60)
    (folder / "valid/fake/small.jpg").write_bytes(buffer.getvalue())
    for split in ("train", "test"):
        shutil.copy(folder / "valid/real/1.png", folder / split / "real" / "clip_frame_1.png")
    report = check(folder, capsys)
    assert [entry["path"] for entry in report["unreadable"]] == ["train/real/broken.jpg"]
    exact = [t for t in report["duplicates"] if t["kind"] == "exact"]
    near = [t for t in report["duplicates"] if t["kind"] == "near"]
    (again,) = (t for t in exact if "test/real/again.png" in t["files"])
    assert "train/real/0.png" in again["files"] and {"train", "test"} <= set(again["splits"])
    (torn,) = (t for t in exact if "train/fake/real.png" in t["files"])
    assert torn["labels"] == ["real", "fake"]
    assert any({"train/fake/2.png", "valid/fake/small.jpg"} <= set(t["files"]) for t in near)
    assert report["group_leaks"] == {"clip": {"train": 1, "test": 1}}
    told = " ".join(report["warnings"])
    for part in ("cannot be read", "byte for byte", "look alike", "both real and fake", "clip",
                 "have a twin in train"):  # fmt: skip
        assert part in told


def test_a_training_can_be_warned_without_the_shortcut_test(labelled):
    warnings = quick_warnings(find_dataset(labelled))
    assert "1 file cannot be read" in warnings[0] and "byte for byte" in warnings[1]
    assert not any("shortcut" in warning for warning in warnings)


def test_counts_are_told_by_split_label_and_source(labelled, capsys):
    report = check(labelled, capsys)
    counts = {(c["split"], c["label"], c["source"]): c["files"] for c in report["counts"]}
    assert counts["train", "real", "real"] == 4 and counts["test", "fake", "fake"] == 2
    assert report["sizes"]["real"]["width"] == [224, 224, 224]
    assert report["shortcut_test"]["before"] is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--sample", "0"], "--sample must be at least 1"), (["--workers", "0"], "--workers"),
     (["--image-size", "4"], "16..2048"), (["--seed", "-1"], "--seed")],
)  # fmt: skip
def test_bad_options_get_a_sentence(labelled, capsys, options, expected):
    assert main(["data", "check", str(labelled), *options]) == 1
    assert expected in capsys.readouterr().err


def test_files_in_several_splits_are_counted_not_sets_of_them(tmp_path, portrait, capsys):
    for name in ("train/real/a.png", "train/fake/c.jpg", *(f"test/real/{n}.png" for n in range(3))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        image = Image.open(portrait).convert("RGB")
        (ImageOps.mirror(image) if "fake" in name else image).save(tmp_path / name)
    told = " ".join(check(tmp_path, capsys)["warnings"])
    assert "4 files that are the same byte for byte (1 set)" in told
    assert "Of the 3 files to test with, 3 have a twin in train" in told


def test_a_name_in_no_encoding_is_printed(tmp_path, portrait, capsys):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"broken")
    shutil.copy(portrait, tmp_path / "real")
    assert main(["data", "check", str(tmp_path)]) == 0
    capsys.readouterr().out.encode()
    check(tmp_path, capsys)


@pytest.mark.slow
def test_fakes_cut_out_of_figures_are_told_by_the_line_below(
    tmp_path, portrait, other_portrait, capsys
):
    for number in range(36):
        pixels = np.asarray(face(portrait, other_portrait, number).resize((160, 160))).copy()
        for label in ("real", "fake"):
            if label == "fake":
                pixels[-6:-3] = 255
            path = tmp_path / "train" / label / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, quality=92)
    report = check(tmp_path, capsys, "--image-size", "64")
    told = report["shortcut_test"]["before"]["features"]
    assert told["plain line below"] > 0.95
