"""A result belongs to its photo, whatever is slow, lost or refused: in a real Chromium."""

import re
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import expect

from deepfake.detector import Detector
from deepfake.settings import Settings
from tests.programs import free_port
from tests.web.conftest import serve
from tests.web.replica import Replica, Visitor
from tests.web.visitor import open_page, remove_photo, rows

# What stands on the page, frame by frame: the photo by its size, the verdict, the marked picture.
WATCH = """([name, photo, panel, faces]) => {
    const seen = (window.seen ??= {})[name] = new Set();
    const size = (image) => image?.checkVisibility() && image.complete
        ? `${image.naturalWidth}x${image.naturalHeight}` : "";
    const look = () => {
        const verdict = [...document.querySelectorAll(`${panel} .verdict`)].find((one) =>
            one.checkVisibility() && /-(real|fake|uncertain|not_applicable)/.test(one.className));
        seen.add([
            size(document.querySelector(`${photo} img`)),
            verdict?.className.split("-").pop().replace(/real|fake|uncertain/, "face") ?? "",
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
# Whatever a model says of the face, coffee has none.
FACE = ".verdict-real, .verdict-uncertain, .verdict-fake"
SIZES = {"512x512": "face", "600x400": "not_applicable"}


class Tab:
    """A tab of the page, watched."""

    def __init__(self, page, name):
        self.page, self.name = page, name
        self.photo, self.panel, self.faces = TABS[name]
        self.open()
        page.evaluate(WATCH, [name, *TABS[name]])

    def open(self):
        title = "Photo" if self.name == "photo" else "Compare models"
        self.page.get_by_role("tab", name=title).click()
        expect(self.page.locator(self.photo)).to_be_visible()

    def choose(self, path):
        self.page.set_input_files(f"{self.photo} input[type=file]", path)

    def verdict(self, kind):
        kinds = FACE if kind == "face" else f".verdict-{kind}"
        return self.page.locator(self.panel).locator(kinds)

    def said(self):
        return self.page.locator("#notice" if self.name == "photo" else "#compare-notice")

    def again(self):
        self.page.locator(".again:visible").click()

    def frames(self):
        # What is visible now has been seen once the next frame is drawn.
        self.page.evaluate("() => new Promise((r) => requestAnimationFrame(() => setTimeout(r)))")
        self.page.wait_for_timeout(100)
        return self.page.evaluate("(name) => [...window.seen[name]]", self.name)

    def check(self):
        """No frame had a verdict, or marked faces, of another photo."""
        seen = [frame.split(" ") for frame in self.frames()]
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
        # Whether or not the first one's analysis had begun.
        go_on.set()
        expect(tab.verdict("not_applicable")).to_be_visible()
        assert done.wait(30) or not began.is_set()
        page.wait_for_timeout(500)
        expect(tab.verdict("not_applicable")).to_be_visible()
        expect(tab.said()).to_be_hidden()
    assert tab.check() == {"", "not_applicable"}
    if name == "photo":
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_contain_text("coffee.png")


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
    expect(rows(page)).to_have_count(1 if name == "photo" else 0)


@pytest.fixture
def narrow(make_model):
    """Makes a page of its own, where one analysis runs at a time."""
    pages = []

    def make(**settings):
        plain = make_model("plain", output={"score": "logit", "kind": "logit", "evidence": None})
        settings = Settings(port=free_port(), interpreters=1, **settings)
        pages.append(serve(settings, ["default", str(plain)]))
        return next(pages[-1])

    yield make
    for page in pages:
        next(page, None)


def test_over_the_limit_no_old_verdict_stands_beside_the_new_photo(
    browser, narrow, portrait, faceless
):
    with open_page(browser, narrow(rate_limit="2/hour").url) as page:
        tabs = [Tab(page, name) for name in TABS]
        for tab in tabs:
            tab.open()
            tab.choose(portrait)
            expect(tab.verdict("face")).to_be_visible()
        for tab in tabs:
            tab.open()
            tab.choose(faceless)
            refusal = page.locator(f"{tab.panel} [role=alert]")
            expect(refusal).to_contain_text("2 analyses an hour")
            answer = page.locator(f"{tab.panel} [data-ticket]")
            before = answer.get_attribute("data-ticket")
            tab.again()
            expect(answer).not_to_have_attribute("data-ticket", before)
            expect(refusal).to_contain_text("2 analyses an hour")
            assert tab.check() == {"", "face"}


def test_a_full_queue_is_said_where_the_verdict_would_be(
    browser, narrow, portrait, other_portrait, faceless, monkeypatch
):
    served = narrow(max_queue=1)
    other = Visitor(served.url, other_portrait)
    with open_page(browser, served.url, expected=("429",)) as page:
        for name in TABS:
            tab = Tab(page, name)
            tab.open()
            tab.choose(portrait)
            expect(tab.verdict("face")).to_be_visible()
            with held(monkeypatch, other_portrait.name) as (began, go_on, _):
                sent = [other.send()]
                assert began.wait(30)
                sent.append(other.send())
                tab.choose(faceless)
                expect(tab.said()).to_contain_text("The page is busy: 1 are waiting")
                expect(tab.verdict("face")).to_be_hidden()
                go_on.set()
                assert [other.result(one)[0] for one in sent] == ["complete"] * 2
            tab.again()
            expect(tab.verdict("not_applicable")).to_be_visible()
            assert tab.check() == {"", "face", "not_applicable"}


def test_where_the_network_is_away_the_photo_waits_for_it(
    browser, served_several, portrait, faceless
):
    with open_page(browser, served_several.url, expected=("net::ERR",)) as page:
        for name in TABS:
            tab = Tab(page, name)
            tab.open()
            tab.choose(portrait)
            expect(tab.verdict("face")).to_be_visible()
            page.context.set_offline(True)
            page.locator("[data-example*=collins]:visible").first.click()
            expect(tab.said()).to_contain_text("The connection to this page was lost")
            # What is tried again is what was chosen last.
            tab.choose(faceless)
            expect(tab.said()).to_contain_text("The connection to this page was lost")
            page.context.set_offline(False)
            tab.again()
            expect(tab.verdict("not_applicable")).to_be_visible()
            assert tab.check() == {"", "face", "not_applicable"}


def test_a_fault_that_gradio_has_no_words_for_is_said(browser, served_several, portrait, faceless):
    """A fault of its own, between our calls: it shows "Error" over the panel, without a reason."""
    fault = '{"msg": "unexpected_error", "message": "KeyError", "success": false}'
    answer = {"content_type": "text/event-stream", "body": f"data: {fault}\n\n"}
    with open_page(browser, served_several.url, expected=("Unexpected error",)) as page:
        tab = Tab(page, "photo")
        page.route("**/queue/data*", lambda route: route.fulfill(**answer), times=1)
        tab.choose(portrait)
        expect(tab.said()).to_contain_text("There was no answer for this photo")
        expect(page.get_by_text("Error", exact=True)).to_have_count(0)


@pytest.fixture
def replica(tmp_path):
    replica = Replica(tmp_path)
    yield replica
    replica.process.kill()


def test_a_server_that_was_killed_and_is_back(browser, replica, portrait, faceless):
    expected = ("net::ERR", "Unexpected error", "TypeError", "Failed to")

    def freeze(route):
        replica.process.send_signal(signal.SIGSTOP)
        route.continue_()

    with open_page(browser, replica.url, expected=expected) as page:
        tab = Tab(page, "photo")
        tab.choose(portrait)
        expect(tab.verdict("face")).to_be_visible()
        replica.process.kill()
        replica.process.wait()
        tab.choose(faceless)
        expect(tab.said()).to_contain_text("The connection to this page was lost")
        replica.start()
        tab.again()
        expect(tab.verdict("not_applicable")).to_be_visible()
        # Killed while it looks at a photo: Gradio loads the page anew when it is back.
        page.route("**/queue/join*", freeze)
        tab.choose(portrait)
        expect(tab.said()).to_contain_text("Looking at the photo")
        page.wait_for_timeout(300)
        replica.process.kill()
        replica.process.wait()
        expect(tab.said()).to_contain_text("The connection to this page was lost")
        assert tab.check() == {"", "face", "not_applicable"}
        with page.expect_navigation(timeout=120_000):
            replica.start()
        expect(page.locator("#verdict .verdict-none")).to_be_visible(timeout=60_000)
        expect(page.locator("#photo img")).to_have_count(0)


class Drag:
    """Drags by the browser's own protocol: events made in the page pass where real ones fail."""

    def __init__(self, page):
        self.page, self.session = page, page.context.new_cdp_session(page)

    def drop(self, place, files=(), items=()):
        box = self.page.locator(place).bounding_box()
        where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {
            "files": [str(file) for file in files],
            "items": [{"mimeType": kind, "data": text} for kind, text in items],
            "dragOperationsMask": 1,
        }
        for kind in ("dragEnter", "dragOver", "dragOver", "drop"):
            event = {"type": kind, "data": data, **where}
            self.session.send("Input.dispatchDragEvent", event)


