"""The real page, served once for the tests of this folder."""

from functools import cache
from types import SimpleNamespace

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from deepfake.settings import Settings
from tests.programs import free_port

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    # A camera, and the visitor lets the page use it.
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip


@pytest.fixture(scope="session")
def served():
    """The page's address, its Blocks and its folder."""
    yield from serve(Settings(port=free_port()))


@pytest.fixture(scope="session")
def served_several(make_model):
    """A page with four models, of which one is broken; visitors may type others of the Hub."""
    plain = {"score": "logit", "kind": "logit", "evidence": None}
    unmeasured = {
        "operating_points": None,
        "operating_points_elsewhere": None,
        "training_data": "nothing <much>",
    }
    changed = make_model("changed")
    (changed / "model.tflite").write_bytes(b"not a network")
    models = [
        "default",
        make_model("plain", output=plain, threshold=0.5, uncertain_band=[0.5, 0.6], **unmeasured),
        make_model("strict", threshold=0.0, uncertain_band=[0.0, 0.0]),
        changed,
    ]
    yield from serve(Settings(port=free_port(), model_field="yes"), [str(m) for m in models])


@cache
def scratch_folder():
    """The folder for visitors' pictures, one for all pages of the tests' process."""
    from deepfake.web.scratch import lend_to_gradio, make_scratch_folder

    folder = make_scratch_folder()
    lend_to_gradio(folder)
    return folder


def serve(settings, models=()):
    from deepfake.web.page import build_page, launch

    page = build_page(settings, scratch_folder(), models)
    launch(page, settings, prevent_thread_lock=True, quiet=True)
    yield SimpleNamespace(
        url=f"http://127.0.0.1:{settings.port}",
        blocks=page.blocks,
        scratch=page.uploads.folder,
        uploads=page.uploads,
        vitals=page.vitals,
    )
    page.blocks.close()


@pytest.fixture(scope="session")
def two_faces(portrait, other_portrait, tmp_path_factory):
    """A picture of both portraits side by side, 1024 x 512."""
    both = Image.new("RGB", (1024, 512))
    for index, path in enumerate((portrait, other_portrait)):
        both.paste(Image.open(path).convert("RGB").crop((0, 0, 512, 512)), (512 * index, 0))
    path = tmp_path_factory.mktemp("faces") / "both.png"
    both.save(path)
    return path


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()
