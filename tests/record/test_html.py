"""The page of a report: complete, closed to the outside, and harmless whatever is in it."""

import json
import re

import pytest
from playwright.sync_api import sync_playwright

from deepfake.record.html import CAVEATS, page


def test_it_says_what_was_judged_and_how_to_check_it(recorded):
    text = page(recorded)
    report = recorded["report"]
    for said in (
        report["sentence"], report["picture"]["sha256"], report["model"]["sha256"],
        recorded["made"], CAVEATS[report["verdict"]],
        "sources left out of training", "real faces fake",
        "deepfake verify", f"{report['p_fake']:.7f}",
    ):  # fmt: skip
        assert said in text


def test_what_the_file_says_of_itself_is_listed(recorded):
    facts = {"camera": "Make <& Model>", "credentials": {"intact": True, "signer": None}, "gps": []}
    text = page({**recorded, "report": {**recorded["report"], "provenance": facts}})
    assert "What the file says of itself" in text and "Make &lt;&amp; Model&gt;" in text
    assert "<dt>intact</dt><dd>yes</dd>" in text and "signer" not in text and "gps" not in text
    assert "What the file says of itself" not in page(recorded)


def test_an_earlier_compression_is_said_to_be_no_sign_of_a_fake(recorded):
    def shown(**jpeg):
        facts = {"credentials": {"intact": None}, "jpeg": jpeg}
        return page({**recorded, "report": {**recorded["report"], "provenance": facts}})

    text = shown(quality=90, exact=True, earlier_quality=70)
    assert "<dt>earlier quality</dt><dd>70</dd>" in text and "no sign of a fake" in text
    for without in (shown(quality=90, exact=True, earlier_quality=None), shown(quality=90)):
        assert "earlier" not in without and "no sign of a fake" not in without


def test_where_the_photo_lay_is_in_no_report(recorded):
    assert "somebody" not in page(recorded) and "somebody" not in json.dumps(recorded)
    assert recorded["report"]["file"] == "eileen_collins.png"


def test_its_pictures_have_no_metadata(detector, portrait, tmp_path):
    import base64
    import io

    from PIL import Image

    from deepfake import imaging
    from deepfake.record.making import pictures

    exif = Image.Exif()
    exif[0x013B] = "Jane Doe"
    Image.open(portrait).convert("RGB").save(tmp_path / "named.jpg", exif=exif)
    picture = imaging.read(tmp_path / "named.jpg", detector.settings)
    address = pictures(picture.image, detector.detect(picture))["picture"]
    data = base64.b64decode(address.partition(",")[2])
    assert b"Jane Doe" in (tmp_path / "named.jpg").read_bytes() and b"Jane Doe" not in data
    assert not Image.open(io.BytesIO(data)).getexif()


@pytest.fixture
def hostile(recorded):
    """A report in which all text is from somebody who means ill."""
    attack = (
        '"><script>document.title="run"</script><img src="http://127.0.0.1:1/" onerror=alert(1)>'
    )

    def turn(value):
        if isinstance(value, dict):
            return {key: turn(one) for key, one in value.items()}
        if isinstance(value, list):
            return [turn(one) for one in value]
        kept = ("data:", "real", "fake", "uncertain", "not_applicable")
        return value if not isinstance(value, str) or value.startswith(kept) else attack

    return {**turn(recorded), "report": {**turn(recorded["report"]), "notes": [attack]}}


@pytest.mark.browser
def test_in_a_browser_nothing_runs_nothing_is_fetched_and_it_fits_paper(
    chromium, recorded, hostile, tmp_path
):
    (tmp_path / "report.html").write_text(page(recorded))
    (tmp_path / "hostile.html").write_text(page(hostile))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 390, "height": 844})
        said, asked = [], []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((tmp_path / "report.html").as_uri())
        # The style is let in by its hash: without it, the page would be as wide as the photo.
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert tab.locator("svg rect.line").count() == 1
        assert all(tab.evaluate("[...document.images].map((image) => image.naturalWidth > 0)"))
        assert re.match(rb"%PDF", tab.pdf())
        tab.goto((tmp_path / "hostile.html").as_uri())
        assert tab.title() != "run" and tab.locator("script").count() == 0
        browser.close()
    assert not said and all(url.startswith(("file:", "data:")) for url in asked)