@pytest.mark.parametrize("name", TABS)
def test_photos_are_dropped_over_a_photo_and_beside_it(page, portrait, faceless, tmp_path, name):
    tab, drag = Tab(page, name), Drag(page)
    drag.drop(tab.photo, [portrait])
    expect(tab.verdict("face")).to_be_visible()
    drag.drop(tab.photo, [faceless])
    expect(tab.verdict("not_applicable")).to_be_visible()
    # Beside it, and whatever a file is called.
    plain = tmp_path / "photo"
    plain.write_bytes(portrait.read_bytes())
    drag.drop("h1", [plain])
    expect(tab.verdict("face")).to_be_visible()
    (tmp_path / "folder").mkdir()
    # What is no photo: a sentence, and the photo stays with its verdict.
    for files, items, sentence in (
        ([tmp_path / "folder"], [], "This is a folder"),
        ([portrait, faceless], [], "These are several files"),
        ([], [("text/uri-list", "https://example.org/a.jpg")], "This is a link or a text"),
        ([], [("text/plain", "a face")], "This is a link or a text"),
    ):
        drag.drop(tab.photo, files, items)
        expect(tab.said()).to_contain_text(sentence)
        expect(tab.verdict("face")).to_be_visible()
    assert len(page.context.pages) == 1
    drag.drop(tab.photo, [faceless])
    expect(tab.said()).to_be_hidden()
    expect(tab.verdict("not_applicable")).to_be_visible()
    tab.check()


