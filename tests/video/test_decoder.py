"""The process that decodes: when it starts and ends, and what is judged while it goes on."""

import subprocess
import sys
import time

import pytest

from deepfake.video.detector import VideoDetector
from deepfake.video.sampling import PER_SHOT
from tests.conftest import EXAMPLES
from tests.programs import is_running
from tests.video.clips import film


def test_a_decoder_that_waits_takes_the_next_film_and_goes_with_the_program(tmp_path):
    path = film(tmp_path / "film.mp4", [EXAMPLES / "eileen_collins.png"], 1.0)
    code = f"""
from deepfake.video import clip
clip.get_ready()
waiting = clip._ready[0].pid
with clip.Clip({str(path)!r}) as first, clip.Clip({str(path)!r}) as second:
    print(first._child.pid == waiting, second._child.pid == waiting, len(first.times), flush=True)
clip.get_ready()
print(clip._ready[0].pid, flush=True)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    first, pid = said.stdout.splitlines()
    assert first == "True False 15", said.stderr
    end = time.monotonic() + 20
    while is_running(int(pid)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_running(int(pid))


@pytest.mark.parametrize("verdicts", [["fake"], ["fake", "real"]])
def test_what_is_judged_before_the_cuts_are_known_is_as_if_they_had_been(
    tmp_path, detector, verdicts
):
    """Samples at key frames are judged while further ones are decoded, as if there were no cut."""
    photos = {"fake": "fake_swap_hopper.jpg", "real": "eileen_collins.png"}
    path = film(
        tmp_path / "film.mp4", [EXAMPLES / photos[said] for said in verdicts], 40 / len(verdicts)
    )
    told = []
    report = VideoDetector(detector).detect(path, progress=lambda *judged: told.append(judged))
    assert len(report.shots) == len(verdicts)
    # While it was not known yet that there is a cut.
    assert told[0] == (1, PER_SHOT)
    assert told[-1] == (len(report.sampled), len(report.sampled))
    for start, end in report.shots:
        # One in each part of the shot.
        within = [time for time in report.sampled if start <= time <= end]
        assert {int(PER_SHOT * (time - start) / (end - start)) for time in within} >= set(
            range(PER_SHOT)
        )
    assert [person.verdict for person in report.people] == verdicts
