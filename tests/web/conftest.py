"""The real page, served once for the tests of this folder."""

from types import SimpleNamespace

import pytest
from playwright.sync_api import sync_playwright

from deepfake.settings import Settings
from tests.programs import free_port

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def served():
    """The page's address and its Blocks."""
    yield from serve(Settings(port=free_port()))


@pytest.fixture(scope="session")
def served_several(make_model):
    """A page with four models, of which one is broken; visitors may type others of the Hub."""
    plain = {"score": "logit", "kind": "logit", "evidence": None}
    unmeasured = {"operating_points": None, "training_data": "nothing <much>"}
    changed = make_model("changed")
    (changed / "model.tflite").write_bytes(b"not a network")
    models = [
        "default",
        make_model("plain", output=plain, threshold=0.5, uncertain_band=[0.4, 0.6], **unmeasured),
        make_model("strict", threshold=0.0, uncertain_band=[0.0, 0.0]),
        changed,
    ]
    yield from serve(Settings(port=free_port(), model_field="yes"), [str(m) for m in models])


def serve(settings, models=()):
    from deepfake.web import page as module

    blocks = module.build_page(settings, models)
    module.launch(blocks, settings, prevent_thread_lock=True, quiet=True)
    yield SimpleNamespace(url=f"http://127.0.0.1:{settings.port}", blocks=blocks)
    blocks.close()


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()