COPY = """async (address) => {
    const blob = await (await fetch(address)).blob();
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
}"""


def test_a_picture_is_pasted_anywhere(browser, served_several):
    permissions = ["clipboard-read", "clipboard-write"]
    with open_page(browser, served_several.url, permissions=permissions) as page:
        tab = Tab(page, "photo")
        page.evaluate(COPY, "/examples/coffee.png")
        page.locator("h1").first.click()
        page.keyboard.press("ControlOrMeta+v")
        expect(tab.verdict("not_applicable")).to_be_visible()
        page.evaluate(COPY, "/examples/eileen_collins.png")
        page.locator("#model input").click()
        page.keyboard.press("ControlOrMeta+v")
        expect(tab.verdict("face")).to_be_visible()
        page.evaluate(COPY, "/examples/coffee.png")
        remove_photo(page)
        expect(tab.verdict("none")).to_be_visible()
        page.get_by_role("button", name="Paste from clipboard").first.click()
        expect(tab.verdict("not_applicable")).to_be_visible()
        page.evaluate("navigator.clipboard.writeText('no picture')")
        page.locator("h1").first.click()
        page.keyboard.press("ControlOrMeta+v")
        expect(tab.said()).to_contain_text("no picture in the clipboard")
        tab.check()


def test_a_photo_that_the_browser_cannot_show_is_shown_all_the_same(page, portrait, tmp_path):
    path = tmp_path / "phone.tif"
    Image.open(portrait).save(path)
    for name in TABS:
        tab = Tab(page, name)
        tab.choose(path)
        expect(tab.verdict("face")).to_be_visible()
        picture = tab.photo if name == "compare" else tab.faces
        page.wait_for_function(
            "(place) => document.querySelector(`${place} img`)?.naturalWidth === 512", arg=picture
        )
        expect(page.locator(f"{picture} img")).to_be_visible()


def test_a_picture_of_the_camera_is_a_photo_like_any_other(page, faceless):
    tab = Tab(page, "photo")
    tab.choose(faceless)
    expect(tab.verdict("not_applicable")).to_be_visible()
    page.get_by_role("button", name="Capture from camera").click()
    expect(tab.verdict("none")).to_be_visible()
    page.locator("#photo").get_by_role("button", name="Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#photo video')?.readyState >= 2")
    page.locator("#photo").get_by_role("button", name="capture photo").click()
    expect(page.locator("#photo img")).to_be_visible()
    # The test's camera shows a green surface with a moving ball.
    expect(tab.verdict("not_applicable")).to_be_visible()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("image.png")


@pytest.mark.parametrize("name", TABS)
def test_a_photo_that_browsers_do_not_show_is_shown_as_a_jpeg(page, faceless, tmp_path, name):
    pillow_heif.from_pillow(Image.open(faceless).convert("RGB")).save(tmp_path / "coffee.heic")
    tab = Tab(page, name)
    tab.choose(tmp_path / "coffee.heic")
    expect(tab.verdict("not_applicable").first).to_be_visible()
    shown = page.locator(f"{tab.photo} img").first
    expect(shown).to_have_attribute("src", re.compile("data:image/jpeg"))
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 600
