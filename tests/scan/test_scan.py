"""`deepfake scan` on folders with everything that folders have."""

import csv
import json
import os
import shutil
import sys

import jsonschema
import pytest
from PIL import Image
from pyarrow import parquet

from deepfake.cli import main
from deepfake.scan.documents import ScanRowDocument
from deepfake.schema import json_schema
from tests.scan.conftest import EXAMPLES, encoded, rows_of, start

NOT_UTF8 = os.fsdecode(b"caf\xe9.jpg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("everything")
    inner = folder / "inner"
    inner.mkdir()
    for name in ("eileen_collins.png", "coffee.png", "fake_swap_hopper.jpg"):
        shutil.copy(EXAMPLES / name, folder / name)
    shutil.copy(EXAMPLES / "eileen_collins.png", inner / "the same.png")
    shutil.copy(EXAMPLES / "grace_hopper.jpg", inner / NOT_UTF8)
    with Image.open(EXAMPLES / "eileen_collins.png") as image:
        image.convert("RGB").resize((400, 400)).save(inner / "scaled.jpg", quality=80)
    (inner / "no ending").write_bytes(encoded())
    (folder / "damaged.jpg").write_bytes(encoded(kind="JPEG")[:200])
    (folder / "clip.mp4").write_bytes(b"....ftypmp42")
    (folder / "notes.md").write_text("no picture")
    (inner / "circle").symlink_to(folder)
    (inner / "nowhere.jpg").symlink_to("there is none.jpg")
    (inner / "a.jpg").symlink_to("b.jpg")
    (inner / "b.jpg").symlink_to("a.jpg")
    os.mkfifo(inner / "pipe.jpg")
    return folder


@pytest.fixture(scope="module")
def scanned(folder, tmp_path_factory):
    """Exit code, and the rows by name within the folder."""
    output = tmp_path_factory.mktemp("out") / "rows.jsonl"
    code = main(["scan", str(folder), "-o", str(output), "--workers", "1"])
    assert sorted(output.parent.iterdir()) == [output]
    return code, {row["path"].removeprefix(f"{folder}/"): row for row in rows_of(output)}


def test_every_picture_has_one_row(scanned):
    code, rows = scanned
    assert code == 2  # some could not be read
    assert set(rows) == {
        "eileen_collins.png", "coffee.png", "fake_swap_hopper.jpg", "damaged.jpg", "clip.mp4",
        "inner/the same.png", "inner/caf\\udce9.jpg", "inner/scaled.jpg", "inner/no ending",
        "inner/nowhere.jpg", "inner/a.jpg", "inner/b.jpg",
    }  # fmt: skip


def test_rows_are_as_documented(scanned):
    schema = json_schema(ScanRowDocument)
    for row in scanned[1].values():
        jsonschema.validate(row, schema)
        assert list(row) == list(ScanRowDocument.__annotations__)


def test_a_row_says_what_detect_says(scanned, folder, detector):
    for name in ("eileen_collins.png", "coffee.png", "fake_swap_hopper.jpg"):
        report = detector.detect(folder / name).to_dict()
        row = scanned[1][name]
        for field in ("verdict", "reasons", "signs", "notes", "threshold"):
            assert row[field] == report[field]
        assert row["p_fake"] == pytest.approx(report["p_fake"], abs=1e-6)
        assert [face["box"] for face in row["faces"]] == [face["box"] for face in report["faces"]]
        assert row["sha256"] == report["picture"]["sha256"]


def test_the_same_bytes_and_the_same_look_are_linked(scanned, folder):
    _, rows = scanned
    assert rows["inner/the same.png"]["duplicate_of"] == f"{folder}/eileen_collins.png"
    assert rows["inner/the same.png"]["p_fake"] == rows["eileen_collins.png"]["p_fake"]
    assert rows["inner/scaled.jpg"]["near_duplicate_of"] == f"{folder}/eileen_collins.png"
    assert rows["inner/scaled.jpg"]["duplicate_of"] is None
    assert rows["eileen_collins.png"]["near_duplicate_of"] is None
    # Another photo of like colours and pose.
    assert rows["coffee.png"]["near_duplicate_of"] is None


def test_what_cannot_be_read_says_why(scanned):
    _, rows = scanned
    assert "cut off" in rows["damaged.jpg"]["error"]
    assert "no such file" in rows["inner/nowhere.jpg"]["error"]
    assert "Too many levels" in rows["inner/a.jpg"]["error"]
    assert rows["clip.mp4"]["kind"] == "video"
    assert "damaged, or only a part" in rows["clip.mp4"]["error"]
    assert all(rows[name]["verdict"] is None for name in ("damaged.jpg", "clip.mp4"))


def test_csv_and_parquet_say_the_same(scan, scanned, folder, tmp_path):
    wanted = list(scanned[1].values())
    _, _, said = scan(folder, output=tmp_path / "rows.parquet")
    assert "12 files" in said and "3  no pictures, or links to folders" in said
    assert parquet.read_table(tmp_path / "rows.parquet").to_pylist() == wanted
    scan(folder, output=tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [row["path"] for row in wanted]
    assert [json.loads(row["faces"]) for row in rows] == [row["faces"] for row in wanted]
    assert {row["verdict"] for row in rows} == {row["verdict"] or "" for row in wanted}


def test_lists_patterns_and_names_that_vanish(scan, tmp_path, folder):
    names = tmp_path / "names.txt"
    names.write_bytes(
        os.fsencode(f"{folder}/coffee.png\r\n\n{folder}/gone.jpg\n{folder}/inner/{NOT_UTF8}")
    )
    code, rows, _ = scan(names, f"{folder}/**/*.png", f"{folder}/f*.jpg")
    assert code == 2
    found = {row["path"].removeprefix(f"{folder}/"): row["error"] for row in rows}
    assert set(found) == {
        "coffee.png", "eileen_collins.png", "inner/the same.png", "fake_swap_hopper.jpg",
        "gone.jpg", "inner/caf\\udce9.jpg",
    }  # fmt: skip
    assert "no such file" in found["gone.jpg"]


def test_a_list_on_standard_input_may_end_names_with_nul(tmp_path):
    name = tmp_path / "two\nlines.png"
    name.write_bytes(encoded())
    output = tmp_path / "rows.csv"
    process = start("-", "-o", output, "--workers", "1", stdin=-1)
    said, errors = process.communicate(f"{name}\0{EXAMPLES / 'coffee.png'}\0", timeout=180)
    assert process.returncode == 0, errors
    assert "2 files" in said
    with output.open(newline="", encoding="utf-8") as file:
        assert {row["path"] for row in csv.DictReader(file)} == {
            str(name), str(EXAMPLES / "coffee.png"),
        }  # fmt: skip


def test_no_cell_is_a_formula(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("=1+1.png", "@x.png"):
        (tmp_path / name).write_bytes(encoded())
    assert main(["scan", "*.png", "-o", "rows.csv", "--workers", "1"]) == 0
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == ["./=1+1.png", "./@x.png"]


def test_copies_go_by_verdict_and_a_pipeline_fails(scan, folder, tmp_path):
    copies = tmp_path / "copies"
    code, rows, _ = scan(folder, "--copy-to", copies, "--fail-on", "fake")
    assert code == 3
    for verdict in ("fake", "real", "uncertain", "not_applicable"):
        wanted = {row["sha256"][:12] for row in rows if row["verdict"] == verdict}
        place = copies / verdict
        found = [path.name for path in place.iterdir()] if place.exists() else []
        assert {name[:12] for name in found} == wanted
        assert len(found) == len(wanted)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "There is no file or folder nothing"),
        (["*.nothing"], "No file matches"),
        (["."], "is there already"),
        ([".", "-o", "x.xlsx"], "must end in .parquet, .csv, .jsonl"),
        ([".", "-o", "none/x.csv"], "There is no folder"),
        ([".", "-o", "x.csv", "--workers", "0"], "--workers must be at least 1"),
        ([".", "-o", "x.csv", "--time-limit", "nan"], "--time-limit must be above 0"),
        ([".", "-o", "x.csv", "--threshold", "2"], "threshold"),
        ([".", "-o", "x.csv", "--copy-to", "./copies"], "Name another folder"),
        ([".", "-o", "x.csv", "--html", "x.txt"], "must end in .html"),
        (["ftp://host/x", "-o", "x.csv"], "not fetched by ftp://"),
        ([".", "-o", "x.csv", "--model", "none"], "none"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("kept")
    named = arguments if "-o" in arguments else [*arguments, "-o", "there.csv"]
    if arguments[0] == "*.nothing":
        named[-1] = "x.csv"
    assert main(["scan", *named]) == 1
    assert sentence in capsys.readouterr().err
    assert (tmp_path / "there.csv").read_text() == "kept"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_full_disk_leaves_nothing_half_written_and_goes_on(tmp_path, their_rows, many_files):
    import resource

    output = tmp_path / "rows.jsonl"
    full = start(
        many_files, "-o", output, "--workers", "1",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000)),
    )  # fmt: skip
    _, errors = full.communicate(timeout=180)
    assert full.returncode == 1
    assert "cannot be written" in errors and "Traceback" not in errors
    assert not output.exists()
    assert main(["scan", str(many_files), "-o", str(output), "--workers", "1"]) == 0
    assert rows_of(output) == their_rows
    assert list(tmp_path.iterdir()) == [output]
