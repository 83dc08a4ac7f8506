"""Photos on their way in: what is taken, for how long, and who cannot take all the room."""

import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import anyio
import httpx
import pytest
from PIL import Image
from starlette.requests import Request

from deepfake.web import forms, scratch
from tests.hosting.conftest import PAGES
from tests.hosting.test_nginx import start_nginx
from tests.imaging import slow
from tests.imaging.files import encoded
from tests.web.replica import Replica, Visitor

LIMIT = 1_000_000


def forwarded(address):
    return {"X-Forwarded-For": address}


@pytest.fixture(scope="module")
def replica(tmp_path_factory):
    """A public page with little room: ten photos of a megabyte."""
    folder = tmp_path_factory.mktemp("replica")
    made = Replica(
        folder, trusted_proxies="127.0.0.1", rate_limit="3/hour", max_bytes=LIMIT,
        max_video_bytes=LIMIT,
        decode_seconds=2, interpreters=1,
    )  # fmt: skip
    yield made
    made.process.kill()


@pytest.fixture(scope="module")
def jpeg(portrait):
    """A small photo of a face, which any number of bytes may follow."""
    image = Image.open(portrait).convert("RGB")
    return encoded(image, "JPEG")


def send(replica, data, address="203.0.113.1", name="photo.jpg"):
    return httpx.post(
        f"{replica.url}/gradio_api/upload", files={"files": (name, data)}, timeout=180,
        headers=forwarded(address),
    )  # fmt: skip


@pytest.fixture(scope="module")
def nginx(replica, tmp_path_factory):
    """The port of nginx, with our configuration, in front of it."""
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    process, port = start_nginx(folder, [f"127.0.0.1:{replica.port}"] * len(PAGES))
    yield port
    process.terminate()
    process.wait(30)


def tarpit(port, address, source="127.0.0.1", said=LIMIT):
    """A connection that announces a photo and sends its beginning, no more."""
    connection = socket.create_connection(("127.0.0.1", port), 60, source_address=(source, 0))
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: page\r\nX-Forwarded-For: {address}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {said}\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    )
    connection.sendall(head.encode() + b"\xff\xd8\xff\xe0")
    return connection


def test_idle_connections_take_no_room_and_do_not_stay(replica, nginx, jpeg):
    """Neither those that come directly nor those behind nginx."""
    with ExitStack() as stack:
        idle = [
            stack.enter_context(tarpit(replica.port, f"198.51.100.{number % 8}"))
            for number in range(32)
        ]
        idle += [
            stack.enter_context(tarpit(nginx, "6.6.6.6", f"127.0.3.{number // 4}"))
            for number in range(32)
        ]
        assert send(replica, jpeg).status_code == 200
        # One address has a few at the same time.
        fifth = send(replica, jpeg, "198.51.100.1")
        assert fifth.status_code == 429 and "on their way already" in fifth.json()["detail"]
        answers = [connection.recv(1000) for connection in idle]
    assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)
    assert all(b"connection: close" in answer.lower() for answer in answers[:32])


def test_a_body_that_drips_is_cut_off(jpeg):
    """However many bytes it sends each time before it would be idle."""

    async def drip():
        await anyio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def read():
        body = forms.Body(Request({"type": "http"}, drip))
        with pytest.raises(forms.RefusedError, match="too slowly"):
            while await body.next() is not None:
                pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "GRACE_SECONDS", 0.3)
        anyio.run(read)
        patch.setattr(forms, "BYTES_PER_SECOND", 0)
        patch.setattr(forms, "TOTAL_SECONDS", 0.3)
        anyio.run(read)


def test_only_what_begins_like_a_picture_is_kept(replica, jpeg):
    kept = {
        b"<html><script>alert(1)</script>": "a web page", b"%PDF-1.7": "a PDF", b"": "empty",
        b"BMorning": "", b"\0" * 200_000: "not a picture",
    }  # fmt: skip
    folder = _folder(replica)
    before = {*folder.rglob("*")}
    for number, (data, sentence) in enumerate(kept.items()):
        answer = send(replica, data, f"198.51.100.{50 + number}")
        if sentence:
            assert answer.status_code == 415 and sentence in answer.json()["detail"]
    assert len({*folder.rglob("*")} - before) <= 2  # the bitmap that is none, for its decoder
    # Of what comes with photos, in a folder, no more is kept than tells what it is.
    paths = httpx.post(
        f"{replica.url}/gradio_api/upload", headers=forwarded("198.51.100.60"),
        files=[("files", ("a.jpg", jpeg)), ("files", ("a.txt", b"a text" * 10_000))],
    ).json()  # fmt: skip
    assert [Path(path).stat().st_size for path in paths] == [len(jpeg), 4096]
    # The last has parts without end, for which it takes long to be read.
    parts = b"--b\r\nContent-Disposition: form-data\r\n\r\n\r\n" * 1200
    for odd in (b"no form", b"--b\r\n\r\n", b"--b--\r\n", parts + b"--b--\r\n"):
        kind = {"Content-Type": "multipart/form-data; boundary=b", **forwarded("198.51.100.61")}
        answer = httpx.post(f"{replica.url}/gradio_api/upload", content=odd, headers=kind)
        assert answer.status_code == 400 and answer.json()["detail"].endswith(".")


