"""Files as phones, editors and broken transfers make them: turned, uneven, cut off, absurd."""

import struct
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from deepfake.errors import VideoError
from deepfake.video.annotate import annotate
from deepfake.video.clip import Clip
from deepfake.video.detector import BEYOND, VideoDetector
from tests.conftest import EXAMPLES
from tests.video.clips import film, written

DAMAGED = "Parts of this video are damaged; what could be decoded was judged."


def picture(n=0):
    """Red above, blue below, and brighter with time."""
    image = Image.new("RGB", (96, 64), (200, n, 0))
    image.paste((0, n, 200), (0, 32, 96, 64))
    return image


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return written(tmp_path_factory.mktemp("plain") / "film.mp4", map(picture, range(30)), rate=15)


def changed(plain, folder, box, offset, values):
    """A copy of it with something else at a place behind a box's name."""
    data = bytearray(plain.read_bytes())
    place = data.index(box) + offset
    data[place : place + len(values)] = values
    (folder / "film.mp4").write_bytes(data)
    return folder / "film.mp4"


def test_a_film_of_a_turned_phone_is_upright(tmp_path):
    lying = [picture().rotate(90, expand=True)] * 5
    path = written(tmp_path / "lying.mp4", lying)
    turned = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 96 << 16, 0, 1 << 30)
    path = changed(path, tmp_path, b"tkhd", 44, turned)
    with Clip(path) as clip:
        (frame,) = clip.frames(clip.times[2:3])
    assert np.abs(frame.pixels.astype(int) - np.asarray(picture(), int)).mean() < 8
    target = tmp_path / "copy.mp4"
    annotate(path, SimpleNamespace(seconds=1.0, people=()), target)
    with Clip(target) as clip:
        (frame,) = clip.frames(clip.times[2:3])
    # But for the bar of time below.
    shown = frame.pixels[:50].astype(int)
    assert np.abs(shown - np.asarray(picture(), int)[:50]).mean() < 8


def test_frames_that_come_unevenly_keep_their_times(tmp_path):
    path, steps = tmp_path / "film.mp4", [20, 33, 66, 400] * 6
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for n in range(len(steps)):
            frame = av.VideoFrame.from_image(picture(10 * n))
            frame.time_base, frame.pts = Fraction(1, 1000), sum(steps[:n])
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    expected = [sum(steps[:n]) / 1000 for n in range(len(steps))]
    annotate(path, SimpleNamespace(seconds=3.0, people=()), tmp_path / "copy.mp4")
    for one in (path, tmp_path / "copy.mp4"):
        with Clip(one) as clip:
            assert clip.times == pytest.approx(expected, abs=0.002), one.name
            green = [frame.pixels[10, 10, 1] for frame in clip.frames(clip.times)]
        assert np.abs(np.array(green, int) - 10 * np.arange(len(steps))).max() < 12, one.name


@pytest.mark.parametrize(
    ("box", "offset", "values"),
    [
        pytest.param(b"mvhd", 20, b"\xff\xff\xff\xf0", id="a film of years"),
        pytest.param(b"mdhd", 20, b"\xff\xff\xff\xf0", id="a track of years"),
        pytest.param(b"stsd", 44, b"\xff" * 4, id="65535 pixels a side"),
    ],
)
def test_an_absurd_header_does_not_hide_what_the_frames_are(plain, tmp_path, box, offset, values):
    with Clip(changed(plain, tmp_path, box, offset, values)) as clip:
        assert len(clip.times) == 30
        assert clip.seconds == pytest.approx(29 / 15)
        (frame,) = clip.frames(clip.times[9:10])
    assert frame.pixels.shape == (64, 96, 3)


@pytest.mark.parametrize(
    ("box", "offset", "values", "sentence"),
    [
        pytest.param(b"stsz", 12, b"\x7f\xff\xff\xff", "damaged", id="billions of frames"),
        pytest.param(b"stts", 16, b"\x7f\xff\xff\xff", "longer than", id="a frame for years"),
    ],
)
def test_an_absurd_table_of_frames_is_refused_with_a_sentence(
    plain, tmp_path, box, offset, values, sentence
):
    with pytest.raises(VideoError, match=sentence):
        Clip(changed(plain, tmp_path, box, offset, values))


def test_frames_crowded_into_a_moment_are_called_damaged(plain, tmp_path):
    """As if all were shown within a few ticks of the clock, of a film said to be of two seconds."""
    table = struct.pack(">3I", 1, 0x7FFFFFFF, 1)
    with Clip(changed(plain, tmp_path, b"stts", 8, table)) as clip:
        assert clip.seconds < 0.5 and clip.broken


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        pytest.param("film.mp4", "libx264", {"movflags": "faststart"}, id="index first"),
        pytest.param("film.avi", "mpeg4", {}, id="AVI"),
    ],
)
def test_of_half_a_file_half_is_judged_and_said_so(name, codec, options, detector, tmp_path):
    path = film(
        tmp_path / name, [EXAMPLES / "fake_swap_collins.jpg"], 4.0, codec=codec, muxing=options
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    report = VideoDetector(detector).detect(path)
    (person,) = report.people
    assert len(person.judged) >= 4 and person.p_fake > 0.5
    assert 1.0 <= person.samples[-1].time < 3.0
    assert DAMAGED in report.notes
    # One person, one shot: the error rates beside the verdict are of such.
    assert BEYOND not in report.notes
