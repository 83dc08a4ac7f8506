"""Takes the README's pictures of the page.

Run as python docs/make_pictures.py [CHROMIUM]. They are of the examples only. Needs Playwright and
a Chromium (`requirements-dev.txt`).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from deepfake.settings import Settings
from deepfake.web.page import build_page, launch
from deepfake.web.scratch import lend_to_gradio, make_scratch_folder

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "examples" / "fake_swap_hopper.jpg"
# Name: width, height and colours.
PICTURES = {
    "page.png": (1280, 900, "light"),
}


def take(browser: Browser, url: str, name: str, width: int, height: int, scheme: str) -> None:
    """Take one picture, of the page with a result."""
    size = {"width": width, "height": height}
    page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page.goto(url)
    expect(page.locator("#examples")).to_be_visible(timeout=60_000)
    page.set_input_files("#photo input[type=file]", EXAMPLE)
    expect(page.locator("#verdict [role=status]")).to_be_visible(timeout=60_000)
    expect(page.locator("#evidence img").first).to_be_visible()
    page.wait_for_timeout(1500)
    page.screenshot(path=DOCS / name)
    page.close()


def main() -> None:
    """Serve the page, and take all pictures."""
    chromium = sys.argv[1] if len(sys.argv) > 1 else shutil.which("chromium")
    folder = make_scratch_folder()
    lend_to_gradio(folder)
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(port=7899, cache=cache)
        page = build_page(settings, folder)
        launch(page, settings, prevent_thread_lock=True, quiet=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name, (width, height, scheme) in PICTURES.items():
                take(browser, f"http://127.0.0.1:{settings.port}", name, width, height, scheme)
            browser.close()
        page.blocks.close()


if __name__ == "__main__":
    main()