def test_a_photo_has_a_name_that_nobody_guesses_and_is_never_a_page(replica, jpeg):
    paths = [send(replica, jpeg, "198.51.100.70", "../../évil.html").json()[0] for _ in range(2)]
    assert paths[0] != paths[1] and {Path(path).name for path in paths} == {"évil.html"}
    assert all(Path(path).parent.parent == _folder(replica) for path in paths)
    answer = httpx.get(f"{replica.url}/gradio_api/file={paths[0]}")
    assert answer.content == jpeg
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"


def test_a_photo_is_gone_when_it_has_been_judged(replica, jpeg):
    visitor = _visitor(replica, jpeg, "198.51.100.80")
    photo = visitor.upload()
    assert visitor.result(visitor.send(photo))[0] == "complete"
    assert not Path(photo["path"]).exists() and not Path(photo["path"]).parent.exists()
    event, said = visitor.result(visitor.send(photo))
    assert event == "error" and "no longer here" in said["error"]


def test_one_visitor_cannot_take_all_the_room(replica, jpeg):
    large = jpeg + bytes(LIMIT - len(jpeg))
    mine = [send(replica, large, "198.51.100.90") for _ in range(5)]
    assert [answer.status_code for answer in mine[:4]] == [200] * 4
    assert mine[4].status_code == 507 and "of yours are here" in mine[4].json()["detail"]
    # Nor send without end.
    many = [send(replica, jpeg, "198.51.100.91") for _ in range(24)]
    assert (
        many[-1].status_code == 429 and "many photos in a short time" in many[-1].json()["detail"]
    )
    assert int(many[-1].headers["Retry-After"]) > 0


def test_a_visitor_over_the_limit_keeps_nobody_waiting(replica, jpeg):
    """The door asks before the queue, and one visitor has two places in it."""
    hostile = _visitor(replica, slow.many_scans(), "198.51.100.10")
    with ThreadPoolExecutor(8) as pool:
        photos = [hostile.upload() for _ in range(4)]
        sent = list(pool.map(hostile.send, photos))
        taken = [answer for answer in sent if answer.status_code == 200]
        assert len(taken) <= 2
        refused = [answer for answer in sent if answer.status_code == 429]
        assert refused and all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
        results = list(pool.map(hostile.result, taken))
    assert all("takes too long to read" in said["error"] for _, said in results)
    assert hostile.detect()[0] == "error"
    # From now on each of its requests ends at the door, and all others are served.
    over = [hostile.send(photos[-1]) for _ in range(20)]
    assert {answer.status_code for answer in over} == {429}
    assert "Each visitor has 3 analyses an hour" in over[0].json()["detail"]
    others = [_visitor(replica, jpeg, f"203.0.113.{number}") for number in range(6)]
    assert [other.detect()[0] for other in others] == ["complete"] * 6
    assert "Traceback" not in replica.log.read_text()


def test_all_visitors_together_have_so_much_room(replica, jpeg):
    large = jpeg + bytes(LIMIT - len(jpeg))
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda n: send(replica, large, f"203.0.113.{100 + n // 2}"), range(24))
        )
    codes = {answer.status_code for answer in answers}
    assert codes == {200, 507}
    refused = next(answer for answer in answers if answer.status_code == 507)
    assert "no room for more photos" in refused.json()["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    assert sum(path.stat().st_size for path in _folder(replica).rglob("*.jpg")) <= 10 * LIMIT


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"No disk can be mounted here, so this was NOT tested: {mounted.stderr}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def on_a_small_disk(small_disk, tmp_path):
    """A page whose uploads lie there."""
    made = Replica(tmp_path, temporary=small_disk, max_bytes=LIMIT)
    yield made
    made.process.kill()
    made.process.wait()


def test_a_full_disk_is_said_and_goes_by(on_a_small_disk, small_disk, jpeg):
    replica = on_a_small_disk
    visitor = _visitor(replica, jpeg, None)
    photo = visitor.upload()
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    full = send(replica, jpeg + bytes(500_000))
    assert full.status_code == 507 and "no room left on its disk" in full.json()["detail"]
    ready = replica.ready()
    assert ready.status_code == 503 and ready.json()["disk"] == "full"
    # What came before the disk was full is judged all the same, or told why not.
    event, said = visitor.result(visitor.send(photo))
    assert event == "complete" or "no room left" in said["error"]
    filler.unlink()
    assert replica.ready().json()["status"] == "ready"
    assert visitor.detect()[0] == "complete"
    assert "Traceback" not in replica.log.read_text()


def _visitor(replica, data, address):
    path = Path(replica.log.parent) / f"{abs(hash(data))}.jpg"
    path.write_bytes(data)
    return Visitor(replica.url, path, forwarded(address) if address else ())


def _folder(replica):
    (folder,) = Path(os.environ.get("TMPDIR", "/tmp")).glob(
        f"{scratch.PREFIX}{replica.process.pid}-*"
    )
    return folder
