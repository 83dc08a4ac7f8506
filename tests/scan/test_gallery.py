"""The page that `--html` writes, opened from disk in a real browser."""

import pytest
from playwright.sync_api import expect, sync_playwright

from deepfake import imaging
from deepfake.scan import gallery, judging
from deepfake.scan.item import Item
from deepfake.scan.journal import Content, Journal
from deepfake.scan.rows import Summary, rows

COUNT = 10_000


@pytest.fixture
def page_file(tmp_path, detector, portrait):
    """A gallery of ten thousand files, one of which is suspicious, and one a script."""
    picture = imaging.read(portrait, detector.settings)
    document = judging.document(detector.detect(picture))
    small = judging.thumbnail(picture.pixels)
    journal = Journal(tmp_path / "journal", {"a": "b"})
    journal.add(Item(f"/photos/{n % 7}/{n:05}.jpg", "picture") for n in range(COUNT - 2))
    journal.add([Item("/photos/</script><script>alert(1)</script>.jpg", "picture")])
    journal.add([Item("/photos/gone.jpg", "picture", problem="There is no such file.")])
    for number, item in journal.next(0, COUNT):
        fake = {"verdict": "fake", "p_fake": 0.99} if item.name.endswith("04321.jpg") else {}
        journal.set_content(number, str(number))
        journal.judged([Content(str(number), {**document, **fake}, thumbnail=small)])
    summary = Summary()
    for row, _ in rows(journal, detector.model, 0.75):
        summary.add(row)
    path = tmp_path / "gallery.html"
    with path.open("wb") as file:
        gallery.write(file, journal, detector.model, 0.75, summary)
    journal.close()
    return path


def test_ten_thousand_rows_are_sorted_filtered_and_scrolled_from_disk(page_file, chromium):
    problems = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("request", lambda request: problems.append(request.url)
                if not request.url.startswith(("file:", "data:")) else None)  # fmt: skip
        page.goto(page_file.as_uri())
        cards = page.locator("#cards li")
        expect(cards.first).to_contain_text("04321.jpg")
        expect(cards.first).to_contain_text("P(fake) 0.99")
        expect(page.locator("output")).to_have_text("10,000 shown")
        # Only those that can be seen are there, at the end, too.
        assert cards.count() < 100
        page.evaluate("document.getElementById('scroll').scrollTop = 1e9")
        expect(page.locator('[aria-posinset="10000"]')).to_be_visible()
        assert cards.count() < 100
        page.get_by_label("Name contains").fill("script>")
        expect(cards).to_have_count(1)
        expect(cards.first).to_contain_text("</script><script>alert(1)</script>.jpg")
        page.get_by_label("Name contains").fill("")
        for word in ("fake", "uncertain", "real", "not judged"):
            page.get_by_role("checkbox", name=word).uncheck()
        expect(cards).to_have_count(1)
        expect(cards.first).to_contain_text("There is no such file.")
        browser.close()
    assert not problems
