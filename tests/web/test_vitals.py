"""What Prometheus reads of a page that runs, and Grafana's board for it."""

import json
import re
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from prometheus_client.parser import text_string_to_metric_families

from deepfake.errors import SettingError
from deepfake.web import metrics, vitals
from deepfake.web.vitals import open_metrics
from tests.programs import free_port

BOARD = Path(__file__).parents[2] / "deploy" / "grafana.json"
NAME = re.compile(r"\b(?:deepfake|process)_[a-z_]+")


@pytest.fixture(scope="module")
def scraped(served, portrait, faceless):
    """Reads all numbers of the page: {name: {labels: value}}."""
    address = f"127.0.0.1:{free_port()}"
    close = open_metrics(address, served.vitals)

    def read():
        text = httpx.get(f"http://{address}/metrics").text
        found = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = tuple(value for key, value in sample.labels.items() if key != "le")
                found.setdefault(sample.name, {})[labels] = sample.value
        return text, found

    yield read
    close()


def test_what_happens_is_counted(served, scraped, portrait):
    before = scraped()[1]
    report = Client(served.url, verbose=False).predict(handle_file(portrait), api_name="/detect")
    httpx.get(f"{served.url}/nothing/holiday.jpg")
    httpx.post(f"{served.url}/gradio_api/reset", json={}, headers={"Origin": "null"})
    # One that is not analysed stays for a while.
    httpx.post(f"{served.url}/gradio_api/upload", files={"files": portrait.open("rb")})
    text, after = scraped()

    def more(name, label):
        return after[name][(label,)] - before.get(name, {}).get((label,), 0)

    assert more("deepfake_verdicts_total", report["verdict"]) == 1
    assert more("deepfake_stage_seconds_count", "total") == 1
    assert more("deepfake_requests_total", "404") == 1
    assert more("deepfake_refusals_total", "origin") == 1
    assert set(after["deepfake_decoders_killed_total"]) == {
        ("time",), ("broke_off",), ("not_started",),
    }  # fmt: skip
    assert after["deepfake_workers"][()] == 2 and after["deepfake_models_loaded"][()] == 1
    assert after["deepfake_upload_bytes"][()] > 0
    assert after["process_resident_memory_bytes"][()] > 1e8
    # Nothing of a visitor, nor of a score.
    assert "holiday" not in text and "eileen" not in text and "127.0.0.1" not in text
    # The visitors' port does not show them.
    assert httpx.get(f"{served.url}/metrics").status_code == 404


def test_the_board_asks_for_what_there_is(scraped):
    text, _ = scraped()
    there = set(re.findall(r"^([a-z_]+)", text, re.MULTILINE)) | {"deepfake_redis_up"}
    there |= {f"{name}_bucket" for name in there}
    board = json.loads(BOARD.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    named = {name for expression in asked for name in NAME.findall(expression)}
    assert named <= there
    # And all that is counted is on it.
    assert {f"deepfake_{name}_total" for name in metrics.KINDS} <= named
    assert {f"deepfake_{name}" for name in vitals.GAUGES} <= named
    assert "deepfake_decoders_killed_total" in named
    labels = {label for _, label, _ in metrics.KINDS.values()} | {"code", "stage", "le", "limit"}
    for expression in asked:
        for group in re.findall(r"by \((\w+)\)", expression):
            assert group in labels
        assert expression.count("(") == expression.count(")")


def test_a_name_or_kind_that_is_not_listed_is_a_mistake_of_ours():
    for what, kind in (("refusals", "holiday.jpg"), ("holiday", "rate")):
        with pytest.raises(KeyError):
            metrics.count(what, kind)


@pytest.mark.parametrize("address", ["9464", "127.0.0.1", "127.0.0.1:0", "203.0.113.1:9464", ":1"])
def test_a_wrong_address_gets_a_sentence(served, address):
    with pytest.raises(SettingError, match="DEEPFAKE_METRICS must be an address"):
        open_metrics(address, served.vitals)
