"""Reporting a wrong verdict on the page: where it can be done, and what is kept."""

import gradio as gr
import pytest
from playwright.sync_api import expect

from deepfake import misjudged
from deepfake.settings import Settings
from deepfake.web.misjudged_panel import misjudged_panel
from deepfake.web.placed import put_in
from deepfake.web.visitors.admission import Admission
from tests.web.visitor import open_page, upload


def laid_out(environment=None, **settings):
    """The texts of the panel on a page with some settings; nothing where it is not there."""
    settings = Settings(**settings)
    with gr.Blocks() as blocks:
        admission = Admission(settings, environment or {})
        misjudged_panel(gr.Image(), gr.State(), settings, admission)
    return " ".join(
        str(block.value) for block in blocks.blocks.values() if isinstance(block, gr.HTML)
    )


@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        ({"host": "0.0.0.0"}, {}),
        ({"share": True}, {}),
        ({"root_path": "/deepfake"}, {}),
        ({"trusted_proxies": "127.0.0.1"}, {}),
        ({}, {"SPACE_ID": "somebody/deepfake"}),
        ({"misjudged": "off"}, {}),
    ],
)
def test_a_page_that_others_can_reach_keeps_nothing_unless_its_operator_says_so(
    settings, environment
):
    assert not laid_out(environment, **settings)


def test_a_visitor_is_told_who_keeps_the_photo():
    assert "on this computer" in put_in(laid_out())
    public = put_in(laid_out(host="0.0.0.0", misjudged="/srv/kept"))
    assert "whoever runs this page" in public and "/srv/kept" not in public


def test_what_is_reported_is_in_the_folder(browser, served, portrait, tmp_path, monkeypatch):
    folder = misjudged.folder_of(Settings())
    with open_page(browser, served.url) as page:
        upload(page, portrait)
        expect(page.locator("#verdict [role=status]")).to_be_visible()
        page.locator("#misjudged > button").click()
        page.locator("#misjudged-fake").click()
        expect(page.locator("body")).to_contain_text("every new model will be tried on this photo")
        (entry,) = misjudged.entries(folder)
        assert entry.right == "fake" and entry.said[0].verdict in ("real", "uncertain")
        assert (folder / "fake" / entry.photo).read_bytes() == portrait.read_bytes()
