"""What the page takes of Gradio's insides, name by name: the first to run after an upgrade."""

import inspect
import threading
import time
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import gradio.route_utils
import gradio.utils
import httpx
import pytest
from gradio import networking
from gradio.blocks import BlocksConfig
from gradio.state_holder import SessionState

from deepfake.settings import Settings
from deepfake.web import gradio_internals
from deepfake.web.gradio_internals import PhotoInput, Queue
from tests.programs import free_port
from tests.web.conftest import serve
from tests.web.replica import Visitor

NOWHERE = "http://127.0.0.1:9"


def test_a_session_starts_with_what_gradio_would_describe_anew(served):
    light = SessionState(served.blocks)
    light._update_value_in_config(next(iter(light.config_values)), "changed by one visitor")
    other = SessionState(served.blocks).config_values
    described = {key: describe_block(key, block) for key, block in served.blocks.blocks.items()}
    assert other == described


def describe_block(key, block):
    # A renderable has all described anew; its name is all that it adds.
    made = BlocksConfig.config_for_block(key, [key], block, SimpleNamespace(_id=0))
    del made["renderable"]
    return made


def test_calls_of_programs_push_no_visitor_out_of_memory(served, portrait):
    kept = set(served.blocks.state_holder.session_data)
    (path,) = httpx.post(
        f"{served.url}/gradio_api/upload", files={"files": ("photo.png", portrait.read_bytes())}
    ).json()
    for path_or_not in (path, "/etc/passwd"):
        call(served, {"path": path_or_not, "meta": {"_type": "gradio.FileData"}})
    late = set(served.blocks.state_holder.session_data) - kept
    # One whose photo is not here never comes to a handler.
    assert len(late) <= 1


def test_the_queue_looks_no_more_often_than_it_must(served):
    queue = served.blocks._queue
    assert queue.sleep_when_free == gradio_internals.QUEUE_SECONDS
    assert queue.progress_update_sleep_when_free == gradio_internals.PROGRESS_SECONDS
    # Word to all who wait once a second, not whenever one is served.
    assert not queue.live_updates and queue.update_intervals == 1.0


def test_who_leaves_in_between_is_no_fault_and_nothing_is_kept_for_ever(served):
    """Gradio would write a traceback, and keep an entry for each call that ever was."""
    queue = served.blocks._queue
    event = SimpleNamespace(alive=True, session_hash="gone", _id="1")
    queue.send_message(event, SimpleNamespace())
    with pytest.raises(KeyError):
        type(queue).send_message(queue, event, SimpleNamespace())
    most = queue.pending_messages_per_session.max_size
    assert queue.pending_event_ids_session.max_size == most
    assert type(queue.pending_event_ids_session) is type(queue.pending_messages_per_session)


def test_who_asks_while_the_page_starts_is_answered(portrait, monkeypatch):
    sent, lighten = [], gradio_internals.lighten
    settings = Settings(port=free_port())
    visitor = Visitor(f"http://127.0.0.1:{settings.port}", portrait)

    def late(blocks):
        sent.append(visitor.send())
        lighten(blocks)

    monkeypatch.setattr(gradio_internals, "lighten", late)
    for _ in serve(settings):
        assert visitor.result(sent[0])[0] == "complete"


def test_no_event_imports_matplotlib(served):
    assert gradio.utils.MatplotlibBackendMananger is nullcontext
    used = inspect.getsource(gradio.route_utils.call_process_api)
    assert "utils.MatplotlibBackendMananger()" in used


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        (gradio_internals.EVENTS, ["queue/join", "call/detect", "call/v2/detect"]),
        (gradio_internals.DIRECT, ["run/detect", "api/detect"]),
        (gradio_internals.UPLOADS, ["upload", "upload/"]),
        (gradio_internals.OTHERS, ["reset", "reset/", "cancel"]),
        (gradio_internals.OTHERS, ["../login", "../login/"]),
    ],
)
def test_the_paths_are_those_that_gradio_takes_something_at(served, pattern, paths):
    for path in paths:
        path = f"/gradio_api/{path}".replace("/gradio_api/../", "/")
        assert pattern.search(path)
        # Whatever it thinks of an empty request, it is not "Not Found".
        assert httpx.post(served.url + path, json={}).status_code not in (404, 405), path


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("call/nothing", {"data": []}),
        ("run/nothing", {"data": []}),
        ("call/v2/nothing", {}),
        ("call/v2/detect", {"data": []}),
        ("queue/join", {"data": [], "fn_index": 9999, "session_hash": "x"}),
    ],
)
def test_misfits_are_what_wrong_names_raise(served, path, body):
    answer = httpx.post(f"{served.url}/gradio_api/{path}", json=body)
    assert answer.status_code == 422 and "do not fit the endpoint" in answer.json()["detail"]


