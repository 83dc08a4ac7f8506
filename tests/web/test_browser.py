"""The page in a real Chromium, as a visitor uses it."""

import re

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

from deepfake import verdict as verdict_rules
from deepfake.modelstore.backends.litert import LiteRTBackend
from tests.web.visitor import open_page, remove_photo, upload


@pytest.fixture
def page(browser, served):
    # 415: what is no picture is not taken.
    with open_page(browser, served.url, ("415",)) as page:
        yield page


@pytest.fixture
def scored(monkeypatch):
    """Counts the network's runs."""
    runs = []
    original = LiteRTBackend.scores

    def counting(self, batch):
        runs.append(len(batch))
        return original(self, batch)

    monkeypatch.setattr(LiteRTBackend, "scores", counting)
    return runs


def set_threshold(page, value):
    # Gradio sets the slider's own value a little after it is there.
    slider = page.locator("#threshold input[type=range]")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"\d"))
    number = page.locator("#threshold input[type=number]")
    number.fill(str(value))
    number.press("Tab")


def verdict(page):
    return page.locator("#verdict")


def test_a_dropped_photo_gets_a_verdict_with_its_measured_error(page, portrait):
    upload(page, portrait)
    panel = verdict(page).locator("[role=status]")
    expect(panel).to_contain_text("No signs of manipulation found")
    expect(panel).to_contain_text(re.compile(r"Likely fake: [<>]?\d+ %"))
    expect(panel).to_contain_text("does not prove that the photo is real")
    expect(panel).to_contain_text("from elsewhere")
    # One photo, with its boxes.
    expect(page.locator("#faces img")).to_be_visible()
    expect(page.locator("#photo img")).to_be_hidden()
    expect(page.locator("#evidence img").first).to_be_visible()
    # All that decides is above the fold of a small laptop.
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(panel).to_be_in_viewport(ratio=1)
    # A region that was there before tells screen readers of it.
    expect(page.locator("#told [aria-live]")).to_contain_text("No signs of manipulation found")


def test_a_file_that_contradicts_its_verdict_says_so_at_the_top(page, portrait, tmp_path):
    left = PngInfo()
    left.add_text("parameters", "an astronaut\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1")
    Image.open(portrait).save(tmp_path / "made.png", pnginfo=left)
    page.set_viewport_size({"width": 1280, "height": 720})
    upload(page, tmp_path / "made.png")
    expect(verdict(page)).to_contain_text("No signs of manipulation found")
    expect(page.locator("#verdict .misfit")).to_be_in_viewport(ratio=1)
    expect(page.locator("#told [aria-live]")).to_contain_text("The file says that AI made")
    # What it says lies next to the verdict, not below all else.
    expect(page.locator("#provenance")).to_contain_text("Stable Diffusion")
    below = page.locator("#evidence").bounding_box()["y"]
    assert page.locator("#provenance").bounding_box()["y"] < below


def test_removing_the_photo_removes_its_verdict(page, portrait):
    upload(page, portrait)
    expect(verdict(page).locator("[role=status]")).to_be_visible()
    remove_photo(page)
    expect(verdict(page)).to_contain_text("Is this face real?")
    expect(page.locator("#faces")).to_be_hidden()


def test_with_one_model_there_is_nothing_to_choose(page, portrait):
    upload(page, portrait)
    expect(verdict(page)).to_contain_text("Model Face check")
    expect(page.locator("#model")).to_have_count(0)
    expect(page.get_by_role("tab", name="Compare models")).to_have_count(0)


def test_the_card_of_the_model_is_shown_with_its_figures(page):
    page.get_by_role("tab", name="About this model").click()
    figure = page.locator("#about img").first
    expect(figure).to_be_visible()
    page.wait_for_function("document.querySelector('#about img').naturalWidth > 0")


def test_the_page_shows_the_score_of_the_library(page, portrait, detector):
    upload(page, portrait)
    expect(page.locator("#history-rows tbody tr")).to_have_count(1)
    # Gradio draws each field of what is handed to a script.
    assert page.locator(".json-holder *").count() < 20
    rows = page.evaluate("JSON.parse(localStorage.getItem('deepfake-history'))")
    assert rows[0]["p_fake"] == pytest.approx(detector.detect(portrait).p_fake, abs=1e-6)


