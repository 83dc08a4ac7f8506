"""Decoders, with real children."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfake import deadline, decoders, imaging, provenance
from deepfake.decoders import pool as pools
from deepfake.decoders.segments import Segment, Segments
from deepfake.errors import ImageError, LateError
from deepfake.imaging import Picture
from deepfake.settings import Settings
from tests.conftest import EXAMPLES
from tests.decoders import tasks
from tests.imaging import slow
from tests.imaging.files import encoded
from tests.imaging.hostile import seeds
from tests.web.redis_server import wait_until

HERE, THERE = Settings(decoders=0), Settings(decoders=2, decode_seconds=2)


@pytest.fixture(scope="module")
def pool():
    """Two decoders with a second for each file."""
    pool = decoders.Pool(2, 1, 1_500_000_000)
    yield pool
    pool.close()


def outcome(data, settings):
    """What is read of a file: (the Picture without its pixels or a sentence, the pixels)."""
    try:
        picture = imaging.read(data, settings)
    except ImageError as error:
        return str(error), None
    assert not picture.pixels.flags.writeable
    return {**vars(picture), "pixels": None}, picture.pixels


def test_a_decoder_reads_the_same_pixels_notes_and_errors():
    large = Image.open(EXAMPLES / "grace_hopper.jpg").convert("RGB").resize((3000, 2000))
    files = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.[jp][pn]g"))]
    files += [data for kinds in seeds().values() for data in kinds]
    files += [encoded(large, "JPEG"), encoded(large, "PNG", compress_level=1), files[0][:5000]]
    files += [b"\xff\xd8\xff" + bytes(100), encoded(large, "JPEG")[:-2]]
    for data in files:
        (here, pixels), (there, others) = outcome(data, HERE), outcome(data, THERE)
        assert here == there
        assert np.array_equal(pixels, others)
        assert provenance.read(data, HERE) == provenance.read(data, THERE)


@pytest.mark.parametrize("name", slow.FILES)
def test_a_small_file_cannot_keep_a_decoder_for_long(pool, name):
    """Whatever bytes it hides its work behind; and the next file finds a decoder."""
    before = pool.counts["too long"]
    with pytest.raises(ImageError, match=r"^This file takes too long to read: after 1 second"):
        pool.run(imaging.read, slow.FILES[name](), HERE, answers=(Picture,))
    assert pool.counts["too long"] == before + 1
    photo = (EXAMPLES / "grace_hopper.jpg").read_bytes()
    assert pool.run(imaging.read, photo, HERE, answers=(Picture,)).width == 512


def test_a_decoder_ends_at_its_limits_and_another_takes_its_place(pool, monkeypatch):
    monkeypatch.setattr(pools, "WAITING", 1)
    for task, sentence in (
        (tasks.spin, "takes too long"), (tasks.sleep, "takes too long"), (tasks.crash, "broke off"),
        (tasks.other, "broke off"),
    ):  # fmt: skip
        with pytest.raises(ImageError, match=sentence):
            pool.run(task, b"")
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        pool.run(tasks.fail, b"")
    idle = pool.run(tasks.number, b"")
    os.kill(idle, signal.SIGKILL)
    wait_until(lambda: _is_gone(idle), 20, "the end of the decoder")
    assert len({pool.run(tasks.number, b"") for _ in range(4)}) == 1
    assert pool.counts["not started"] == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit holds on Linux only")
def test_a_decoder_has_limited_memory():
    image = Image.new("RGB", (6000, 6000))
    little = Settings(decoders=1, decode_memory=60_000_000)
    with pytest.raises(ImageError, match="too large to decode"):
        imaging.read(encoded(image, "PNG"), little)
    assert imaging.read(encoded(image.resize((60, 60)), "PNG"), little).width == 60


def test_a_decoder_is_light_and_knows_no_secrets(pool, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    loaded = {name.split(".")[0] for name in pool.run(tasks.modules, b"")}
    assert not loaded & {
        "gradio",
        "tensorflow",
        "keras",
        "ai_edge_litert",
        "mcp",
        "huggingface_hub",
    }
    fresh = decoders.Pool(1, 1, 1_500_000_000)
    assert "hf_secret" not in fresh.run(tasks.environment, b"").values()
    fresh.close()


def test_many_ask_at_the_same_time(pool):
    photos = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.png"))]
    wanted = [imaging.read(photo, HERE).sha256 for photo in photos]
    found = [None] * 24

    def ask(index):
        one = pool.run(imaging.read, photos[index % len(photos)], HERE, answers=(Picture,))
        found[index] = one.sha256

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted[index % len(wanted)] for index in range(len(found))]


def test_pictures_keep_their_pixels_while_others_are_read(pool):
    """The memory that they lie in is used again only when nobody has them any more."""
    photos = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.png"))] * 3
    kept = [pool.run(imaging.read, photo, HERE, answers=(Picture,)).pixels for photo in photos]
    assert all(
        np.array_equal(pixels, imaging.read(photo, HERE).pixels)
        for pixels, photo in zip(kept, photos, strict=True)
    )


PARENT = """
import sys
from deepfake import decoders
from tests.decoders import tasks
pool = decoders.Pool(1, 60, 1_500_000_000)
print(pool.run(tasks.number, b""), flush=True)
getattr(pool, "run")(getattr(tasks, sys.argv[1]), b"")
print(sys.stdin.read())
"""


@pytest.mark.parametrize("task", ["spin", "number"])
def test_decoders_end_with_their_parent(task):
    """Also one that is killed, and in the middle of a file."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, task], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        child = int(parent.stdout.readline())
        parent.kill()
    wait_until(lambda: _is_gone(child), 20, "the end of the decoder")


def _is_gone(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    # Nobody may be there to ask for its exit code.
    return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_process_that_was_forked_has_decoders_of_its_own(portrait):
    imaging.read(portrait, THERE)
    number = os.fork()
    if not number:
        os._exit(0 if imaging.read(portrait, THERE).width == 512 else 1)
    assert os.waitpid(number, 0)[1] == 0
    assert imaging.read(portrait, THERE).width == 512


def test_a_decoder_is_ended_when_nobody_waits_for_it_any_more(pool):
    for _ in range(2):
        with pytest.raises(LateError), deadline.until(time.monotonic() + 0.3):
            pool.run(tasks.sleep, b"")
    # Nor is one waited for.
    children = [pool._idle.get() for _ in range(2)]
    with pytest.raises(LateError), deadline.until(time.monotonic() + 0.1):
        pool.run(tasks.number, b"")
    for child in children:
        pool._idle.put(child)
    assert pool.run(tasks.number, b"")


def test_a_segment_that_goes_while_another_is_given_back_stops_nobody(monkeypatch):
    kept = Segments(4)
    first, second = kept.take(), kept.take()
    size, waiting = Segment.size.fget, [second]

    def meanwhile(segment):
        # As when the interpreter collects a picture just then.
        if waiting:
            kept.give(waiting.pop())
        return size(segment)

    monkeypatch.setattr(Segment, "size", property(meanwhile))
    giving = threading.Thread(target=kept.give, args=(first,), daemon=True)
    giving.start()
    giving.join(10)
    assert not giving.is_alive() and {kept.take(), kept.take()} == {first, second}
