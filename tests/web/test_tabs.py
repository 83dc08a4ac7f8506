"""Many tabs of one visitor."""

import httpx
from playwright.sync_api import expect

from tests.web.visitor import open_page, upload


def test_six_open_tabs_do_not_keep_a_seventh_waiting(served, browser, portrait):
    assert httpx.get(f"{served.url}/config").json()["connect_heartbeat"] is False
    with open_page(browser, served.url) as page:
        for _ in range(5):
            page.context.new_page().goto(served.url, wait_until="load")
        seventh = page.context.new_page()
        seventh.goto(served.url)
        expect(seventh.locator("#verdict")).to_be_visible()
        upload(seventh, portrait)
        expect(seventh.locator("#verdict .verdict-real, #verdict.verdict-real")).to_be_visible()
