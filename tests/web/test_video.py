"""The tab "Video": what a visitor gets for a film, and how it stops."""

import json
import os
import subprocess

import pytest
from playwright.sync_api import expect

from deepfake.settings import Settings
from deepfake.web.language import CATALOGUES
from tests.conftest import EXAMPLES
from tests.programs import free_port
from tests.video.clips import film, sound_only
from tests.web.conftest import serve
from tests.web.test_accessibility import findings
from tests.web.visitor import open_page, remove_photo, upload

FAKE, REAL = EXAMPLES / "fake_swap_hopper.jpg", EXAMPLES / "eileen_collins.png"


@pytest.fixture(scope="module")
def served():
    """A page for films of up to 30 seconds."""
    yield from serve(Settings(port=free_port(), max_video_seconds=30))


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A short one, and one that takes a while."""
    folder = tmp_path_factory.mktemp("films")
    return film(folder / "short.mp4", [FAKE], 2.0), film(folder / "long.mp4", [FAKE, REAL] * 3, 3.0)


def to_videos(page):
    page.get_by_role("tab", name=CATALOGUES["en"]["tab.video"]).click()


def children():
    """How many processes of ours decode or write films now."""
    question = ["ps", "-ww", "-o", "args", "--ppid", str(os.getpid())]
    said = subprocess.run(question, capture_output=True, text=True, check=False).stdout
    return said.count("from deepfake.video.")


def test_each_person_is_shown_over_time_and_a_click_shows_a_frame(served, browser, films):
    short, _ = films
    with open_page(browser, served.url) as page:
        to_videos(page)
        upload(page, short, "video")
        result = page.locator("#video-result")
        expect(result.locator(".verdict [tabindex]")).to_have_text(
            "▲ Signs of manipulation found in a person of this video"
        )
        expect(result).to_contain_text("Sound is not analysed")
        line, frame = result.locator(".film-line"), result.locator(".film-frame")
        dots = int(line.get_attribute("aria-valuemax"))
        before = frame.locator("image").get_attribute("href")
        place = line.locator("svg").bounding_box()
        line.click(position={"x": 0.02 * place["width"], "y": 40})
        expect(line).to_have_attribute("aria-valuenow", "1")
        page.keyboard.press("End")
        expect(line).to_have_attribute("aria-valuenow", str(dots))
        expect(frame.locator("figcaption")).to_have_text(line.get_attribute("aria-valuetext"))
        page.keyboard.press("ArrowLeft")
        expect(line).to_have_attribute("aria-valuenow", str(dots - 1))
        page.keyboard.press("Home")
        shown = frame.locator("image").get_attribute("href")
        assert shown.startswith("data:image/jpeg") and shown != before
        # The frames that decided, each with where the model looked.
        expect(result.locator(".film-faces figure")).to_have_count(5)
        expect(result.locator(".film-faces img")).to_have_count(10)
        assert findings(page) == set()
        with page.expect_download() as document:
            page.locator("#video-json").click()
        said = json.loads(document.value.path().read_text())
        assert (said["file"], said["verdict"]) == ("short.mp4", "fake")
        with page.expect_download() as report:
            page.locator("#video-html").click()
        assert "<h1>Deepfake report on short.mp4</h1>" in report.value.path().read_text()
        page.locator("#video-make").click()
        with page.expect_download() as copy:
            page.locator("#video-mp4").click()
        assert copy.value.path().read_bytes()[4:8] == b"ftyp"


def test_what_is_under_way_stops_when_nobody_wants_it(served, browser, films):
    short, long = films
    with open_page(browser, served.url) as page:
        to_videos(page)
        result, notice = page.locator("#video-result"), page.locator("#video-notice")
        upload(page, long, "video")
        expect(result.locator("progress[value]")).to_be_visible()
        assert children() == 1
        page.locator("#video-cancel").click()
        expect(notice).to_contain_text("Cancelled")
        expect(result.locator("progress")).to_be_hidden()
        wait_for_none(page)
        # It can be asked for again; removed, it stops, too, and nothing is left of it.
        notice.get_by_role("button").click()
        expect(result.locator("progress[value]")).to_be_visible()
        remove_photo(page, "video")
        expect(result.locator("progress")).to_be_hidden()
        expect(result).to_contain_text("appears here")
        wait_for_none(page)
        # Another one takes the place of the one before, without waiting for it.
        upload(page, long, "video")
        expect(result.locator("progress")).to_be_visible()
        upload(page, short, "video")
        expect(result.locator(".film")).to_contain_text("Person 1")
        assert children() == 0
        expect(result.locator(".film-line")).to_have_count(1)
        remove_photo(page, "video")
        expect(result).to_contain_text("appears here")


def wait_for_none(page):
    for _ in range(100):
        if not children():
            return
        page.wait_for_timeout(100)
    pytest.fail("A film is still being decoded.")


def test_what_cannot_be_judged_gets_a_sentence(served, browser, films, tmp_path):
    short, _ = films
    (tmp_path / "text.mp4").write_text("no film, whatever its name says, and long enough to be one")
    (tmp_path / "half.mp4").write_bytes(short.read_bytes()[: short.stat().st_size // 2])
    said = {
        tmp_path / "text.mp4": "problem.no_video",
        FAKE: "upload.no_video",
        tmp_path / "half.mp4": "problem.video_opened",
        sound_only(tmp_path / "sound.mp4"): "problem.video_sound",
        film(tmp_path / "long.mp4", [EXAMPLES / "coffee.png"], 31.0): "problem.video_long",
    }
    # 415: what is no film is not taken.
    with open_page(browser, served.url, ("415",), locale="de-DE") as page:
        page.get_by_role("tab", name=CATALOGUES["de"]["tab.video"]).click()
        for path, message in said.items():
            taken = page.locator("#video .icon-button-wrapper button")
            if taken.count():
                taken.last.click()
            page.set_input_files("#video input[type=file]", path)
            place = page.locator(":is(#video-notice, #video-result) [role=alert]")
            expect(place).to_contain_text(CATALOGUES["de"][message].split("{")[0])
        assert findings(page) == set()
        assert not page.locator("#video-files").is_visible()


def test_a_camera_can_be_used_on_a_phone_in_the_dark(served, browser):
    phone = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}
    # 404: Gradio asks how an upload goes on, which ours does not tell.
    with open_page(browser, served.url, ("404", "Response"), **phone) as page:
        to_videos(page)
        video = page.locator("#video")
        video.locator("[aria-label*=camera i]").click()
        video.locator("[title*=webcam] button").click()
        page.wait_for_function("document.querySelector('#video video')?.readyState >= 2")
        # One button, whose name stays.
        video.locator("[aria-label='start recording']").click()
        page.wait_for_timeout(2500)
        video.get_by_text("Stop").click()
        # The browsers' camera shows nobody.
        expect(page.locator("#video-result .verdict")).to_contain_text("No face that could be")
        expect(page.locator("#video-result .film-line")).to_have_count(0)
        assert findings(page) == set()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
