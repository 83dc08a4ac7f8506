"""The page in other languages, in a real Chromium: what visitors see, and in which direction."""

import pytest
from playwright.sync_api import expect

from deepfake.web.language import CATALOGUES
from tests.web.visitor import open_page, upload

ARABIC, GERMAN = CATALOGUES["ar"], CATALOGUES["de"]


def shows(page, place, *texts):
    for text in texts:
        expect(page.locator(place)).to_contain_text(text)


def test_an_arabic_browser_gets_an_arabic_page_from_right_to_left(
    browser, served, portrait, two_faces, tmp_path
):
    # 422: what is no picture has no preview.
    with open_page(browser, served.url, ("415",), locale="ar-EG") as page:
        root = page.locator("html")
        expect(root).to_have_attribute("dir", "rtl")
        expect(root).to_have_attribute("lang", "ar")
        expect(page).to_have_title(ARABIC["page.title"])
        shows(page, "#verdict", ARABIC["welcome.text"])
        shows(page, "#photo", ARABIC["photo.label"])
        shows(page, "#history-rows", ARABIC["history.empty"])
        upload(page, two_faces)
        expect(page.locator("#verdict [role=status]")).to_be_visible()
        verdict = page.locator("#verdict h2").inner_text()
        assert verdict.partition(" ")[2] in [
            ARABIC[f"verdict.{v}"] for v in ("fake", "uncertain", "real")
        ]
        shows(page, "#face", ARABIC["faces.label"])
        shows(page, "#history-rows", ARABIC["history.likely"])
        shows(page, "#provenance", ARABIC["provenance.title"])
        # Text stands right, and what is measured from the left in other languages from there, too.
        assert (
            page.locator("#verdict p").first.evaluate("e => getComputedStyle(e).direction") == "rtl"
        )
        bar = page.locator("#verdict .bar").bounding_box()
        zone = page.locator("#verdict .zone-real").bounding_box()
        assert zone["x"] + zone["width"] > bar["x"] + bar["width"] - 3
        # The face's number finds its line in any language.
        page.locator(".marked .box").last.click()
        expect(page.locator("#face label").last.locator("input")).to_be_checked()
        page.locator("#adjust button").first.click()
        shows(page, "#meaning", ARABIC["adjust.balanced"], ARABIC["details.title"])
        # Nothing of the page itself is left in Latin letters, but names, formats and keys.
        # At its own threshold the default model calls this one real, as the picture of two is not.
        upload(page, portrait)
        shows(page, "#verdict h2", ARABIC["verdict.real"])
        page.locator("#threshold input[type=number]").fill("0")
        shows(page, "#verdict", ARABIC["adjusted.fake"])
        (tmp_path / "bad.jpg").write_bytes(b"this is no picture at all")
        upload(page, tmp_path / "bad.jpg")
        shows(page, "#notice [role=alert]", ARABIC["what.text"])
        page.get_by_role("tab", name=ARABIC["tab.about"]).click()
        shows(page, "#about", ARABIC["about.what_text"], ARABIC["failure.filters"])
        card = page.locator("#about [lang=en]").first
        assert card.evaluate("e => getComputedStyle(e).direction") == "ltr"


def test_a_visitor_chooses_another_language(browser, served, portrait):
    with open_page(browser, served.url) as page:
        shows(page, "#verdict", CATALOGUES["en"]["welcome.text"])
        page.locator("#languages summary").click()
        page.get_by_role("link", name="Deutsch").click()
        shows(page, "#verdict", GERMAN["welcome.text"])
        expect(page.locator("html")).to_have_attribute("lang", "de")
        upload(page, portrait)
        shows(page, "#verdict", GERMAN["bar.likely"].split("{")[0])
        shows(page, "#history-rows", GERMAN["history.threshold"])
        # Gradio's own words go with ours, and its handlers' too.
        expect(page.locator("footer").get_by_role("button")).to_have_text(["Über API verwenden"])
        page.locator("#misjudged > button").click()
        expect(page.locator("#misjudged-real")).to_have_text(GERMAN["misjudged.real"])


@pytest.mark.parametrize("locale", ["ar-EG", "de-DE"])
def test_long_words_fit_a_phone(browser, served, two_faces, locale):
    phone = {"viewport": {"width": 320, "height": 700}, "locale": locale}
    with open_page(browser, served.url, **phone) as page:
        upload(page, two_faces)
        expect(page.locator("#verdict [role=status]")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        # The choice of a language stands beside the heading, not on it.
        heading = page.locator("#heading h1").evaluate(
            "e => { const range = document.createRange(); range.selectNodeContents(e);"
            " const { left, right } = range.getBoundingClientRect(); return [left, right] }"
        )
        box = page.locator("#languages summary").bounding_box()
        assert heading[1] <= box["x"] or heading[0] >= box["x"] + box["width"]
