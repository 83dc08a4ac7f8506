"""The layout of the tab "Video", and what happens there."""

from __future__ import annotations

from typing import Any

import gradio as gr

from deepfake.settings import Settings
from deepfake.web import wording
from deepfake.web.choices import Choices
from deepfake.web.intake import Intake, notice
from deepfake.web.placed import placed
from deepfake.web.session import SESSION_SECONDS
from deepfake.web.texts import megabytes, number, say
from deepfake.web.uploads import Uploads
from deepfake.web.video import VideoChecker, VideoView
from deepfake.web.visitors.admission import Admission

PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def video_tab(choices: Choices, admission: Admission, uploads: Uploads) -> None:
    """Lay the tab out.

    Args:
        choices: Choices. The default of its models judges.
        admission: Admission. Counts the analyses.
        uploads: Uploads. Where videos lie.
    """
    settings = choices.shelf.settings
    session = gr.State(None, time_to_live=SESSION_SECONDS)
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            intake = Intake.lay_out(
                "video", sources=["upload", "webcam"], height=300, elem_id="video"
            )
            gr.HTML(placed(_unplayable), elem_id="unplayable")
            gr.HTML(placed(_limits, settings), elem_id="video-limits")
            start = gr.Button(placed(say, "video.start"), variant="primary", elem_id="video-start")
            # It must not be drawn anew while somebody presses it, as what tells of progress is.
            cancel = gr.Button(placed(say, "video.cancel"), elem_id="video-cancel")
        with gr.Column(scale=6, min_width=300, elem_id="video-side"):
            notice("video-notice")
            result = gr.HTML(placed(wording.welcome, "video_welcome"), elem_id="video-result")
            with gr.Row(visible=False, elem_id="video-files") as files:
                csv, document, page = (
                    gr.DownloadButton(
                        placed(say, f"video.{kind}"), size="sm", elem_id=f"video-{kind}"
                    )
                    for kind in ("csv", "json", "html")
                )
                make = gr.Button(placed(say, "video.annotate"), size="sm", elem_id="video-make")
                annotated = gr.DownloadButton(
                    placed(say, "video.mp4"), size="sm", visible=False, elem_id="video-mp4"
                )
    asked = gr.Button(visible="hidden", elem_id="video-asked")
    view = VideoView(session, result, files, csv, document, page, make, annotated)
    checker = VideoChecker(choices, admission, uploads, view)
    # Half of the places at most, so that photos do not wait for videos.
    videos = {"concurrency_id": "video", "concurrency_limit": max(1, settings.interpreters // 2)}
    video, ticket = intake.photo, intake.ticket
    start.click(
        checker.check, [video, ticket], view.result, js=intake.sign, show_progress="hidden",
        trigger_mode="always_last", **videos, **PRIVATE,
    )  # fmt: skip
    make.click(
        checker.annotate, [session, video, ticket], view.result, js=intake.sign,
        show_progress_on=[make], **videos, **PRIVATE,
    )  # fmt: skip
    # At once, and not behind the analysis that it ends.
    at_once = {"queue": False, "show_progress": "hidden"}
    asked.click(checker.note, [ticket], None, js=intake.sign, **at_once, **PRIVATE)
    cancel.click(None, js="() => { window.deepfake.video.cancel() }", **PRIVATE)
    # Gradio tells of a recording by no other event.
    taken = "(video) => { window.deepfake.video.changed(video) }"
    video.change(None, [video], None, js=taken, **PRIVATE)
    intake.connect(
        {"fn": checker.forget, "inputs": [ticket], "outputs": view.result, "queue": False}
    )


def _limits(settings: Settings) -> str:
    return wording.caption(
        "video.limits", size=megabytes(settings.max_video_bytes),
        minutes=number(settings.max_video_seconds / 60, settings.max_video_seconds % 60 and 1),
        side=settings.max_video_side,
    )  # fmt: skip


def _unplayable() -> str:
    return wording.caption("video.unplayable")
