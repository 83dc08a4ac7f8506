"""Several models in the page, in a real Chromium."""

import threading
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from starlette.datastructures import Headers

from deepfake.detector import Detector
from deepfake.errors import ModelError
from deepfake.settings import Settings
from deepfake.shelf import Shelf
from deepfake.web.choices import Choices
from deepfake.web.compare import Comparer
from deepfake.web.view import ComparisonView
from deepfake.web.visitors.admission import Admission
from tests import default_model
from tests.web.visitor import open_page, remove_photo, upload

SIZE = f"{(default_model.FOLDER / 'model.tflite').stat().st_size / 1e6:.1f} MB"


@pytest.fixture
def page(browser, served_several):
    # 415: what is no picture is not taken.
    with open_page(browser, served_several.url, ("415",)) as page:
        yield page


def choose(page, label):
    page.locator("#model input").click()
    page.get_by_role("option", name=label, exact=True).click()


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()


def test_another_model_brings_its_threshold_its_verdict_and_its_card(page, other_portrait):
    upload(page, other_portrait)
    expect(page.locator("#verdict")).to_contain_text("Model Face check")
    choose(page, "plain 1.0")
    expect(page.locator("#verdict")).to_contain_text("Model plain 1.0")
    page.locator("#adjust button").first.click()
    expect(page.locator("#threshold input[type=number]")).to_have_value("0.5")
    expect(page.locator("#meaning")).to_contain_text("never measured")
    open_tab(page, "About this model")
    expect(page.locator("#about")).to_contain_text("without a model card")
    expect(page.locator("#about")).to_contain_text("nothing <much>")
    open_tab(page, "Photo")
    choose(page, default_model.TITLE)
    expect(page.locator("#verdict")).to_contain_text("Model Face check")
    expect(page.locator("#threshold input[type=number]")).to_have_value(
        str(default_model.MANIFEST.threshold)
    )


def test_a_model_that_was_chosen_before_the_photo_judges_it_at_its_own_threshold(page, portrait):
    choose(page, "plain 1.0")
    expect(page.locator("#verdict")).to_contain_text("Is this face real?")
    upload(page, portrait)
    expect(page.locator("#verdict")).to_contain_text("Model plain 1.0")
    page.locator("#adjust button").first.click()
    expect(page.locator("#threshold input[type=number]")).to_have_value("0.5")


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
    expect(page.locator("#verdict")).to_contain_text("Model Face check")
    choose(page, "changed 1.0")
    expect(page.locator("#verdict [role=alert]")).to_contain_text("This model cannot be used")
    expect(page.locator("#verdict")).to_contain_text("model.tflite is not the file")
    choose(page, "strict 1.0")
    expect(page.locator("#verdict")).to_contain_text("Signs of manipulation found")


def test_a_visitor_cannot_have_files_of_the_server_loaded(page, portrait):
    upload(page, portrait)
    expect(page.locator("#verdict")).to_contain_text("Model Face check")
    page.locator("#model input").fill("/etc/passwd")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict [role=alert]")).to_contain_text(
        f"Choose from: {default_model.TITLE}"
    )


def test_models_are_compared_side_by_side(page, portrait):
    open_tab(page, "Compare models")
    upload(page, portrait, "compare-photo")
    rows = page.locator("#comparison tbody tr")
    expect(rows).to_have_count(5)
    expect(page.locator("#comparison [role=status]")).to_contain_text("The models disagree.")
    for row, texts in enumerate(
        [
            (default_model.TITLE, "real", SIZE, "of the real faces called fake"),
            ("plain 1.0", "real", "nothing <much>", "not measured"),
            ("strict 1.0", "fake"),
            ("changed 1.0", "model.tflite is not the file that its manifest describes"),
            ("Ensemble", "mean of the models: 3", "not measured"),
        ]
    ):
        for text in texts:
            expect(rows.nth(row)).to_contain_text(text)
    expect(page.locator("#comparison figure img")).to_have_count(3)


def test_heat_maps_are_worked_out_on_request(page, portrait):
    open_tab(page, "Compare models")
    look = page.locator("#compare-look")
    expect(look).to_be_hidden()
    upload(page, portrait, "compare-photo")
    figures = page.locator("#comparison figure")
    expect(figures.nth(1)).to_contain_text("No built-in map")
    plain_face = figures.nth(1).locator("img").get_attribute("src")
    look.click()
    expect(figures.nth(1)).to_contain_text("Map by hiding places", timeout=60_000)
    assert figures.nth(1).locator("img").get_attribute("src") != plain_face
    expect(figures.nth(0)).to_contain_text("Built-in map")
    expect(page.locator("#comparison")).to_contain_text("occlusion sensitivity")
    expect(page.locator("#comparison tbody tr").nth(3)).to_contain_text("model.tflite is not")
    expect(look).to_be_hidden()


