"""Reports and the history on the page, as a visitor uses them."""

import json
import re

import pytest
from playwright.sync_api import expect

from deepfake.cli import main
from deepfake.settings import Settings
from tests.programs import free_port
from tests.web.conftest import serve
from tests.web.test_browser import set_threshold
from tests.web.visitor import open_page, rows, upload

SENTENCE = "JSON.parse(localStorage.getItem('deepfake-history'))[0].sentence"


@pytest.fixture
def page(browser, served):
    with open_page(browser, served.url) as page:
        yield page


def saved(page, button):
    with page.expect_download() as download:
        page.locator(button).click()
    return download.value


def test_earlier_results_open_again_though_the_server_is_gone(
    browser, portrait, faceless, other_portrait
):
    page_of_its_own = serve(Settings(port=free_port()))
    url = next(page_of_its_own).url
    with open_page(browser, url) as page:
        upload(page, portrait)
        expect(rows(page)).to_have_count(1)
        upload(page, faceless)
        expect(rows(page)).to_have_count(2)
        expect(rows(page).first).to_contain_text("coffee.png")
        # The same photo again: its line moves up.
        upload(page, portrait)
        expect(rows(page).first).to_contain_text("eileen_collins.png")
        expect(rows(page)).to_have_count(2)
        page.reload()
        expect(rows(page)).to_have_count(2, timeout=60_000)
        with pytest.raises(StopIteration):
            next(page_of_its_own)
        page.context.set_offline(True)
        page.get_by_role("button", name="Open the report on eileen_collins.png").click()
        report = page.locator(".report-dialog")
        text = report.frame_locator("iframe").locator("body")
        expect(text).to_contain_text(page.evaluate(SENTENCE))
        expect(text).to_contain_text("SHA-256 of the file")
        assert "<svg" in saved(page, ".report-dialog button:has-text('page')").path().read_text()
        page.keyboard.press("Escape")
        expect(report).to_have_count(0)


def test_the_history_is_saved_cleared_and_switched_off(page, portrait, faceless, capsys):
    for photo, count in ((portrait, 1), (faceless, 2)):
        upload(page, photo)
        expect(rows(page)).to_have_count(count)
    lines = saved(page, "#history-csv").path().read_text().splitlines()
    assert lines[0].startswith("time,file,verdict,p_fake")
    assert len(lines) == 3 and '"coffee.png"' in lines[1]
    # Any of its photos can be verified with the whole.
    history = saved(page, "#history-json").path()
    assert main(["verify", str(history), str(portrait)]) == 0
    assert "The report holds" in capsys.readouterr().out
    other_tab = page.context.new_page()
    other_tab.goto(page.url)
    expect(rows(other_tab)).to_have_count(2, timeout=60_000)
    page.locator("#history-clear").click()
    for tab in (page, other_tab):
        expect(rows(tab)).to_have_count(0)
    other_tab.close()
    page.get_by_label("Keep results in this browser").uncheck()
    expect(page.locator("#history-rows")).to_contain_text("Switched off")
    upload(page, portrait)
    expect(page.locator("#verdict [role=status]")).to_be_visible()
    expect(rows(page)).to_have_count(0)
    assert page.evaluate("localStorage.getItem('deepfake-history')") is None
    page.reload()
    expect(page.get_by_label("Keep results in this browser")).not_to_be_checked(timeout=60_000)
    page.get_by_label("Keep results in this browser").check()
    expect(page.locator("#history-rows")).to_contain_text("Nothing checked yet")


def test_the_report_and_the_history_follow_the_threshold(page, portrait, shipped, capsys):
    upload(page, portrait)
    expect(rows(page)).to_have_count(1)
    page.locator("#adjust button").first.click()
    set_threshold(page, 1)
    # The model itself says so.
    expect(rows(page).locator("td").nth(2)).to_have_text("real")
    expect(rows(page).locator("td").nth(4)).to_have_text("100 %")
    set_threshold(page, 0)
    expect(rows(page).locator("td").nth(2)).to_have_text("fake")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).locator("td").nth(4)).to_have_text("0 %")
    expect(page.locator("#verdict")).to_contain_text("Called fake at the threshold")
    report = saved(page, "#report-json")
    assert report.suggested_filename == "deepfake-report-eileen_collins.json"
    assert main(["verify", str(report.path()), str(portrait)]) == 0
    assert "fake at threshold 0.00" in capsys.readouterr().out
    text = saved(page, "#report-html").path().read_text()
    # As the page says: what was chosen, and what the model says by itself.
    heading = re.search(r"<strong>(.*?)</strong>", text)[1]
    assert "Called fake at the threshold that was chosen" in heading
    own = f"At the model’s own threshold, {100 * shipped.threshold:.0f} %: "
    assert own + "No signs of manipulation found" in text
    assert "Signs of manipulation found" not in text and "<script" not in text
    # The JSON has the pictures; the list keeps its own, smaller.
    assert json.loads(report.path().read_text())["pictures"]["faces"][0]["evidence"]


def test_names_of_files_are_text_wherever_they_are_shown(page, portrait, tmp_path):
    name = "<img src=x onerror=alert(1)>.png"
    (tmp_path / name).write_bytes(portrait.read_bytes())
    upload(page, tmp_path / name)
    expect(rows(page)).to_have_count(1)
    rows(page).get_by_role("button").click()
    expect(page.locator(".report-dialog iframe")).to_be_visible()
    frame = page.frame_locator(".report-dialog iframe")
    expect(frame.locator("h1")).to_contain_text("onerror")
    assert page.locator("#history-rows img[onerror]").count() == 0
    assert frame.locator("img[onerror]").count() == 0
