"""What axe-core finds, in light and dark, before and after an analysis; and what it cannot see."""

import io

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from tests.web.visitor import open_page, upload

GRAVE = ("serious", "critical")


def findings(page):
    violations = Axe().run(page).response["violations"]
    return {
        (found["id"], *(node["html"][:120] for node in found["nodes"][:3]))
        for found in violations
        if found["impact"] in GRAVE
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, served, two_faces, tmp_path, scheme):
    # 415: what is no picture is not taken.
    with open_page(browser, served.url, ("415",), color_scheme=scheme) as page:
        assert findings(page) == set()
        upload(page, two_faces)
        expect(page.locator("#verdict [role=status]")).to_be_visible()
        page.locator("#adjust button").first.click()
        page.locator("#figures summary").click()
        expect(page.locator("#face")).to_be_visible()
        assert findings(page) == set()
        (tmp_path / "bad.jpg").write_bytes(b"this is no picture at all")
        upload(page, tmp_path / "bad.jpg")
        expect(page.locator("#notice [role=alert]")).to_be_visible()
        assert findings(page) == set()
        page.get_by_role("tab", name="About this model").click()
        expect(page.locator("#about h3").first).to_be_visible()
        assert findings(page) == set()
        # Commands in the card, where every line of them is longer than the page is wide.
        page.set_viewport_size({"width": 390, "height": 844})
        assert findings(page) == set()


def test_a_keyboard_walks_the_faces_and_sees_where_it_is(browser, served, two_faces, shipped):
    with open_page(browser, served.url, reduced_motion="reduce") as page:
        upload(page, two_faces)
        expect(page.locator("#verdict h2")).to_be_focused()
        first = page.locator("#face input").first
        first.focus()
        expect(first).to_be_checked()
        page.keyboard.press("ArrowDown")
        second = page.locator("#face label").nth(1)
        expect(second.locator("input")).to_be_checked()
        chosen = page.locator("#faces .box.chosen b")
        expect(chosen).to_have_text(second.inner_text().split()[1])
        page.locator("#adjust button").first.click()
        slider = page.locator("#threshold input[type=range]")
        # Gradio sets its value a little after it is there.
        hundredth = round(100 * shipped.threshold)
        expect(slider).to_have_attribute("aria-valuetext", f"{hundredth}%")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert slider.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        expect(slider).to_have_attribute("aria-valuetext", f"{hundredth + 1}%")
        page.locator("#preset-few_misses").press("Enter")
        expect(slider).not_to_have_attribute("aria-valuetext", f"{hundredth + 1}%")
        handle = page.get_by_role("slider", name="What the model looked at")
        expect(handle).to_have_attribute("aria-valuenow", "50")
        before = page.locator("#evidence img.fixed").get_attribute("style")
        handle.press("ArrowLeft")
        expect(handle).to_have_attribute("aria-valuenow", "45")
        # The picture goes along, and the handle is where it says.
        expect(page.locator("#evidence img.fixed")).not_to_have_attribute("style", before)
        handle.press("Home")
        handle.blur()
        handle.focus()
        expect(handle).to_have_attribute("aria-valuenow", "0")
        assert page.evaluate("getComputedStyle(document.body).scrollBehavior") == "auto"


def contrast(one, other):
    """As WCAG counts it, of two colours (red, green, blue)."""

    def light(colour):
        parts = [part / 255 for part in colour]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


# An element's edge, and the first opaque ground around it.
COLOURS = """(e) => {
  const edge = getComputedStyle(e).borderTopColor;
  const ground = (e) => getComputedStyle(e).backgroundColor;
  do { e = e.parentElement } while (e.parentElement && /, 0\\)/.test(ground(e)));
  return [edge, ground(e)].map((c) => c.match(/[\\d.]+/g).map(Number).slice(0, 3));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_can_be_used_has_an_edge_that_is_seen(browser, served, two_faces, scheme):
    with open_page(browser, served.url, color_scheme=scheme) as page:
        edges = ["#photo", "#history-csv"]
        for step in range(2):
            for place in edges:
                edge, ground = page.locator(place).first.evaluate(COLOURS)
                assert contrast(edge, ground) >= 3, (place, edge, ground)
            if step == 0:
                upload(page, two_faces)
                expect(page.locator("#face")).to_be_visible()
                page.locator("#adjust button").first.click()
                edges = ["#face label:not(.selected) input", "#threshold input[type=number]"]
        if scheme == "light":
            # White on white: at 0 nothing of the track is coloured, so what is seen is the thumb.
            page.locator("#threshold input[type=range]").press("Home")
            shot = page.locator("#threshold .slider_input_container").screenshot()
            colours = Image.open(io.BytesIO(shot)).convert("RGB").getcolors(1 << 20)
            blue = [colour for _, colour in colours if colour[2] > colour[0] + 100]
            assert blue and max(contrast(colour, (255, 255, 255)) for colour in blue) >= 3


def test_what_can_be_pressed_is_large_enough(browser, served, two_faces):
    with open_page(browser, served.url) as page:
        upload(page, two_faces)
        expect(page.locator("#verdict [role=status]")).to_be_visible()
        page.locator("#adjust button").first.click()
        small = page.evaluate(
            """[...document.querySelectorAll("main :is(button, summary, select)")]
            // Gradio measures with copies that nobody sees or reaches.
            .filter((one) => one.checkVisibility() && one.tabIndex >= 0)
            .map((one) => [one.outerHTML.slice(0, 100), one.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.width < 24 || box.height < 24))
            .map(([html, box]) => `${html} ${box.width} x ${box.height}`)"""
        )
        assert small == []


@pytest.mark.parametrize("width", [320, 640])
def test_the_page_fits_narrow_screens(browser, served, two_faces, width):
    # 640 pixels are what 200 % leave of 1280.
    with open_page(browser, served.url, viewport={"width": width, "height": 640}) as page:
        upload(page, two_faces)
        expect(page.locator("#verdict [role=status]")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
