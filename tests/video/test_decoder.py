"""The process that decodes: when it starts and when it ends."""

import subprocess
import sys
import time

import psutil

from tests.conftest import EXAMPLES
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
    while psutil.pid_exists(int(pid)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not psutil.pid_exists(int(pid))
