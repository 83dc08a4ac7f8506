"""Reporting a wrong verdict: the photo and the right answer go into a folder, and nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import gradio as gr

from deepfake import misjudged
from deepfake.errors import MisjudgedError
from deepfake.misjudged import Right
from deepfake.settings import Settings
from deepfake.web import wording
from deepfake.web.placed import placed
from deepfake.web.session import Session
from deepfake.web.texts import say
from deepfake.web.told import told
from deepfake.web.visitors.admission import Admission

# Visitors cannot fill an operator's disk.
MAX_BYTES = 1_000_000_000


def misjudged_panel(
    photo: gr.Image, session: gr.State, settings: Settings, admission: Admission
) -> None:
    """Lay it out, on a page that only this machine can reach, or whose operator set a folder.

    Args:
        photo: gradio.Image. Holds the path of the photo.
        session: gradio.State. Holds the Session of the result that is shown.
        settings: Settings. The folder.
        admission: Admission. Tells who is at this machine.
    """
    folder = misjudged.folder_of(settings)
    if folder is None or not (settings.misjudged or admission.is_local):
        return

    def keep(
        right: Right, path: str | None, session: Session | None, request: gr.Request | None
    ) -> None:
        try:
            # Through a proxy that nobody told us of, others may be here after all.
            if not settings.misjudged and not (request and admission.is_own(request)):
                raise MisjudgedError(say("misjudged.not_here"))
            data = Path(path).read_bytes() if path else b""
            if session is None and path:
                raise MisjudgedError(say("report.gone"))
            if session is None or hashlib.sha256(data).hexdigest() != session.report.sha256:
                raise MisjudgedError(say("misjudged.other_photo"))
            misjudged.add(folder, data, session.report, right, most=MAX_BYTES)
        except MisjudgedError as error:
            gr.Warning(told(error.public), title=say("misjudged.nothing"))
        else:
            gr.Info(say("misjudged.thanks"))

    def keep_as_real(
        path: str | None, session: Session | None, request: gr.Request | None = None
    ) -> None:
        keep("real", path, session, request)

    def keep_as_fake(
        path: str | None, session: Session | None, request: gr.Request | None = None
    ) -> None:
        keep("fake", path, session, request)

    # Where an operator keeps them is none of a visitor's business.
    home = Path.home()
    shown = Path("~", folder.relative_to(home)) if folder.is_relative_to(home) else folder
    if admission.is_local:
        kept = placed(wording.caption, "misjudged.own", folder=str(shown))
    else:
        kept = placed(wording.caption, "misjudged.public")
    with gr.Accordion(placed(say, "misjudged.title"), open=False, elem_id="misjudged"):
        gr.HTML(kept)
        with gr.Row():
            real = gr.Button(placed(say, "misjudged.real"), size="sm", elem_id="misjudged-real")
            fake = gr.Button(placed(say, "misjudged.fake"), size="sm", elem_id="misjudged-fake")
    for button, handler in ((real, keep_as_real), (fake, keep_as_fake)):
        button.click(
            handler, [photo, session], None, show_progress="hidden", api_visibility="private"
        )
