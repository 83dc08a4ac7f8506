"""The sound of annotated copies: there whatever it was, or said not to be."""

from types import SimpleNamespace

import av
import numpy as np
import pytest

from deepfake import cli
from deepfake.video.annotate import annotate
from tests.video.clips import sounding

REPORT = SimpleNamespace(seconds=1.0, people=())


@pytest.mark.parametrize(
    ("name", "codec", "copied"),
    [
        ("pcm.avi", "pcm_s16le", False), ("pcm.mkv", "pcm_s16le", False),
        ("adpcm.avi", "adpcm_ima_wav", False), ("mulaw.mov", "pcm_mulaw", False),
        ("aac.mp4", "aac", True), ("flac.mkv", "flac", True), ("mp3.avi", "libmp3lame", True),
        ("opus.webm", "libopus", True),
    ],
)  # fmt: skip
def test_a_copy_has_the_sound_of_its_video(name, codec, copied, tmp_path):
    path, target = sounding(tmp_path / name, codec), tmp_path / "copy.mp4"
    assert annotate(path, REPORT, target) == ""
    with av.open(str(path)) as container:
        original = container.streams.audio[0].codec_context.name
    with av.open(str(target)) as container:
        assert container.streams.audio[0].codec_context.name == (original if copied else "aac")
        frames = list(container.decode(audio=0))
    assert frames[-1].time == pytest.approx(1.0, abs=0.2)
    middle = frames[len(frames) // 2].to_ndarray().astype(float)
    assert np.ptp(middle) > 0, "a tone, not silence"


def test_sound_that_nobody_can_decode_is_said_to_be_missing(tmp_path, capsys):
    path, target = sounding(tmp_path / "film.avi", "pcm_s16le"), tmp_path / "copy.mp4"
    data = bytearray(path.read_bytes())
    place = data.index(b"strf", data.index(b"auds")) + 8
    # A kind of sound that does not exist.
    data[place : place + 2] = b"\x99\x79"
    path.write_bytes(data)
    assert cli.main(["video", str(path), "--annotate", str(target)]) == 0
    said = capsys.readouterr()
    assert "the copy has none" in said.err and said.out.startswith("not_applicable")
    with av.open(str(target)) as container:
        assert not container.streams.audio
        assert len(list(container.decode(video=0))) == 15
