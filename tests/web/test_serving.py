"""A page that is asked to stop ends, whatever it is doing."""

import os
import signal
import subprocess
import sys
import time

import pytest

from deepfake.web import scratch, serving
from tests.programs import free_port

# Starts as `deepfake serve` does, and gets the signal at a moment of its choice.
STARTED = """
import os, signal, sys, threading, time, types, weakref
from deepfake.settings import Settings
from deepfake.web import serving

serving.LEAVING_SECONDS = 1

def ask():
    os.kill(os.getpid(), signal.SIGTERM)

class Deleted:
    def __del__(self):
        ask()
        time.sleep(0)  # the exception is raised here, and lost

def lost_in_del(*_):
    Deleted()
    time.sleep(60)

def lost_in_callback(*_):
    thing = type("Thing", (), {})()
    kept = weakref.ref(thing, lambda _: (ask(), time.sleep(0)))
    del thing
    time.sleep(60)

def held_by_a_thread(*_):
    threading.Thread(target=time.sleep, args=[60]).start()
    ask()
    time.sleep(60)

def swallowed(*_):
    try:
        ask()
        time.sleep(1)
    except BaseException:
        pass
    time.sleep(60)

class Page:
    blocks = None
    class door:
        def drain(seconds): pass

def when_served(*_):
    threading.Timer(0.2, ask).start()
    return Page

def given_to_another_thread(*_):
    def ask():
        time.sleep(0.5)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        time.sleep(60)
    threading.Thread(target=ask, daemon=True).start()
    return Page

def hanging_drain(*_):
    serving.SHUTDOWN_SECONDS = 1
    class Hangs(Page):
        class door:
            def drain(seconds): time.sleep(60)
    threading.Timer(0.2, ask).start()
    return Hangs

# Without Gradio, which takes seconds to import.
page = sys.modules["deepfake.web.page"] = types.ModuleType("page")
page.build_page = globals()[sys.argv[1]]
page.launch = lambda *_, **__: None
door = sys.modules["deepfake.web.door"] = types.ModuleType("door")
door.MCP = "/mcp"
vitals = sys.modules["deepfake.web.vitals"] = types.ModuleType("vitals")
vitals.open_metrics = None
serving.serve(Settings())
"""


@pytest.mark.parametrize(
    "moment",
    [
        "lost_in_del", "lost_in_callback", "held_by_a_thread", "swallowed", "when_served",
        "given_to_another_thread", "hanging_drain",
    ],
)  # fmt: skip
def test_no_exception_that_is_lost_keeps_a_page_from_ending(moment, tmp_path):
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path)}
    started = subprocess.run(
        [sys.executable, "-c", STARTED, moment], env=environment, capture_output=True, timeout=50
    )
    assert started.returncode == 0, started.stderr.decode()[-2000:]
    assert not [*tmp_path.glob(f"{scratch.PREFIX}*")]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_a_page_ends_at_any_moment_of_its_start(seconds, tmp_path):
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "deepfake", "serve", "--port", str(free_port())],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    end = time.monotonic() + 60
    # Before that Python itself ends it, with the signal's number.
    while not [*tmp_path.glob(f"{scratch.PREFIX}*")] and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    assert process.wait(serving.SHUTDOWN_SECONDS + serving.LEAVING_SECONDS + 30) == 0
    assert "Traceback" not in process.stderr.read().decode()
    assert not [*tmp_path.glob(f"{scratch.PREFIX}*")]