@pytest.mark.slow
def test_the_queue_tells_what_waits_and_runs_and_how_long_it_takes():
    running, go_on = threading.Event(), threading.Event()

    def wait():
        running.set()
        assert go_on.wait(30)
        return "done"

    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Button().click(wait, None, gr.Textbox(), api_name="wait")
    queue = Queue(blocks)
    # Another one takes the place of the first.
    blocks.queue(default_concurrency_limit=1)
    assert (queue.waiting, queue.running, queue.seconds_of_work()) == (0, 0, 0)
    port = free_port()
    blocks.launch(server_port=port, prevent_thread_lock=True, quiet=True, ssr_mode=False)
    try:
        url = f"http://127.0.0.1:{port}/gradio_api/call/wait"
        events = [httpx.post(url, json={"data": []}).json()["event_id"]]
        assert running.wait(30)
        events += [httpx.post(url, json={"data": []}).json()["event_id"] for _ in range(2)]
        assert (queue.waiting, queue.running, queue.seconds_of_work()) == (2, 1, 0)
        threading.Timer(1.5, go_on.set).start()
        assert "done" in httpx.get(f"{url}/{events[0]}", timeout=180).text
        assert "done" in httpx.get(f"{url}/{events[-1]}", timeout=180).text
        # Measured by now.
        go_on.clear()
        running.clear()
        httpx.post(url, json={"data": []})
        assert running.wait(30)
        httpx.post(url, json={"data": []})
        assert queue.waiting == 1 and queue.seconds_of_work() >= 1
        go_on.set()
    finally:
        go_on.set()
        blocks.close()


class Proxy(BaseHTTPRequestHandler):
    """A proxy that finds nothing behind it, or only what a page is first asked for."""

    finds = ""

    def do_GET(self):
        self.send_response(200 if self.finds and self.finds in self.path else 502)
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        """Keep the test's output clean."""


@pytest.mark.slow
@pytest.mark.parametrize("finds", [None, "", "startup-events"])
def test_a_page_that_cannot_reach_itself_is_told_from_other_mistakes(monkeypatch, finds):
    address = NOWHERE
    if finds is not None:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Proxy", (Proxy,), {"finds": finds}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, address)
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Markdown("page")
    with pytest.raises(Exception) as caught, gradio_internals.patient_start(20):
        blocks.launch(server_port=free_port(), prevent_thread_lock=True, quiet=True, ssr_mode=False)
    blocks.close()
    if finds is not None:
        server.shutdown()
    assert gradio_internals.is_out_of_reach(caught.value)
    assert not gradio_internals.is_out_of_reach(ValueError("max_file_size"))
    assert not gradio_internals.is_slow(caught.value)


class Busy(BaseHTTPRequestHandler):
    """A page that takes its time."""

    def do_HEAD(self):
        time.sleep(0.5)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Keep the test's output clean."""


def test_a_busy_machine_is_waited_for_and_not_taken_for_a_proxy():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    before = networking.url_ok
    with gradio_internals.patient_start(30):
        assert networking.url_ok(url)
    with pytest.raises(Exception) as caught, gradio_internals.patient_start(0.1):
        networking.url_ok(url)
    server.shutdown()
    assert gradio_internals.is_slow(caught.value)
    assert networking.url_ok is before


def call(served, photo):
    url = f"{served.url}/gradio_api/call"
    event = httpx.post(f"{url}/v2/detect", json={"photo": photo}).json()["event_id"]
    return httpx.get(f"{url}/detect/{event}", timeout=180).text


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/etc/passwd", gradio_internals.GONE),
        (5, gradio_internals.UNFIT),
        (f"{NOWHERE}/photo.jpg", gradio_internals.ADDRESS),
    ],
)
def test_what_is_no_upload_gets_a_sentence_and_no_line_in_the_log(served, capfd, path, sentence):
    answer = call(served, {"path": path, "meta": {"_type": "gradio.FileData"}})
    assert sentence in answer and str(path) not in answer
    assert "Traceback" not in capfd.readouterr().err


def test_the_photo_is_handed_on_as_it_came(tmp_path):
    """Gradio's own would open it, and answer garbage with a bare "Error"."""
    garbage = tmp_path / "photo.jpg"
    garbage.write_bytes(b"garbage")
    photo = PhotoInput(type="filepath")
    assert photo.preprocess(gr.data_classes.FileData(path=str(garbage))) == str(garbage)
    assert photo.preprocess(None) is None
    garbage.unlink()
    with pytest.raises(gr.Error, match="no longer here"):
        photo.preprocess(gr.data_classes.FileData(path=str(garbage)))


def test_the_browser_takes_the_photos_component_for_gradios():
    assert PhotoInput().get_block_name() == gr.Image().get_block_name() == "image"


def test_no_interface_file_is_written_beside_the_source():
    assert not Path(gradio_internals.__file__).with_suffix(".pyi").exists()
