"""An analysis that takes too long: its visitor is told, and others are served."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest
from playwright.sync_api import expect

from deepfake import deadline
from deepfake.detector import Detector
from deepfake.errors import LateError
from deepfake.faces import FaceDetector
from deepfake.settings import Settings
from deepfake.web import door, metrics, time_limit
from deepfake.web.language import speaking
from deepfake.web.time_limit import TimeLimit, note_place
from deepfake.web.told import told
from tests.programs import free_port
from tests.web.conftest import serve
from tests.web.redis_server import wait_until
from tests.web.replica import Visitor
from tests.web.visitor import open_page, upload

# Of these so many are left where something is slow, so that tests need not wait.
SECONDS, LEFT = 60, 1.0
SAID = f"There was no answer within {SECONDS} seconds. Please try again"


@pytest.fixture(scope="module")
def served():
    """A page with one worker, whose analyses may take so long."""
    yield from serve(Settings(port=free_port(), interpreters=1, analysis_seconds=SECONDS, mcp=True))


@pytest.fixture
def slowed(monkeypatch):
    """Makes what `Detector.detect` does as slow as it is told: until it is told to go on."""
    go_on, ended = threading.Event(), []
    monkeypatch.setattr(time_limit, "GRACE_SECONDS", 0.2)

    def note(scope):
        note_place(scope)
        scope[time_limit.SINCE] -= 0 if go_on.is_set() else SECONDS - LEFT

    monkeypatch.setattr(door, "note_place", note)

    def slow(owner, name, asks):
        real = getattr(owner, name)

        def wait(*arguments, **options):
            try:
                while not go_on.wait(0.01):
                    if asks:
                        deadline.check()
                return real(*arguments, **options)
            finally:
                ended.append(name)

        monkeypatch.setattr(owner, name, wait)
        return SimpleNamespace(go_on=go_on, ended=ended)

    yield slow
    go_on.set()
    wait_until(lambda: not time_limit.overdue(), 60, "the end of what is overdue")


def test_a_visitor_is_told_and_the_next_one_gets_the_worker(served, slowed, portrait):
    """Whether what is slow can be stopped or not."""
    visitor = Visitor(served.url, portrait)
    slow = slowed(Detector, "detect", asks=False)
    event, said = visitor.detect()
    assert event == "error" and said["error"].startswith(SAID) and said["title"] == "Not analysed"
    # Of one worker one is overdue; but it is free.
    assert not slow.ended and served.vitals.are_stuck()
    ready = httpx.get(f"{served.url}/readyz")
    assert ready.status_code == 503 and ready.json()["workers"] == "stuck"
    assert visitor.detect()[1]["error"].startswith(SAID)
    slow.go_on.set()
    wait_until(lambda: not time_limit.overdue(), 60, "the end of both")
    assert httpx.get(f"{served.url}/readyz").json()["workers"] == "moving"
    assert visitor.detect()[0] == "complete"


def test_what_looks_at_the_time_stops(served, slowed, portrait):
    slow = slowed(FaceDetector, "detect", asks=True)
    before = _late()
    visitor = Visitor(served.url, portrait)
    assert visitor.detect()[1]["error"].startswith(SAID)
    assert slow.ended == ["detect"] and not time_limit.overdue()
    assert _late() == before + 1


def test_time_in_the_queue_counts(served, slowed, portrait):
    """So whoever waits behind something slow has an answer in time, too."""
    slow = slowed(FaceDetector, "detect", asks=True)
    visitors = [Visitor(served.url, portrait) for _ in range(3)]
    photos = [visitor.upload() for visitor in visitors]
    with ThreadPoolExecutor(3) as pool:
        sent = list(pool.map(lambda v, p: v.send(p), visitors, photos))
        answers = list(pool.map(lambda v, s: v.result(s), visitors, sent))
    assert all(said["error"].startswith(SAID) for _, said in answers)
    # One was worked on; with a limit for the work alone it would have been all three.
    assert slow.ended == ["detect"]


def test_assistants_are_told_as_well(served, slowed, portrait):
    slowed(FaceDetector, "detect", asks=True)
    photo = Visitor(served.url, portrait).upload()["path"]
    call = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "detect", "arguments": {"photo": photo}},
    }  # fmt: skip
    accept = {"Accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{served.url}/mcp", json=call, headers=accept, timeout=60).json()
    assert answer["result"]["isError"] and SAID in answer["result"]["content"][0]["text"]


def test_the_page_says_so_and_tries_again(served, slowed, browser, portrait):
    slow = slowed(FaceDetector, "detect", asks=True)
    with open_page(browser, served.url, locale="de-DE") as page:
        upload(page, portrait)
        panel = page.locator("#verdict .verdict-error")
        expect(panel).to_contain_text(f"Innerhalb von {SECONDS} Sekunden war keine Antwort da.")
        slow.go_on.set()
        panel.get_by_role("button", name="Noch einmal versuchen").click()
        expect(page.locator("#verdict .verdict-real")).to_be_visible()


def test_the_check_of_many_photos_stops(served, slowed, browser, portrait):
    slowed(FaceDetector, "detect", asks=True)
    with open_page(browser, served.url) as page:
        page.get_by_role("tab", name="Many files").click()
        page.set_input_files("#many-files input[type=file]", [portrait])
        page.locator("#many-start").click()
        result = page.locator("#many-result")
        expect(result).to_contain_text("The check has stopped early")
        expect(result).to_contain_text(SAID)


def test_a_model_that_takes_long_to_load_goes_on_loading():
    loaded = threading.Event()

    def load():
        time.sleep(0.5)
        deadline.check()
        loaded.set()

    with pytest.raises(LateError) as late:
        _limit(0.2).run(load, stops=False)
    # A replica that loads is not stuck.
    assert not time_limit.overdue()
    assert loaded.wait(20)
    with speaking("fr"):
        assert "secondes" in told(late.value.public)


def test_what_an_analysis_raises_comes_out():
    with pytest.raises(ZeroDivisionError):
        _limit(60).run(lambda: 1 // 0)
    assert TimeLimit(None, 60).run(lambda: "done") == "done"


def _limit(seconds):
    """A limit of which so much is left."""
    scope = {}
    note_place(scope)
    scope[time_limit.SINCE] -= 100 - seconds
    return TimeLimit(SimpleNamespace(scope=scope), 100)


def _late():
    return metrics.registry.get_sample_value("deepfake_failures_total", {"fault": "time"})
