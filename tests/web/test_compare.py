"""Several models in the page, in a real Chromium."""

import pytest
from playwright.sync_api import expect

from tests.web.visitor import open_page, upload


@pytest.fixture
def page(browser, served_several):
    with open_page(browser, served_several.url) as page:
        yield page


def choose(page, label):
    page.locator("#model input").click()
    page.get_by_role("option", name=label, exact=True).click()


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()


def test_another_model_brings_its_threshold_its_verdict_and_its_card(page, other_portrait):
    upload(page, other_portrait)
    expect(page.locator("#verdict")).to_contain_text("Model default")
    choose(page, "plain 1.0")
    expect(page.locator("#verdict")).to_contain_text("Model plain 1.0, run by LiteRT")
    expect(page.locator("#threshold input[type=number]")).to_have_value("0.5")
    expect(page.locator("#meaning")).to_contain_text("not measured")
    open_tab(page, "About this model")
    expect(page.locator("#about")).to_contain_text("without a model card")
    expect(page.locator("#about")).to_contain_text("nothing <much>")
    open_tab(page, "Photo")
    choose(page, "default 1.1.0")
    expect(page.locator("#verdict")).to_contain_text("Model default")
    expect(page.locator("#threshold input[type=number]")).to_have_value("0.79")


def test_choosing_a_model_without_a_photo_only_moves_the_threshold(page):
    choose(page, "plain 1.0")
    expect(page.locator("#threshold input[type=number]")).to_have_value("0.5")
    expect(page.locator("#verdict")).to_contain_text("Is this face real?")


def test_a_model_without_its_own_map_shows_what_it_looked_at_on_request(page, portrait):
    upload(page, portrait)
    expect(page.locator("#evidence img").first).to_be_visible()
    expect(page.locator("#look")).to_be_hidden()
    choose(page, "plain 1.0")
    expect(page.locator("#look")).to_be_visible()
    expect(page.locator("#evidence")).to_be_hidden()
    expect(page.locator("#evidence-caption")).to_be_hidden()
    page.locator("#look").click()
    expect(page.locator("#evidence img").first).to_be_visible(timeout=60_000)
    expect(page.locator("#look")).to_be_hidden()


def test_a_broken_model_says_so_and_the_page_goes_on(page, portrait):
    upload(page, portrait)
    expect(page.locator("#verdict")).to_contain_text("Model default")
    choose(page, "changed 1.0")
    expect(page.locator("#verdict [role=alert]")).to_contain_text("This model cannot be used")
    expect(page.locator("#verdict")).to_contain_text("model.tflite is not the file")
    choose(page, "strict 1.0")
    expect(page.locator("#verdict")).to_contain_text("Signs of manipulation found")


def test_a_visitor_cannot_have_files_of_the_server_loaded(page, portrait):
    upload(page, portrait)
    expect(page.locator("#verdict")).to_contain_text("Model default")
    page.locator("#model input").fill("/etc/passwd")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict [role=alert]")).to_contain_text("Choose from: default 1.1.0")


def test_models_are_compared_side_by_side(page, portrait):
    open_tab(page, "Compare models")
    upload(page, portrait, "compare-photo")
    rows = page.locator("#comparison tbody tr")
    expect(rows).to_have_count(5)
    expect(page.locator("#comparison [role=status]")).to_contain_text(
        "Two of three models call it real. They disagree"
    )
    for row, texts in enumerate(
        [
            ("default 1.1.0", "run by LiteRT", "real", "6.8 MB", "of reals called fake"),
            ("plain 1.0", "real", "nothing <much>", "not measured"),
            ("strict 1.0", "fake"),
            ("changed 1.0", "model.tflite is not the file that its manifest describes"),
            ("Ensemble", "mean of 3 models", "not measured"),
        ]
    ):
        for text in texts:
            expect(rows.nth(row)).to_contain_text(text)
    expect(page.locator("#comparison figure img")).to_have_count(3)


def test_only_the_chosen_models_are_asked(page, portrait):
    open_tab(page, "Compare models")
    for label in ("strict 1.0", "changed 1.0"):
        page.locator("#compare-models label", has_text=label).click()
    upload(page, portrait, "compare-photo")
    expect(page.locator("#comparison tbody tr")).to_have_count(3)
    expect(page.locator("#comparison [role=status]")).to_contain_text("Both models call it real")


def test_a_file_that_is_no_picture_gets_its_sentence(page, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"this is no picture at all")
    open_tab(page, "Compare models")
    page.locator("#compare").click()
    expect(page.locator("#comparison [role=alert]")).to_contain_text("Choose a photo first")
    upload(page, bad, "compare-photo")
    expect(page.locator("#comparison [role=alert]")).to_contain_text("This is a text file")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_comparison_fits_a_phone(browser, served_several, portrait, scheme):
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    with open_page(browser, served_several.url, **phone) as page:
        open_tab(page, "Compare models")
        upload(page, portrait, "compare-photo")
        expect(page.locator("#comparison tbody tr").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
