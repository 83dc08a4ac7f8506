"""The endpoints for programs, through the real gradio_client."""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from deepfake.cli import main
from deepfake.settings import Settings
from tests import default_model
from tests.programs import free_port
from tests.web.conftest import serve


@pytest.fixture(scope="module")
def client(served):
    return Client(served.url, verbose=False)


def test_only_the_clean_endpoints_are_public(client):
    endpoints = set(client.view_api(return_format="dict")["named_endpoints"])
    assert endpoints == {"/predict", "/detect", "/compare"}


def test_the_progress_of_an_analysis_is_sent_to_the_page(served):
    tracked = [fn.tracks_progress for fn in served.blocks.fns.values() if fn.name == "analyse"]
    assert tracked and all(tracked)


def test_predict_returns_the_label_dict_of_the_library(client, detector, portrait):
    labels = client.predict(handle_file(portrait), api_name="/predict")
    assert labels == pytest.approx(detector.detect(portrait).labels(), abs=1e-6)


def test_detect_returns_the_report_of_the_command_line(client, portrait, capsys):
    report = client.predict(handle_file(portrait), api_name="/detect")
    main(["detect", "--json", str(portrait)])
    expected = json.loads(capsys.readouterr().out)
    assert report["p_fake"] == pytest.approx(expected["p_fake"], abs=1e-6)
    for part in ("verdict", "threshold", "model", "picture"):
        assert report[part] == expected[part]
    assert report["faces"][0]["box"] == expected["faces"][0]["box"]


def test_compare_with_one_model_is_that_model(client, portrait, detector):
    answer = client.predict(handle_file(portrait), api_name="/compare")
    (model,) = answer["models"]
    assert model["p_fake"] == pytest.approx(detector.detect(portrait).p_fake, abs=1e-6)
    assert answer["ensemble"] is None


def test_programs_may_name_the_model(served_several, portrait):
    client = Client(served_several.url, verbose=False)
    photo = handle_file(portrait)
    assert client.predict(photo, api_name="/detect")["model"]["name"] == "default"
    report = client.predict(photo, model="strict", api_name="/detect")
    assert report["model"]["name"] == "strict" and report["verdict"] == "fake"
    for name in ("nobody's", "/etc/passwd"):
        with pytest.raises(AppError, match=f"Choose from: {re.escape(default_model.TITLE)}, plain"):
            client.predict(photo, model=name, api_name="/predict")


def test_programs_get_the_comparison_of_the_command_line(served_several, portrait):
    client = Client(served_several.url, verbose=False)
    answer = client.predict(handle_file(portrait), api_name="/compare")
    verdicts = [model.get("verdict") for model in answer["models"]]
    assert verdicts == ["real", "real", "fake", None]
    assert "They disagree" in answer["sentence"] and answer["ensemble"]["models"] == 3
    # Where it lies on the server is not told.
    assert answer["models"][3]["error"].startswith("model.tflite is not the file")
    names = [default_model.TITLE, "plain 1.0"]
    two = client.predict(handle_file(portrait), names, api_name="/compare")
    assert len(two["models"]) == 2


@pytest.mark.slow
def test_what_a_visitor_types_is_no_program(tmp_path, portrait):
    pickled, folder = tmp_path / "model.pkl", tmp_path / "saved"
    pickled.write_bytes(b"\x80\x04N.")
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    for served in serve(Settings(port=free_port(), model_field="paths")):
        client = Client(served.url, verbose=False)
        for path, kind in [(pickled, "pickle"), (folder, "SavedModel")]:
            with pytest.raises(AppError, match=f"{kind}, which only the operator"):
                client.predict(handle_file(portrait), model=str(path), api_name="/predict")


def test_no_face_is_an_error_of_predict_and_a_verdict_of_detect(client, faceless):
    with pytest.raises(AppError, match="No face was found"):
        client.predict(handle_file(faceless), api_name="/predict")
    report = client.predict(handle_file(faceless), api_name="/detect")
    assert report["verdict"] == "not_applicable" and report["p_fake"] is None


@pytest.mark.parametrize("endpoint", ["/predict", "/detect"])
def test_garbage_gets_our_sentence(client, tmp_path, endpoint):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff garbage")
    with pytest.raises(AppError, match="starts like a JPEG"):
        client.predict(handle_file(path), api_name=endpoint)


@pytest.fixture
def somebody_elses_server():
    """An address that counts who asks for it."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/photo.jpg", asked
    server.shutdown()


def call_detect(served, path):
    payload = {"path": path, "meta": {"_type": "gradio.FileData"}}
    started = httpx.post(f"{served.url}/gradio_api/call/detect", json={"data": [payload]})
    return httpx.get(f"{served.url}/gradio_api/call/detect/{started.json()['event_id']}").text


def test_files_of_the_server_cannot_be_read(served):
    answer = call_detect(served, "/etc/passwd")
    assert "event: error" in answer
    assert "text file" not in answer


def test_addresses_are_not_fetched(served, somebody_elses_server):
    address, asked = somebody_elses_server
    answer = call_detect(served, address)
    assert "event: error" in answer and "not its address" in answer
    assert asked == []
