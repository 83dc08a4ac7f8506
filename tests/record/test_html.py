"""The page of a report: complete, closed to the outside, and harmless whatever is in it."""

import json
import re
from dataclasses import replace

import pytest
from playwright.sync_api import sync_playwright

from deepfake.provenance.facts import (
    Credentials,
    Generator,
    JpegQuality,
    Metadata,
    Provenance,
    SourceType,
)
from deepfake.record.html import CAVEATS, page
from deepfake.record.making import record
from deepfake.settings import Settings


def test_it_says_what_was_judged_and_how_to_check_it(recorded):
    text = page(recorded)
    report = recorded["report"]
    for said in (
        report["sentence"], report["picture"]["sha256"], report["model"]["sha256"],
        recorded["made"], CAVEATS[report["verdict"]],
        "sources left out of training", "of 100 real faces it called <b>2</b> fake",
        "deepfake verify", f"{100 * report['p_fake']:.5f} %", recorded["own"]["called"],
    ):  # fmt: skip
        assert said in text
    # Who reads it need know no program: its words are those of the page.
    plain = text.partition("To check it again")[0]
    for technical in ("P(fake)", "LiteRT", report["model"]["name"] + " 2", "threshold 0", "SHA"):
        assert technical not in plain, technical


def moved(detector, photo, threshold, *scores):
    """The report on a photo at a threshold of the user's own, with faces of these scores."""
    report = detector.detect(photo)
    if scores:
        faces = tuple(replace(report.faces[0], p_fake=score) for score in scores)
        report = replace(report, faces=faces, p_fake=max(scores))
    return record(report.at(threshold), None, Settings())


@pytest.mark.parametrize(
    ("own_side", "chosen", "headline", "own"),
    [
        ("uncertain", 0.97, "Not called fake at the threshold that was chosen", "Too close"),
        ("real", 0.0, "Called fake at the threshold that was chosen", "No signs of manipulation"),
        ("fake", 0.97, "Too close to call at the threshold that was", "Signs of manipulation"),
    ],
)
def test_a_threshold_that_was_moved_is_no_secret(
    detector, portrait, shipped, own_side, chosen, headline, own
):
    low, high = shipped.uncertain_band
    score = {"real": low / 2, "uncertain": low + (high - low) / 2, "fake": high + 0.02}[own_side]
    document = moved(detector, portrait, chosen, score)
    top = page(document).partition("<figure")[0].partition("<h2>")[0]
    heading = re.search(r"<strong>(.*?)</strong>", top)[1]
    assert headline in heading and own not in heading
    assert f"threshold was set to {100 * chosen:.0f} %" in top
    assert f"At the model’s own threshold, {100 * shipped.threshold:.0f} %: {own}" in top
    assert f"Likely fake: {100 * score:.0f} %" in top
    # Programs read the same.
    assert headline in document["report"]["sentence"] and own in document["own"]["sentence"]
    assert document["own"]["threshold"] == shipped.threshold != document["report"]["threshold"]


def test_no_face_is_called_real_for_a_threshold_of_ones_own(detector, portrait):
    assert "<td>not called fake</td><td>73 %</td>" in page(moved(detector, portrait, 0.97, 0.73))
    assert "<td>real</td><td>2 %</td>" in page(moved(detector, portrait, 0.8, 0.02))


def test_the_error_rates_are_those_of_what_is_asked_of_so_many_faces(detector, portrait, shipped):
    one, three = (moved(detector, portrait, 0.8, *[0.95] * count) for count in (1, 3))
    assert one["error_rates"]["group_false_positive_rate"] is None
    assert "Faces judged here" not in page(one)
    rates = three["error_rates"]
    at = rates["elsewhere"]["operating_point"]
    # Of three faces one must reach more than a single one must.
    assert at["threshold"] == three["report"]["uncertain_band"][1] > shipped.threshold
    assert rates["faces"] == 3
    chance = 1 - (1 - at["false_positive_rate"]) ** 3
    assert rates["group_false_positive_rate"] == pytest.approx(chance, abs=1e-6)
    text = page(three)
    assert f"called fake from {100 * at['threshold']:.0f} % on" in text
    assert f"about <b>{100 * chance:.0f}</b> would be called fake" in text


def test_what_the_file_says_of_itself_is_listed(recorded):
    found = Provenance(
        Credentials("present", intact=True, signer="Jane & Co", signer_list="unknown"),
        Metadata(camera="Make <& Model>", gps=True),
        (SourceType("digitalCapture", "picture", "credentials"),),
        (Generator("ComfyUI", "a <cat>"),), JpegQuality(92, False), "same", ("A note.",),
    )  # fmt: skip
    assert Provenance.from_dict(found.to_dict("real")).to_dict("real") == found.to_dict("real")
    facts = json.loads(json.dumps(found.to_dict("real")))
    text = page({**recorded, "report": {**recorded["report"], "provenance": facts}})
    assert "What the file says of where it comes from" in text
    for said in (
        "<dt>Camera</dt><dd>Make &lt;&amp; Model&gt;", "signed by Jane &amp; Co", "about 92",
        "<dt>Place</dt><dd>present in the file; it is not read", "shows the same scene",
        "ComfyUI left a text: “a &lt;cat&gt;”", "taken by a digital camera", "A note.",
    ):  # fmt: skip
        assert said in text
    # No names of fields.
    for field in ("intact</dt>", "gps", "thumbnail", "trust list date", "said by"):
        assert field not in text
    assert "What the file says" not in page(recorded)


def test_an_earlier_compression_is_said_to_be_no_sign_of_a_fake(recorded):
    def shown(earlier):
        found = Provenance(Credentials("absent"), jpeg=JpegQuality(90, True, earlier))
        facts = json.loads(json.dumps(found.to_dict("real")))
        return page({**recorded, "report": {**recorded["report"], "provenance": facts}})

    text = shown(70)
    assert "at about quality 70" in text and "no sign of a fake" in text
    assert "Earlier" not in shown(None) and "no sign of a fake" not in shown(None)


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
