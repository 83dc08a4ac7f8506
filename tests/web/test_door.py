"""What is let in to the page, and what is not."""

import httpx
import pytest


@pytest.mark.parametrize(
    "path",
    ["process_recording", "component_server", "vibe-edit", "stream/x", "upload/x", "anything"],
)
def test_what_the_page_has_no_use_for_is_not_taken(served, path):
    files = {"video": ("video.webm", b"x" * 1000)}
    answer = httpx.post(f"{served.url}/gradio_api/{path}", files=files)
    assert answer.status_code == 404 and "nothing here" in answer.json()["detail"]


def test_what_does_not_say_how_long_it_is_is_not_taken(served):
    chunks = (b"x" * 10 for _ in range(3))
    answer = httpx.post(f"{served.url}/gradio_api/upload", content=chunks)
    assert answer.status_code == 411 and "Content-Length" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["call/detect", "queue/join", "run/predict"])
def test_events_are_short(served, path):
    answer = httpx.post(f"{served.url}/gradio_api/{path}", content=b"x" * 1_000_001)
    assert answer.status_code == 413 and "longer than" in answer.json()["detail"]


def test_an_upload_larger_than_any_photo_is_refused_with_both_sizes(served):
    files = {"files": ("photo.jpg", b"x" * 61_000_000)}
    answer = httpx.post(f"{served.url}/gradio_api/upload", files=files, timeout=180)
    assert answer.status_code == 413
    assert "60,000,000 fit here" in answer.json()["detail"]
