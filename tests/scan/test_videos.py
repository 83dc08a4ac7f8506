"""Videos among the files of a scan: rows like those of photos, by the decoding child."""

import json
import shutil
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from pyarrow import parquet

from deepfake.cli import main
from deepfake.scan import judging
from deepfake.scan.documents import ScanRowDocument
from deepfake.scan.item import Item
from deepfake.scan.judging import Judge, Task
from deepfake.schema import json_schema
from deepfake.settings import Settings
from deepfake.video.detector import VideoDetector
from tests.scan.conftest import EXAMPLES, rows_of
from tests.video.clips import film, sound_only


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    film(folder / "fake.mp4", [EXAMPLES / "fake_swap_hopper.jpg"], 2.0)
    shutil.copy(folder / "fake.mp4", folder / "the same.mp4")
    with zipfile.ZipFile(folder / "films.zip", "w") as archive:
        archive.write(film(folder / "nobody.webm", [EXAMPLES / "coffee.png"], 1.0, codec="libvpx"),
                      "inner/nobody.webm")  # fmt: skip
    (folder / "nobody.webm").unlink()
    sound_only(folder / "sound.mp4")
    (folder / "cut.mov").write_bytes((folder / "fake.mp4").read_bytes()[:3000])
    shutil.copy(EXAMPLES / "coffee.png", folder / "photo.png")
    return folder


def unpacked():
    return set(Path(tempfile.gettempdir()).glob("deepfake-scan-*"))


def test_videos_have_rows_with_verdict_people_and_what_is_wrong(scan, folder, detector, tmp_path):
    before = unpacked()
    code, rows, said = scan(folder, folder / "films.zip", "--html", tmp_path / "gallery.html")
    assert code == 2, said
    schema = json_schema(ScanRowDocument)
    for row in rows:
        jsonschema.validate(row, schema)
    by_name = {Path(row["path"]).name: row for row in rows}
    assert set(by_name) == {
        "fake.mp4", "the same.mp4", "nobody.webm", "sound.mp4", "cut.mov", "photo.png",
    }  # fmt: skip
    fake = by_name["fake.mp4"]
    report = VideoDetector(detector).detect(folder / "fake.mp4")
    assert (fake["kind"], fake["verdict"], fake["format"]) == ("video", "fake", "mov")
    assert fake["p_fake"] == pytest.approx(report.p_fake, abs=1e-6)
    (person,) = fake["video"]["people"]
    assert (person["verdict"], person["judged"]) == ("fake", len(report.people[0].judged))
    assert fake["video"]["share_judged"] == report.share_judged > 0.9
    # Judged once, and none of it lost.
    assert by_name["the same.mp4"]["duplicate_of"] == fake["path"]
    assert by_name["the same.mp4"]["video"] == fake["video"]
    nobody = by_name["nobody.webm"]
    assert (nobody["verdict"], nobody["video"]["people"]) == ("not_applicable", [])
    assert nobody["path"].endswith("films.zip/inner/nobody.webm")
    assert "no picture" in by_name["sound.mp4"]["error"]
    assert "damaged, or only a part" in by_name["cut.mov"]["error"]
    assert by_name["photo.png"]["video"] is None
    assert "5  of them videos" in said
    page = (tmp_path / "gallery.html").read_text(encoding="utf-8")
    assert "Video of 2 s, 1 person" in page
    # What was unpacked is gone.
    assert unpacked() == before


def test_parquet_has_them_too(folder, tmp_path, capsys):
    output = tmp_path / "rows.parquet"
    args = ["scan", str(folder / "fake.mp4"), "-o", str(output), "--workers", "1"]
    assert main([*args, "--copy-to", str(tmp_path / "copies"), "--fail-on", "fake"]) == 3
    (row,) = parquet.read_table(output).to_pylist()
    assert row["video"]["people"][0]["verdict"] == "fake"
    (copied,) = (tmp_path / "copies" / "fake").iterdir()
    assert copied.read_bytes() == (folder / "fake.mp4").read_bytes()
    assert main([*args[:2], "-o", str(tmp_path / "rows.jsonl"), "--workers", "1"]) == 0
    (line,) = rows_of(tmp_path / "rows.jsonl")
    assert json.loads(json.dumps(row)) == line


def test_a_video_beyond_the_limits_is_not_read(folder):
    small = replace(Settings(), max_video_bytes=1000, max_video_seconds=1)
    judge = Judge(Task("default", 0.75, small))
    item = Item(str(folder / "fake.mp4"), "video")
    inside = Item("films.zip/inner/nobody.webm", "video", str(folder / "films.zip"), 0)
    for one in (item, inside):
        (look,) = judge.look([one])
        assert "smaller copy" in look.problem
    long = Judge(Task("default", 0.75, replace(small, max_video_bytes=10**8)))
    # One video at a time, so that it has the time it needs.
    assert len(long.look([item, item])) == 1
    (content,) = long.judge([0])
    assert "longer than 1 seconds" in content.document["error"]


def test_of_what_is_no_picture_in_a_store_only_the_start_is_fetched(tmp_path, monkeypatch):
    (tmp_path / "table.parquet").write_bytes(b"PAR1" + bytes(2_000_000))
    shutil.copy(EXAMPLES / "coffee.png", tmp_path / "photo")
    fetched = []
    read = judging.read
    monkeypatch.setattr(judging, "read", lambda *of: fetched.append(read(*of)) or fetched[-1])
    judge = Judge(Task("default", 0.75, Settings()))
    table, photo = judge.look(
        [Item(f"file://{tmp_path}/{name}", "unknown") for name in ("table.parquet", "photo")]
    )
    assert not table.sha256 and not table.problem
    assert photo.sha256
    assert len(fetched[0]) < 10_000
    assert fetched[-1] == (EXAMPLES / "coffee.png").read_bytes()
