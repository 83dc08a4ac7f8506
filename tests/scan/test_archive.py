"""ZIP archives of strangers."""

import io
import stat
import struct
import zipfile

import pytest

from deepfake.errors import ScanError
from deepfake.scan import archive
from tests.scan.conftest import EXAMPLES, encoded


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    path = tmp_path_factory.mktemp("zip") / "hostile.zip"
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as nested:
        nested.writestr("a.jpg", encoded())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("fine/face.jpg", (EXAMPLES / "grace_hopper.jpg").read_bytes())
        file.writestr("fine/grüße.png", encoded())
        file.writestr("notes.txt", "no picture")
        for name in ("../../up.jpg", "/etc/root.jpg", "C:/disk.jpg", "..\\up.jpg", "bell\a.jpg"):
            file.writestr(name, encoded())
        file.writestr("bomb.png", b"\x89PNG\r\n\x1a\n" + bytes(30_000_000))
        file.writestr("nested.zip", inner.getvalue())
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
        file.writestr("damaged.png", encoded("red"))
        file.writestr("bzip2.png", bytes(900_000), zipfile.ZIP_BZIP2)
        file.writestr("lzma.png", bytes(900_000), zipfile.ZIP_LZMA)
        locked = zipfile.ZipInfo("locked.jpg")
        file.writestr(locked, encoded())
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("fine/grüße.png", encoded("blue"))
    data = bytearray(path.read_bytes())
    place = data.rfind(b"PK\x01\x02", 0, data.rfind(b"locked.jpg"))
    data[place + 8] |= 1
    place = data.find(b"damaged.png") + len("damaged.png") + 4
    data[place] ^= 0xFF
    path.write_bytes(data)
    return path


def test_what_is_hostile_is_refused_entry_by_entry(scan, hostile):
    code, rows, _ = scan(hostile)
    assert code == 2
    said = {row["path"].removeprefix(f"{hostile}/"): row["error"] or row["verdict"] for row in rows}
    for name in ("../../up.jpg", "/etc/root.jpg", "C:/disk.jpg", "..\\up.jpg"):
        assert "leads out of it" in said.pop(name)
    assert "control characters" in said.pop("bell\a.jpg")
    assert "ZIP bombs" in said.pop("bomb.png")
    assert "archive in an archive" in said.pop("nested.zip")
    assert "is a link" in said.pop("link.jpg")
    assert "password" in said.pop("locked.jpg")
    # Python's readers of these make all of it at once, whatever size is claimed.
    assert "“Deflate”" in said.pop("bzip2.png") and "“Deflate”" in said.pop("lzma.png")
    assert "damaged" in said.pop("damaged.png")
    assert said == {
        "fine/face.jpg": "uncertain", "fine/grüße.png": "not_applicable",
        "fine/grüße.png (2)": "not_applicable",
    } or said["fine/face.jpg"] in ("real", "fake")  # fmt: skip


def test_an_archive_with_too_many_entries_is_refused_before_they_are_read(tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as file:
        for index in range(50):
            file.writestr(f"{index}.jpg", b"")
    assert len(list(archive.listing(str(path), max_entries=50))) == 50
    with pytest.raises(ScanError, match="has 50 entries; at most 49"):
        list(archive.listing(str(path), max_entries=49))
    # One that lies about it.
    data = bytearray(path.read_bytes())
    struct.pack_into("<HH", data, data.rfind(b"PK\x05\x06") + 8, 1, 1)
    path.write_bytes(data)
    with pytest.raises(ScanError, match="has 50 entries"):
        list(archive.listing(str(path), max_entries=49))


@pytest.mark.parametrize("keep", [4, 1000, -30])
def test_a_cut_archive_is_said_to_be_damaged(tmp_path, hostile, scan, keep):
    path = tmp_path / "cut.zip"
    path.write_bytes(hostile.read_bytes()[:keep])
    code, rows, said = scan(path)
    assert (code, rows) == (1, [])
    assert "is damaged" in said
