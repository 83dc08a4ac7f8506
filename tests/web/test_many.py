"""The tab "Many files"."""

import csv
import zipfile
from types import SimpleNamespace

import gradio as gr
from playwright.sync_api import expect
from starlette.datastructures import Headers

from deepfake.settings import Settings
from deepfake.shelf import Shelf
from deepfake.web import many, many_tab
from deepfake.web.choices import Choices
from deepfake.web.many_tab import ManyFiles
from deepfake.web.uploads import Uploads
from deepfake.web.visitors.admission import Admission
from tests.web.visitor import open_page


def test_a_zip_of_strangers_is_judged_and_given_back(served, browser, portrait, faceless, tmp_path):
    fake = portrait.parent / "fake_swap_collins.jpg"
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(portrait, "holiday/real <b>.png")
        packed.write(fake, "holiday/fake.jpg")
        packed.write(fake, "again.jpg")
        packed.writestr("../../up.jpg", fake.read_bytes())
        packed.writestr("bomb.png", b"\x89PNG\r\n\x1a\n" + bytes(20_000_000))
        packed.writestr("inner.zip", b"PK\x03\x04")
        packed.writestr("notes.txt", "no photo")
    with open_page(browser, served.url) as page:
        page.get_by_role("tab", name="Many files").click()
        page.get_by_role("button", name="Check these files").click()
        expect(page.locator("#many-result")).to_contain_text("Choose photos or a ZIP")
        page.set_input_files("#many-files input[type=file]", [path, faceless])
        expect(page.locator("#many-files")).to_contain_text("coffee")
        expect(page.locator("#many-result")).to_contain_text("appear here")
        page.get_by_role("button", name="Check these files").click()
        rows = page.locator("table.many tbody tr")
        expect(page.locator("#many-result")).to_contain_text("All files are done: 7")
        expect(rows).to_have_count(7)
        expect(rows.nth(0)).to_contain_text("▲ Fake")
        expect(rows.filter(has_text="again.jpg")).to_contain_text(
            "The same file as photos.zip/holiday/fake.jpg"
        )
        expect(rows.filter(has_text="up.jpg")).to_contain_text("leads out of it")
        expect(rows.filter(has_text="bomb.png")).to_contain_text("ZIP bombs")
        expect(rows.filter(has_text="inner.zip")).to_contain_text("archive in an archive")
        expect(rows.filter(has_text="coffee.png")).to_contain_text("No face judged")
        expect(rows.filter(has_text="real <b>.png")).to_have_count(1)
        expect(page.locator(".many-gallery img")).to_have_count(4)

        page.get_by_label("Not read").check()
        expect(rows).to_have_count(3)
        page.get_by_label("Fake or uncertain").check()
        expect(rows.first).to_contain_text("Fake")
        expect(rows.filter(has_text="coffee.png")).to_have_count(0)

        with page.expect_download() as table:
            page.locator("#many-csv").click()
        with table.value.path().open(newline="", encoding="utf-8") as file:
            found = {row["path"]: row["verdict"] for row in csv.DictReader(file)}
        assert found["photos.zip/holiday/fake.jpg"] == "fake" and len(found) == 7
        with page.expect_download() as photos:
            page.locator("#many-zip").click()
        with zipfile.ZipFile(photos.value.path()) as packed:
            (name,) = [name for name in packed.namelist() if name.startswith("fake/")]
            assert packed.read(name) == fake.read_bytes()

        # Other files: what was said of the ones before is gone.
        page.set_input_files(
            "#many-files input[type=file]",
            [{"name": "x.zip", "mimeType": "application/zip", "buffer": b"PK\x03\x04 cut"}],
        )
        expect(rows).to_have_count(0)
        expect(page.locator("#many-csv")).to_be_hidden()


def test_what_is_not_taken_is_said_in_a_sentence(served, browser):
    """Gradio sends these files itself, and would show the answer's code and its JSON."""
    with open_page(browser, served.url, ("415",)) as page:
        page.get_by_role("tab", name="Many files").click()
        file = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"<html><body>no photo"}
        page.set_input_files("#many-files input[type=file]", [file])
        toast = page.locator(".toast-body.error")
        expect(toast).to_contain_text("This is a web page. Send a JPEG")
        expect(toast).not_to_contain_text("HTTP")
        expect(toast).not_to_contain_text("{")


def handlers_of(settings, folder):
    admission = Admission(settings, {})
    uploads = Uploads(folder, settings.max_bytes, 10 * settings.max_bytes, admission)
    return ManyFiles(Choices(Shelf(["default"], settings)), admission, uploads)


def test_what_is_found_late_is_not_shown_beside_other_files(
    portrait, faceless, tmp_path, monkeypatch
):
    monkeypatch.setattr(many.Pace, "EVERY_SECONDS", 0.0)
    handlers = handlers_of(Settings(), tmp_path)
    visitor = gr.Request(session_hash="page", client=None, headers=Headers())
    ticket = handlers.forget([str(portrait)], visitor)[0]
    running = handlers.run([str(portrait), str(faceless)], "all", ticket, visitor)
    assert "1 of 2" in next(running)[0]
    handlers.forget([str(faceless)], visitor)
    # Gradio sends what came last once more at the end.
    assert [set(map(str, change)) for change in running] == [{str(gr.skip())}]


def test_files_that_others_replace_leave_the_disk(portrait, tmp_path):
    handlers = handlers_of(Settings(), tmp_path)
    visitor = gr.Request(session_hash="page", client=None, headers=Headers())
    place = tmp_path / "upload" / "a.png"
    place.parent.mkdir()
    place.write_bytes(portrait.read_bytes())
    uploads = handlers.uploads
    uploads.finish(uploads.begin(None), [place])
    handlers.forget([str(place)], visitor)
    handlers.forget([str(place), str(portrait)], visitor)
    assert place.exists()
    handlers.forget([str(portrait)], visitor)
    assert not place.exists() and portrait.exists()


def test_who_may_not_go_on_yet_is_waited_for(portrait, tmp_path, monkeypatch):
    """A hundred photos are more than the usual limit lets anybody begin at once."""
    monkeypatch.setattr(many_tab, "COUNTED", 1)
    handlers = handlers_of(Settings(rate_limit="1/second"), tmp_path)
    visitor = gr.Request(
        session_hash="page", client=SimpleNamespace(host="203.0.113.9"), headers=Headers()
    )
    *_, (panel, (found, _), *_) = handlers.run([str(portrait)] * 3, "all", "", visitor)
    assert "All files are done: 3" in panel and len(found) == 3
    handlers = handlers_of(Settings(rate_limit="1/hour"), tmp_path)
    *_, (panel, (found, _), *_) = handlers.run([str(portrait)] * 3, "all", "", visitor)
    assert "stopped early" in panel and len(found) == 1


def test_only_so_many_at_a_time(portrait, faceless, tmp_path):
    handlers = handlers_of(Settings(max_many=2), tmp_path)
    *_, (panel, (found, _), *_) = handlers.run([str(portrait)] * 3, "all", "")
    assert "Not looked at, since 2 photos fit at a time: 1" in panel
    assert [one.row["duplicate_of"] for one in found] == [None, portrait.name]
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as file:
        for index in range(many.MAX_ENTRIES + 1):
            file.writestr(f"{index}.jpg", b"")
    ((panel, (found, _), *_),) = handlers.run([str(path)], "all", "")
    assert "has 2,001 entries; at most 2,000" in panel and not found
    assert str(tmp_path) not in panel
