"""Which requests are counted, and for whom."""

import json
from dataclasses import fields

import gradio as gr
import pytest
from starlette.requests import Request

from deepfake.errors import LimitError, SettingError
from deepfake.settings import Settings
from deepfake.shelf import Shelf
from deepfake.web.analyse import Analyser
from deepfake.web.choices import Choices
from deepfake.web.view import PhotoView
from deepfake.web.visitors.admission import Admission

JUDGED = 'role="status"'
SPACE = {"SPACE_ID": "somebody/deepfake"}


def request(peer="127.0.0.1", **headers):
    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return gr.Request(Request({"type": "http", "headers": raw, "client": (peer, 4711)}))


def limited(rate, **settings):
    """The handlers of a page with a limit, and what they change."""
    settings = Settings(rate_limit=rate, **settings)
    view = PhotoView(**{field.name: gr.State() for field in fields(PhotoView)})
    choices = Choices(Shelf(["default"], settings))
    return view, Analyser(choices, Admission(settings, {}), view)


def allowed(admission, requests):
    """How many of the requests are admitted."""
    count = 0
    for each in requests:
        try:
            admission.admit(each)
            count += 1
        except LimitError:
            pass
    return count


@pytest.mark.parametrize(
    ("settings", "environment", "expected"),
    [
        pytest.param({}, {}, 9, id="this machine only"),
        pytest.param({"host": "localhost"}, {}, 9, id="this machine only, by name"),
        pytest.param({"host": "0.0.0.0"}, {}, 5, id="all interfaces"),
        pytest.param({"host": "::"}, {}, 5, id="all interfaces, IPv6"),
        pytest.param({"share": True}, {}, 5, id="share link"),
        pytest.param({}, SPACE, 5, id="Space"),
        pytest.param({"root_path": "/deepfake"}, {}, 5, id="at a path"),
        pytest.param({"host": "0.0.0.0", "rate_limit": " OFF "}, {}, 9, id="off in capitals"),
        pytest.param({"trusted_proxies": "127.0.0.1"}, {}, 5, id="behind a proxy"),
        pytest.param({"rate_limit": "2/hour"}, {}, 2, id="a rate on this machine"),
        pytest.param({"host": "0.0.0.0", "rate_limit": "off"}, {}, 9, id="off"),
        pytest.param({"host": "0.0.0.0", "rate_limit": "7/day;8/hour"}, {}, 7, id="two rates"),
    ],
)
def test_public_pages_are_limited_without_being_told(settings, environment, expected):
    admission = Admission(Settings(**settings), environment)
    assert allowed(admission, [request() for _ in range(9)]) == expected


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip"])
def test_what_a_proxy_passes_to_this_machine_is_limited_and_said(header, caplog):
    admission = Admission(Settings(), {})
    headers = [{header: f"203.0.113.{n}"} for n in range(9)]
    assert allowed(admission, [request(**each) for each in headers]) == 5
    assert [r.getMessage() for r in caplog.records if "DEEPFAKE_TRUSTED_PROXIES" in r.getMessage()]
    assert len(caplog.records) == 1 and "203.0.113" not in caplog.text


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost:7860", 9), ("127.0.0.1", 9), ("[::1]:7860", 9), ("deepfake.example.org", 5),
     ("localhost.example.org:80", 5), ("192.168.1.2:7860", 5)],
)  # fmt: skip
def test_a_request_for_another_host_is_not_from_this_machine(host, expected):
    admission = Admission(Settings(), {})
    assert allowed(admission, [request(host=host) for _ in range(9)]) == expected


def test_visitors_of_a_space_have_a_count_each():
    admission = Admission(Settings(host="0.0.0.0"), SPACE)
    for visitor in ("203.0.113.7", "203.0.113.8"):
        hops = [f"{n}.1.1.1, {visitor}, 10.16.1.{n}" for n in range(1, 10)]
        passed = [request(f"10.16.3.{n}", x_forwarded_for=hop) for n, hop in enumerate(hops)]
        assert allowed(admission, passed) == 5


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({"rate_limit": "lots"}, "DEEPFAKE_RATE_LIMIT"),
        ({"redis_url": "http://x"}, "DEEPFAKE_REDIS_URL"),
        ({"rate_limit_fallback": "maybe"}, "DEEPFAKE_RATE_LIMIT_FALLBACK"),
        ({"trusted_proxies": "nginx"}, "DEEPFAKE_TRUSTED_PROXIES"),
    ],
)
def test_bad_settings_name_the_variable(settings, variable):
    with pytest.raises(SettingError, match=variable):
        Admission(Settings(**settings), {})


def test_the_password_of_redis_is_not_in_what_settings_show():
    assert "s3cret" not in repr(Settings(redis_url="redis://:s3cret@host"))


def test_over_the_limit_the_panel_says_so_and_nothing_of_the_result_before_stays(portrait):
    view, analyser = limited("1/hour")
    first = analyser.analyse(str(portrait), 0.5, None, "one", request())
    assert (
        JUDGED in first[view.verdict]
        and json.loads(first[view.row][0])["verdict"] != "not_applicable"
    )
    second = analyser.analyse(str(portrait), 0.5, None, "two", request())
    assert set(second) == set(view.result) and 'data-ticket="two"' in second[view.verdict]
    assert "1 analysis an hour" in second[view.verdict] and "Try again" in second[view.verdict]
    assert second[view.row] is None and second[view.session] is None


def test_another_model_over_the_limit_does_not_show_the_result_of_the_one_before(portrait):
    view, analyser = limited("1/hour")
    first = analyser.analyse(str(portrait), 0.5, None, "", request())
    assert JUDGED in first[view.verdict]
    second = analyser.analyse_again(str(portrait), 0.5, None, "", request())
    assert second[view.session] is None
    panel = second[view.verdict]
    assert "Not analysed" in panel and "1 analysis an hour" in panel


def test_a_typed_model_and_its_analysis_count_once(portrait, make_model):
    typed = str(make_model("typed"))
    view, analyser = limited("2/hour", model_field="paths")
    analyser.choose_model(typed, "", request())
    first = analyser.analyse_again(str(portrait), 0.5, typed, "", request())
    assert JUDGED in first[view.verdict]
    # Of two one is left, and the load that was counted stands for one analysis only.
    second = analyser.analyse_again(str(portrait), 0.5, typed, "", request())
    assert JUDGED in second[view.verdict]
    third = analyser.analyse_again(str(portrait), 0.5, typed, "", request())
    assert "2 analyses an hour" in third[view.verdict]
