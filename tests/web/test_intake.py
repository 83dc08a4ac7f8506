"""A result belongs to its photo, whatever is slow, lost or refused: in a real Chromium."""

import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from deepfake.detector import Detector
from deepfake.settings import Settings
from tests.programs import free_port
from tests.web.conftest import serve
from tests.web.visitor import open_page, remove_photo

# What stands on the page, frame by frame: the photo by its size, the verdict, the marked picture.
WATCH = """([photo, panel, faces]) => {
    window.seen = new Set();
    const size = (image) => image?.checkVisibility() && image.complete
        ? `${image.naturalWidth}x${image.naturalHeight}` : "";
    const look = () => {
        const verdict = [...document.querySelectorAll(`${panel} .verdict`)].find((one) =>
            one.checkVisibility() && /-(real|fake|uncertain|not_applicable)/.test(one.className));
        window.seen.add([
            size(document.querySelector(`${photo} img`)), verdict?.className.split("-").pop() ?? "",
            size(document.querySelector(`${faces} img`)),
        ].join(" "));
        requestAnimationFrame(look);
    };
    look();
}"""
TABS = {
    "photo": ("#photo", "#verdict", "#faces"),
    "compare": ("#compare-photo", "#comparison", "#none"),
}
# Eileen Collins is real, and coffee has no face.
SIZES = {"512x512": "real", "600x400": "not_applicable"}


class Tab:
    """A tab of the page, watched."""

    def __init__(self, page, name):
        self.page, self.name = page, name
        self.photo, self.panel, self.faces = TABS[name]
        if name == "compare":
            page.get_by_role("tab", name="Compare models").click()
            expect(page.locator("#compare-photo")).to_be_visible()
        page.evaluate(WATCH, TABS[name])

    def choose(self, path):
        self.page.set_input_files(f"{self.photo} input[type=file]", path)

    def verdict(self, kind):
        return self.page.locator(f"{self.panel} .verdict-{kind}")

    def said(self):
        return self.page.locator("#notice" if self.name == "photo" else "#compare-notice")

    def again(self):
        self.page.locator(".again:visible").click()

    def check(self):
        """No frame had a verdict, or marked faces, of another photo."""
        seen = [frame.split(" ") for frame in self.page.evaluate("[...window.seen]")]
        for photo, verdict, faces in seen:
            # The photo with its boxes takes the place of the photo.
            assert not verdict or SIZES.get(photo or faces) == verdict, seen
            assert not (photo and faces), seen
        return {verdict for _, verdict, _ in seen}


@contextmanager
def held(monkeypatch, name):
    """A detector that takes its time for files of one name: (it began, let it go on)."""
    detect, began, go_on, done = Detector.detect, *(threading.Event() for _ in range(3))

    def slow(self, source, *, file=None, **options):
        if Path(file or "").name != name:
            return detect(self, source, file=file, **options)
        began.set()
        assert go_on.wait(60)
        try:
            return detect(self, source, file=file, **options)
        finally:
            done.set()

    monkeypatch.setattr(Detector, "detect", slow)
    yield began, go_on, done
    go_on.set()


@pytest.fixture
def page(browser, served_several):
    with open_page(browser, served_several.url) as page:
        yield page


def history(page):
    return page.locator("#history-rows tbody tr")


@pytest.mark.parametrize("name", TABS)
@pytest.mark.parametrize("way", ["upload", "example"])
def test_the_photo_that_was_chosen_last_is_judged(page, portrait, faceless, monkeypatch, name, way):
    tab = Tab(page, name)
    buttons = page.locator("#examples" if name == "photo" else "#compare-examples")
    with held(monkeypatch, portrait.name) as (began, go_on, done):
        for path, label in ((portrait, "Eileen Collins"), (faceless, "Coffee")):
            if way == "upload":
                tab.choose(path)
            else:
                buttons.get_by_role("button", name=label, exact=True).click()
            page.wait_for_timeout(300)
        expect(tab.said()).to_contain_text("Looking at the photo")
        go_on.set()
        expect(tab.verdict("not_applicable")).to_be_visible()
        assert done.wait(30) or not began.is_set()
        page.wait_for_timeout(500)
        expect(tab.verdict("not_applicable")).to_be_visible()
        expect(tab.said()).to_be_hidden()
    assert tab.check() == {"", "not_applicable"}
    if name == "photo":
        expect(history(page)).to_have_count(1)
        expect(history(page)).to_contain_text("coffee.png")


@pytest.mark.parametrize("name", TABS)
def test_a_photo_that_was_removed_gets_no_verdict(page, portrait, faceless, monkeypatch, name):
    tab = Tab(page, name)
    tab.choose(faceless)
    expect(tab.verdict("not_applicable")).to_be_visible()
    remove_photo(page, tab.photo[1:])
    expect(tab.verdict("none")).to_be_visible()
    with held(monkeypatch, portrait.name) as (began, go_on, done):
        tab.choose(portrait)
        assert began.wait(30)
        expect(page.locator(f"{tab.photo} img")).to_be_visible()
        remove_photo(page, tab.photo[1:])
        expect(tab.verdict("none")).to_be_visible()
        go_on.set()
        assert done.wait(30)
        page.wait_for_timeout(1000)
        expect(tab.verdict("none")).to_be_visible()
    assert tab.check() == {"", "not_applicable"}
    expect(history(page)).to_have_count(1 if name == "photo" else 0)


@pytest.fixture(scope="module")
def narrow(make_model):
    """A page that takes one analysis an hour and visitor, and lets one wait."""
    plain = make_model("plain", output={"score": "logit", "kind": "logit", "evidence": None})
    settings = Settings(port=free_port(), rate_limit="1/hour", max_queue=1, interpreters=1)
    yield from serve(settings, ["default", str(plain)])


@pytest.mark.parametrize("name", TABS)
def test_over_the_limit_no_old_verdict_stands_beside_the_new_photo(
    browser, narrow, portrait, faceless, name
):
    address = {"x-forwarded-for": "192.0.2.1" if name == "photo" else "192.0.2.2"}
    del address
    with open_page(browser, narrow.url) as page:
        tab = Tab(page, name)
        tab.choose(portrait)
        expect(page.locator(f"{tab.panel} .verdict:visible")).to_be_visible()
        page.wait_for_timeout(500)
        tab.choose(faceless)
        expect(page.locator(f"{tab.panel} [role=alert]")).to_contain_text("1 analysis an hour")
        expect(page.locator("#faces")).to_be_hidden()
        tab.again()
        expect(tab.said()).to_be_hidden()
        expect(page.locator(f"{tab.panel} [role=alert]")).to_contain_text("1 analysis an hour")
        tab.check()