def test_nothing_is_offered_where_all_maps_are_there(page, portrait):
    open_tab(page, "Compare models")
    page.locator("#compare-models label", has_text="plain 1.0").click()
    upload(page, portrait, "compare-photo")
    expect(page.locator("#comparison figure")).to_have_count(2)
    expect(page.locator("#compare-look")).to_be_hidden()


def test_maps_that_come_late_do_not_bring_the_photo_back(page, portrait, monkeypatch):
    started, go_on = threading.Event(), threading.Event()
    explain = Detector.explain

    def late(detector, face):
        started.set()
        assert go_on.wait(30)
        return explain(detector, face)

    monkeypatch.setattr(Detector, "explain", late)
    open_tab(page, "Compare models")
    upload(page, portrait, "compare-photo")
    page.locator("#compare-look").click()
    assert started.wait(20)
    remove_photo(page, "compare-photo")
    expect(page.locator("#comparison")).to_contain_text("What do several models say?")
    go_on.set()
    page.wait_for_timeout(4000)
    expect(page.locator("#comparison")).to_contain_text("What do several models say?")
    expect(page.locator("#compare-look")).to_be_hidden()


def test_an_example_is_compared_at_once(page):
    open_tab(page, "Compare models")
    page.locator("#compare-examples").get_by_role("button", name="Grace Hopper").click()
    expect(page.locator("#comparison tbody tr")).to_have_count(5)


@pytest.fixture
def comparer(make_model):
    plain = make_model("plain", output={"score": "logit", "kind": "logit", "evidence": None})
    settings = Settings(rate_limit="2/minute")
    shelf = Shelf(("default", str(plain)), settings)
    view = ComparisonView(session=gr.State(), comparison=gr.HTML(), look=gr.Button())
    return Comparer(Choices(shelf), Admission(settings), view)


@pytest.mark.slow
def test_all_heat_maps_together_count_as_one_analysis(comparer, portrait, monkeypatch):
    warnings = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: warnings.append(text))
    asked = SimpleNamespace(
        headers=Headers({}), client=SimpleNamespace(host="192.0.2.1"), session_hash="visitor"
    )
    view = comparer.view
    shown = comparer.show(str(portrait), comparer.choices.labels, "", asked)
    assert shown[view.look]["visible"] and "No built-in map" in shown[view.comparison]
    shown = comparer.look(shown[view.session], "", asked)
    assert not shown[view.look]["visible"] and "Map by hiding places" in shown[view.comparison]
    assert not warnings
    refused = comparer.look(shown[view.session], "", asked)
    assert len(warnings) == 1 and refused == gr.skip()


def test_a_map_that_fails_says_so_under_its_face_without_folders(comparer, portrait, monkeypatch):
    view = comparer.view
    session = comparer.show(str(portrait), comparer.choices.labels, "")[view.session]

    def fail(_detector, _face):
        where = "/srv/my models/plain"
        raise ModelError(f"The model {where} is gone. Get it again.", path=where)

    monkeypatch.setattr(Detector, "explain", fail)
    found = comparer.look(session, "")
    shown = found[view.comparison]
    assert "The model plain is gone. Get it again." in shown and "/srv" not in shown
    # It can be tried again.
    assert found[view.look]["visible"] and "Likely fake" in shown


def test_only_the_pixels_that_are_shown_are_kept(comparer, portrait, tmp_path):
    two_faces = tmp_path / "two.png"
    one = np.asarray(Image.open(portrait).convert("RGB"))
    Image.fromarray(np.hstack([one, one])).save(two_faces)
    session = comparer.show(str(two_faces), comparer.choices.labels, "")[comparer.view.session]
    for row in session[0].rows:
        first, second = row.report.faces
        assert first.crop is not None and second.p_fake is not None
        assert second.crop is None and second.evidence is None


def test_only_the_chosen_models_are_asked(page, portrait):
    open_tab(page, "Compare models")
    for label in ("strict 1.0", "changed 1.0"):
        page.locator("#compare-models label", has_text=label).click()
    upload(page, portrait, "compare-photo")
    expect(page.locator("#comparison tbody tr")).to_have_count(3)
    expect(page.locator("#comparison [role=status]")).to_contain_text(
        "All models say the same: real"
    )


def test_a_file_that_is_no_picture_gets_its_sentence(page, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"this is no picture at all")
    open_tab(page, "Compare models")
    page.locator("#compare").click()
    expect(page.locator("#comparison [role=alert]")).to_contain_text("Choose a photo first")
    upload(page, bad, "compare-photo")
    expect(page.locator("#compare-notice [role=alert]")).to_contain_text("This is a text file")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_comparison_fits_a_phone(browser, served_several, portrait, scheme):
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    with open_page(browser, served_several.url, **phone) as page:
        open_tab(page, "Compare models")
        upload(page, portrait, "compare-photo")
        expect(page.locator("#comparison tbody tr").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
