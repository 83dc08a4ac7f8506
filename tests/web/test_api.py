"""The endpoints for programs, through the real gradio_client."""

import json
import re
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import jsonschema
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from deepfake.cli import main
from deepfake.settings import Settings
from deepfake.web import endpoints
from tests import default_model
from tests.programs import free_port, required
from tests.web.conftest import serve


@pytest.fixture(scope="module")
def client(served):
    return Client(served.url, verbose=False)


def test_only_the_clean_endpoints_are_public(client):
    endpoints = set(client.view_api(return_format="dict")["named_endpoints"])
    # With one model there is nothing to compare.
    assert endpoints == {"/predict", "/detect"}


def test_answers_are_as_their_schemas_say(served, client, portrait):
    endpoints = httpx.get(f"{served.url}/gradio_api/info").json()["named_endpoints"]
    for name, endpoint in endpoints.items():
        (answer,) = endpoint["returns"]
        jsonschema.validate(client.predict(handle_file(portrait), api_name=name), answer["type"])
        assert set(answer["type"]["required"]) == set(answer["type"]["properties"])
        # What a program's author copies works here: a local file, and no address.
        assert endpoint["parameters"][0]["example_input"]["path"] == "photo.jpg"


@pytest.mark.parametrize(
    ("language", "program", "package", "ending"),
    [
        ("python", sys.executable, "", "py"),
        ("js", "node", "nodejs", "mjs"),
        ("sh", "sh", "curl", "sh"),
    ],
)
def test_what_the_documentation_shows_works(
    served, portrait, tmp_path, language, program, package, ending
):
    if package:
        required(package, package)
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    asking = text.partition("## Asking a page")[2].partition("## Asking as an assistant")[0]
    (shown,) = re.findall(rf"```{language}\n(.*?)```", asking, re.DOTALL)
    script = tmp_path / f"ask.{ending}"
    script.write_text(shown.replace("http://127.0.0.1:7860", served.url), encoding="utf-8")
    shutil.copyfile(portrait, tmp_path / "photo.jpg")
    done = subprocess.run(
        [program, script.name], cwd=tmp_path, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"^real 0\.\d+$|\"verdict\": ?\"real\".*\"threshold\": ?0.9", done.stdout, re.M
    )


def test_programs_may_ask_what_the_file_says_of_itself(client, portrait):
    photo = handle_file(portrait)
    assert client.predict(photo, api_name="/detect")["provenance"] is None
    found = client.predict(photo, provenance=True, api_name="/detect")
    assert found["provenance"]["metadata"]["gps"] is False


def test_programs_may_set_the_threshold(client, portrait):
    photo = handle_file(portrait)
    report = client.predict(photo, threshold=0.0, api_name="/detect")
    assert (report["verdict"], report["threshold"]) == ("fake", 0.0)
    with pytest.raises(AppError, match="threshold must be"):
        client.predict(photo, threshold=7, api_name="/detect")


def test_the_page_says_what_it_is_to_those_who_link_to_it(served):
    html = httpx.get(served.url).text
    told = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]+)" />', html))
    assert told["og:title"] == "deepfake: is this face real?" and "<title>deepfake" in html
    assert told["og:description"] == told["description"] and "signs of a deepfake" in html
    head = html.partition("<body")[0].partition("window.gradio_config")[0]
    assert "Gradio" not in head and "try out the app" not in head


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
    two = client.predict(handle_file(portrait), models=names, threshold=0.0, api_name="/compare")
    assert [model["verdict"] for model in two["models"]] == ["fake", "fake"]


@pytest.mark.slow
def test_a_refusal_is_told_from_an_error(portrait, tmp_path):
    garbage = tmp_path / "photo.jpg"
    garbage.write_bytes(b"\xff\xd8\xff garbage")
    for served in serve(Settings(port=free_port(), rate_limit="2/hour")):
        client = Client(served.url, verbose=False)
        client.predict(handle_file(portrait), api_name="/detect")
        titles = []
        for photo in (garbage, portrait):
            with pytest.raises(AppError) as caught:
                client.predict(handle_file(photo), api_name="/detect")
            titles.append(caught.value.title)
        assert titles == ["Error", endpoints.REFUSED]


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
    started = httpx.post(f"{served.url}/gradio_api/call/v2/detect", json={"photo": payload})
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
