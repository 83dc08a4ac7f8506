"""The real page, served once for the tests of this folder."""

import socket
from types import SimpleNamespace

import pytest

from deepfake.settings import Settings


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def served():
    """The page's address and its Blocks."""
    from deepfake.web import page as module

    settings = Settings(port=free_port())
    blocks = module.build_page(settings)
    module.launch(blocks, settings, prevent_thread_lock=True, quiet=True)
    yield SimpleNamespace(url=f"http://127.0.0.1:{settings.port}", blocks=blocks)
    blocks.close()
