"""`deepfake scan s3://…` against a server that speaks S3's protocol, on this machine."""

import json
import os
import subprocess
import sys

import pytest

from tests.programs import free_port
from tests.scan.conftest import EXAMPLES, encoded, rows_of, start
from tests.video.clips import film
from tests.web.redis_server import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.services]
FACE = EXAMPLES / "eileen_collins.png"
START_SECONDS = 60


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """Names in a bucket → the files that were put there, as they lie in a folder."""
    folder = tmp_path_factory.mktemp("bucket")
    (folder / "2026-01").mkdir()
    (folder / "2026-02" / "deep").mkdir(parents=True)
    (folder / "2026-01" / "collins.png").write_bytes(FACE.read_bytes())
    (folder / "2026-01" / "broken.jpg").write_bytes(encoded(kind="JPEG")[:200])
    (folder / "2026-01" / "notes.md").write_bytes(b"no picture")
    (folder / "2026-02" / "deep" / "grey.png").write_bytes(encoded())
    film(folder / "2026-02" / "film.mp4", [FACE], 1.0)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "of-the-test",
                "AWS_SECRET_ACCESS_KEY": "of-the-test", "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            }.items():  # fmt: skip
                patch.setenv(name, value)
            _fill(folder, server)
            yield folder
    finally:
        server.terminate()
        server.wait(START_SECONDS)


def _fill(folder, server):
    """Put the files of a folder into a bucket, as soon as the server is there."""
    import s3fs

    store = s3fs.S3FileSystem(skip_instance_cache=True)

    def answers():
        assert server.poll() is None, "the server has ended"
        try:
            store.mkdir("photos")
        except OSError:
            return False
        return True

    wait_until(answers, START_SECONDS, "an answer of the server")
    store.put(f"{folder}/", "photos/", recursive=True)


def scanned(tmp_path, *sources, more=()):
    """Exit code, rows, and what was said, of a scan in a process of its own."""
    output = tmp_path / f"rows{len(list(tmp_path.iterdir()))}.jsonl"
    process = start(*sources, "-o", output, *more)
    try:
        said = "".join(process.communicate(timeout=240))
    finally:
        process.kill()
    return process.returncode, rows_of(output) if output.exists() else [], said


def without_addresses(rows, root):
    """The rows with the names below `root` only, by name."""
    return sorted(
        (json.loads(json.dumps(row).replace(f"{root}/", "")) for row in rows),
        key=lambda row: row["path"],
    )


@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_a_bucket_has_the_rows_of_the_same_folder(engine, bucket, tmp_path):
    more = ["--workers", "1", "--engine", engine]
    code, rows, said = scanned(tmp_path, "s3://photos", more=more)
    own_code, own, _ = scanned(tmp_path, bucket, more=["--workers", "1"])
    assert code == own_code == 2, said  # for the broken one
    assert [row["path"] for row in without_addresses(rows, "s3://photos")] == [
        "2026-01/broken.jpg", "2026-01/collins.png", "2026-02/deep/grey.png", "2026-02/film.mp4",
    ]  # fmt: skip
    assert without_addresses(rows, "s3://photos") == without_addresses(own, os.fspath(bucket))
    by_name = {row["path"].rpartition("/")[2]: row for row in rows}
    assert by_name["broken.jpg"]["error"] and by_name["collins.png"]["verdict"] == "real"
    assert by_name["film.mp4"]["video"]


def test_a_pattern_and_a_single_file(bucket, tmp_path):
    code, rows, said = scanned(
        tmp_path, "s3://photos/2026-*/*.png", "s3://photos/2026-02/deep/grey.png"
    )
    assert code == 0, said
    assert sorted(row["path"] for row in rows) == [
        "s3://photos/2026-01/collins.png", "s3://photos/2026-02/deep/grey.png",
    ]  # fmt: skip


@pytest.mark.parametrize("address", ["s3://photos/2027", "s3://nobodys-bucket/photos"])
def test_what_is_not_there_is_said_and_nothing_is_written(address, bucket, tmp_path):
    code, rows, said = scanned(tmp_path, address)
    assert (code, rows) == (1, [])
    assert f"There is nothing at {address}. Check the address." in said
    assert "Traceback" not in said