def test_the_threshold_decides_again_without_a_new_prediction(page, portrait, scored):
    upload(page, portrait)
    expect(verdict(page).locator("[role=status]")).to_be_visible()
    runs = len(scored)
    # Closed at first: the figures are for those who ask for them.
    expect(page.locator("#meaning")).to_be_hidden()
    page.locator("#adjust button").first.click()
    set_threshold(page, 0)
    expect(verdict(page)).to_contain_text("Called fake at the threshold that you chose")
    set_threshold(page, 1)
    expect(verdict(page)).to_contain_text("No signs of manipulation found")
    dot = page.locator("#meaning .dot")
    before = dot.get_attribute("cx")
    page.locator("#preset-few_misses").click()
    expect(page.locator("#preset-few_misses")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#preset-few_misses")).to_be_focused()
    expect(dot).not_to_have_attribute("cx", before)
    answer = page.locator("#mix-answer")
    page.locator("#mix").fill("0")
    expect(answer).to_contain_text("about 0 would really be fake")
    # What was typed stays when the threshold moves.
    page.locator("#preset-balanced").click()
    expect(page.locator("#mix")).to_have_value("0")
    expect(answer).to_contain_text("about 0 would really be fake")
    # What stands in the field is what is answered for.
    for typed, kept in (("-3", "0"), ("7777", "1000")):
        page.locator("#mix").fill(typed)
        page.keyboard.press("Tab")
        expect(page.locator("#mix")).to_have_value(kept)
    set_threshold(page, 0)
    expect(answer).to_contain_text("About 1,000 of the 1,000")
    assert len(scored) == runs


def test_a_result_that_has_gone_from_the_server_says_so_and_comes_again(page, served, portrait):
    upload(page, portrait)
    status = verdict(page).locator("[role=status]")
    expect(status).to_be_visible()
    page.locator("#adjust button").first.click()
    threshold = page.locator("#threshold input[type=number]")
    for use in (lambda: threshold.fill("0.3"), page.locator("#report-html").click):
        # As after an hour, or when many others have come meanwhile.
        served.blocks.state_holder.session_data.clear()
        use()
        expect(verdict(page)).to_contain_text("The result is no longer here")
        # No verdict stands there that the threshold does not move.
        expect(status).to_have_count(0)
        page.get_by_role("button", name="Try again").click()
        expect(status).to_be_visible()


def test_an_example_is_one_click(page):
    page.get_by_role("button", name="Coffee").click()
    expect(verdict(page)).to_contain_text("No face found")
    expect(page.locator("#photo img")).to_be_visible()


def test_garbage_gets_our_sentence_and_the_page_goes_on(page, portrait, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"this is no picture at all")
    upload(page, bad)
    expect(page.locator("#notice [role=alert]")).to_contain_text("This is a text file")
    # Nor would it be a photo the next time.
    expect(page.locator("#notice .again")).to_have_count(0)
    upload(page, portrait)
    expect(verdict(page).locator("[role=status]")).to_contain_text("No signs of manipulation")


def test_what_a_file_is_called_does_not_matter(page, portrait, tmp_path):
    for name, data, expected in (
        ("photo", portrait.read_bytes(), "No signs of manipulation"),
        ("notes.txt", b"this is no picture at all", "This is a text file"),
    ):
        (tmp_path / name).write_bytes(data)
        upload(page, tmp_path / name)
        expect(page.locator("#verdict, #notice").filter(has_text=expected)).to_be_visible()


def test_a_file_that_is_too_large_gets_our_sentence(page, tmp_path):
    (tmp_path / "large.jpg").write_bytes(b"\xff\xd8\xff" + bytes(51_000_000))
    upload(page, tmp_path / "large.jpg")
    expect(page.locator("#notice [role=alert]")).to_contain_text("larger than 50 MB")


def test_a_half_typed_threshold_changes_nothing(page, portrait):
    upload(page, portrait)
    expect(verdict(page).locator("[role=status]")).to_contain_text("No signs")
    page.locator("#adjust button").first.click()
    number = page.locator("#threshold input[type=number]")
    before = number.input_value()
    for typed in ("", ".", "5", "-1"):
        number.press("ControlOrMeta+a")
        number.press("Delete")
        number.press_sequentially(typed)
        number.press("Tab")
        expect(number).to_have_value(before)
        # An error would be on the console, which no test may leave with one.
        page.wait_for_timeout(500)
        expect(verdict(page).locator("[role=status]")).to_contain_text("No signs")


def test_pictures_are_described_to_those_who_cannot_see_them(page, portrait):
    upload(page, portrait)
    expect(page.locator("#evidence img")).to_have_count(2)
    # The one that is cut off at the handle, so that its right part is seen.
    right = page.locator("#evidence img[style*=clip-path]")
    expect(right).to_have_attribute("alt", "The same face with the places that the model looked at")
    for place in ("#photo", "#faces", "#evidence"):
        for picture in page.locator(f"{place} img").all():
            expect(picture).to_have_attribute("alt", re.compile(r"\w+ \w+"))


def test_the_button_and_the_enter_key_analyse(page, portrait, scored):
    page.locator("#analyse").click()
    expect(verdict(page).locator("h2")).to_contain_text("No photo yet")
    expect(verdict(page)).to_contain_text("Choose a photo first")
    upload(page, portrait)
    expect(verdict(page).locator("[role=status]")).to_be_visible()
    # The changed copies of the face that decides are a run of their own.
    runs = scored.count(1)
    page.locator("h1").first.click()
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    expect(verdict(page).locator("[role=status]")).to_be_visible()
    for _ in range(300):
        if scored.count(1) > runs:
            break
        page.wait_for_timeout(100)
    assert scored.count(1) == runs + 1
    # What uses the key itself keeps it.
    part = page.locator("#provenance summary")
    part.press("Enter")
    expect(page.locator("#provenance details")).to_have_attribute("open", "")
    page.wait_for_timeout(500)
    expect(verdict(page).locator("[role=status]")).to_be_visible()
    assert scored.count(1) == runs + 1


def test_another_face_shows_its_evidence(page, two_faces, portrait, shipped):
    upload(page, portrait)
    expect(verdict(page).locator("[role=status]")).to_be_visible()
    upload(page, two_faces)
    expect(page.locator("#face")).to_be_visible()
    # Of two faces more is asked than of one, and the list of results says so.
    asked = verdict_rules.group_threshold(shipped, shipped.threshold, 2)
    assert asked > shipped.threshold + 0.01
    listed = page.locator("#history-rows tbody tr").first.locator("td").nth(4)
    expect(listed).to_have_text(f"{100 * asked:.0f} %")
    # Gradio showed what is hidden on purpose, when a second result came.
    expect(page.locator("#result .empty:visible")).to_have_count(0)
    before = page.locator("#evidence img").first.get_attribute("src")
    page.locator("#face label").nth(1).click()
    expect(page.locator("#evidence img").first).not_to_have_attribute("src", before)
    # The one that decides comes first in the list; a click on a box chooses its face.
    page.locator("#faces .box").first.click()
    expect(page.locator("#faces .box.chosen b")).to_have_text("1")
    expect(page.locator("#face label", has_text="Face 1").locator("input")).to_be_checked()


@pytest.mark.parametrize(("width", "height", "scheme"), [(390, 844, "dark"), (320, 640, "light")])
def test_a_phone_shows_the_photo_and_its_verdict_together(browser, served, width, height, scheme):
    size = {"width": width, "height": height}
    with open_page(browser, served.url, viewport=size, color_scheme=scheme) as page:
        # At the page's end, where the next one is chosen, too.
        for face in ("Swapped face: Collins", "Swapped face: Hopper"):
            page.locator("#examples").get_by_role("button", name=face).click()
            expect(page.locator("#verdict [role=status]")).to_be_visible()
            expect(page.locator("#faces figure")).to_be_in_viewport(ratio=0.95)
            expect(page.locator("#verdict .bar")).to_be_in_viewport(ratio=1)
            word = page.locator("#verdict .zones .own")
            expect(word).to_have_text("signs found")
            assert word.evaluate("e => e.scrollWidth <= e.clientWidth && e.clientHeight > 0")
        order = ("#faces", "#verdict", "#privacy", "#analyse", "#examples", "#history")
        tops = [page.locator(part).bounding_box()["y"] for part in order]
        assert tops == sorted(tops)
        expect(page.locator("#history-rows tbody tr")).to_have_count(2)
        # "Likely fake" was cut off there.
        assert page.locator("#history-rows").evaluate("e => e.scrollWidth <= e.clientWidth")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # Gradio hides its link to the API there, and left a dot.
        assert page.locator("footer").inner_text().strip() == ""


def test_the_panel_on_the_api_says_what_works_here(page):
    page.locator("footer").get_by_role("button", name="Use via API").click()
    panel = page.get_by_role("dialog", name="Use via API")
    expect(panel).to_contain_text("handle_file('photo.jpg')")
    panel.locator(".snippet", has_text="JavaScript").click()
    expect(panel).to_contain_text('fetch("photo.jpg")')
    # It would tell how to switch on what this page has a switch of its own for.
    expect(panel.locator(".snippet", has_text="MCP")).to_be_hidden()
