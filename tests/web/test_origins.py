"""Other sites: what their scripts may send and read, and whether they may show the page."""

import httpx
import pytest
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from deepfake.errors import SettingError
from deepfake.web.origins import OriginsMiddleware, allowed_sites, is_foreign
from tests.web.visitor import open_page

FOREIGN = [
    "https://evil.example",
    "null",
    "",
    "file://",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://127.0.0.1:{port}.evil.example",
    "http://127.0.0.1.evil.example:{port}",
    "http://evil.example#127.0.0.1:{port}",
    "http://evil.example/127.0.0.1:{port}",
    "http://127.0.0.1:{port}@evil.example",
    "http://evil.example\\@127.0.0.1:{port}",
    "http://x.127.0.0.1:{port}",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_no_other_site_reads_or_sends_anything(served, origin):
    port = served.url.rpartition(":")[2]
    headers = {"Origin": origin.format(port=port)}
    # Another name for this machine changes nothing: with it Gradio lets every origin in.
    for host in ({}, {"Host": "page.example"}):
        asked = {**headers, **host}
        for answer in (
            httpx.get(f"{served.url}/config", headers=asked),
            httpx.options(
                f"{served.url}/gradio_api/upload",
                headers={**asked, "Access-Control-Request-Method": "POST"},
            ),
            httpx.post(f"{served.url}/gradio_api/upload", headers=asked, files={"files": b"x"}),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.status_code == 403 and "Another website" in answer.json()["detail"]


def test_the_page_itself_and_programs_are_let_in(served):
    for headers in (
        {},
        {"Origin": served.url},
        {"Origin": served.url.upper()},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        # Behind a proxy that asks by a name of its own.
        {"Host": "inside", "X-Forwarded-Host": "page.example", "Origin": "http://page.example"},
    ):
        answer = httpx.post(f"{served.url}/gradio_api/reset", json={}, headers=headers)
        assert answer.status_code != 403, headers


@pytest.mark.parametrize("said", ["cross-site", "same-site", "something-new"])
def test_what_the_browser_says_comes_before_names(said):
    # A sub-domain is another site, too: it may be somebody else's.
    headers = {"sec-fetch-site": said, "origin": "https://page.example", "host": "page.example"}
    assert is_foreign("POST", Headers(headers))


def test_a_site_that_is_allowed_reads_and_sends_without_sign_ins():
    async def answer(_request):
        return PlainTextResponse("read")

    sites = allowed_sites("https://www.example.org, https://b.example:8443/", {})
    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    client = TestClient(OriginsMiddleware(app, sites))
    for site in ("https://www.example.org", "https://b.example:8443"):
        headers = {"Origin": site, "Sec-Fetch-Site": "cross-site"}
        found = client.post("/", headers=headers)
        assert found.text == "read"
        assert found.headers["access-control-allow-origin"] == site
        assert "access-control-allow-credentials" not in found.headers
        asked = client.options("/", headers={**headers, "Access-Control-Request-Method": "POST"})
        assert asked.status_code == 204 and "access-control-allow-headers" in asked.headers
    other = {"Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/", headers=other).status_code == 403


@pytest.mark.parametrize(
    "text", ["*", "https://*", "example.org", "https://a.example; script-src *", "https://a/b"]
)
def test_a_site_is_an_origin_without_stars(text):
    with pytest.raises(SettingError, match="DEEPFAKE_ALLOWED_SITES must be origins"):
        allowed_sites(text, {})


def test_only_a_space_lets_hugging_face_show_it():
    assert allowed_sites("", {}) == ()
    assert allowed_sites("", {"SPACE_ID": "a/b"}) == ("https://huggingface.co",)


def test_what_the_answers_tell_the_browser(served):
    answer = httpx.get(served.url)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["frame-ancestors"] == "'self'" and policy["object-src"] == "'none'"
    assert "unsafe-inline" not in policy["script-src"]
    # One that was read once is of no use for the next.
    nonce = policy["script-src"].split("'nonce-")[1].split("'")[0]
    assert f'nonce="{nonce}"' in answer.text
    assert nonce not in httpx.get(served.url).headers["content-security-policy"]
    # Also where nothing is found, and where something is refused.
    for path in ("/nothing", "/gradio_api/file=/etc/passwd", "/readyz"):
        assert "frame-ancestors" in httpx.get(served.url + path).headers["content-security-policy"]


def test_it_fetches_nothing_for_those_who_ask(served):
    """Gradio would hand on what lies at any public address."""
    for path in ("file=http://127.0.0.1:1/", "file=https://example.org/a.png", "file/HTTP://a.b/"):
        answer = httpx.get(f"{served.url}/gradio_api/{path}")
        assert answer.status_code == 404 and "Nothing is fetched" in answer.text


def test_gradios_own_looks_into_the_page_are_shut(served):
    for path in ("/monitoring", "/monitoring/summary", "/monitoring/x"):
        assert httpx.get(served.url + path).status_code == 403
    for path in ("/openapi.json", "/docs", "/redoc"):
        assert httpx.get(served.url + path).status_code == 404
    for path in ("/config", "/", "/gradio_api/info"):
        text = httpx.get(served.url + path).text
        assert not [
            part
            for part in ("/root/", "/home/", "site-packages", str(served.scratch))
            if part in text
        ]


def test_a_script_that_somebody_brought_into_the_page_does_not_run(browser, served):
    refused = (
        "Content Security Policy",
        "ERR_INVALID_URL",
        "frame-ancestors",
        "X-Frame-Options",
        "chrome-error",
    )
    with open_page(browser, served.url, expected=refused) as page:
        page.evaluate(
            """() => {
                const place = document.querySelector("#verdict");
                place.innerHTML = '<img src=data: onerror="window.ran = 1">';
                const script = document.createElement("script");
                script.textContent = "window.ran = 2";
                place.append(script);
            }"""
        )
        page.wait_for_function("document.querySelector('#verdict img').complete")
        page.wait_for_timeout(200)
        assert page.evaluate("window.ran") is None
        # Another site that shows the page in a frame shows nothing.
        other = page.context.new_page()
        other.route("http://other.example/", lambda route: route.fulfill(
            content_type="text/html", body=f'<iframe src="{served.url}"></iframe>'
        ))  # fmt: skip
        other.goto("http://other.example/")
        expect(other.frame_locator("iframe").locator("#photo")).to_have_count(0)
        other.wait_for_timeout(500)
        assert other.frames[1].url.startswith("chrome-error")
