"""The layout of the photo tab, and what happens there."""

from __future__ import annotations

from typing import Any

import gradio as gr

from deepfake.manifest import ModelManifest
from deepfake.settings import Settings
from deepfake.web import wording
from deepfake.web.adjust import meaning
from deepfake.web.analyse import Analyser
from deepfake.web.choices import Choices
from deepfake.web.examples import examples
from deepfake.web.gradio_internals import FaceInput
from deepfake.web.history import history_list, remember
from deepfake.web.intake import Intake, notice
from deepfake.web.misjudged_panel import misjudged_panel
from deepfake.web.placed import placed
from deepfake.web.record_panel import record_panel, saving
from deepfake.web.session import SESSION_SECONDS
from deepfake.web.texts import say
from deepfake.web.uploads import Uploads
from deepfake.web.view import PhotoView
from deepfake.web.visitors.admission import Admission

# Not for programs.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
# A place of its own, or fetching and compiling would take those of the analyses. Two, so that one
# who only wants the default model back does not wait for a minute.
LOADING: dict[str, Any] = {"concurrency_id": "load", "concurrency_limit": 2}


def photo_tab(choices: Choices, admission: Admission, uploads: Uploads, card: gr.Markdown) -> None:
    """Lay the tab out.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the analyses.
        uploads: Uploads. Where photos lie.
        card: gradio.Markdown. What is known of the model, shown elsewhere.
    """
    manifest = choices.manifest(None)
    session = gr.State(None, time_to_live=SESSION_SECONDS)
    row, made = gr.JSON(visible="hidden"), gr.JSON(visible="hidden")
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_id="giving"):
            picture = gr.HTML("", elem_id="faces", elem_classes=["of-photo"])
            intake = Intake.lay_out(
                "photo", sources=["upload", "clipboard", "webcam"], height=280, elem_id="photo",
                alt_text=placed(say, "photo.alt"),
            )  # fmt: skip
            gr.HTML(placed(wording.caption, "photo.privacy"), elem_id="privacy")
            model = gr.Dropdown(
                choices.labels, value=choices.default, label=placed(say, "model.label"),
                info=placed(say, "model.type_one") if choices.can_type else None,
                allow_custom_value=choices.can_type,
                # With nothing to choose there is nothing to show.
                visible=len(choices.labels) > 1 or choices.can_type, elem_id="model",
            )  # fmt: skip
            analyse = gr.Button(placed(say, "photo.analyse"), variant="primary", elem_id="analyse")
            examples("examples")
        photo, ticket, settings = intake.photo, intake.ticket, choices.shelf.settings
        with gr.Column(scale=6, min_width=300, elem_id="result"):
            view, saves = _result(
                manifest, settings, photo, admission,
                session=session, row=row, made=made, picture=picture, card=card,
            )  # fmt: skip
            threshold = view.threshold
    analyser = Analyser(choices, admission, view, uploads)
    handler = {
        "fn": analyser.analyse, "inputs": [photo, threshold, model, ticket],
        "outputs": view.result, "js": intake.sign,
    }  # fmt: skip
    # The newest question is answered, and at most one waits.
    shown = {
        "show_progress_on": [view.verdict], "concurrency_id": "analyse",
        "trigger_mode": "always_last", **PRIVATE,
    }  # fmt: skip
    # What is done with a result that is shown, which may have gone from the server.
    signed = {"js": intake.sign_shown, "show_progress": "hidden", **PRIVATE}
    analysing = analyse.click(**handler, **shown)
    deciding = threshold.change(
        analyser.decide_again, [session, threshold, view.face, model, ticket],
        view.result, trigger_mode="always_last", queue=False, **signed,
    )  # fmt: skip
    # Not `change`, which an analysis triggers too: everything would be drawn and sent twice, and
    # Gradio would rewrite files while the browser reads them.
    view.face.input(
        analyser.choose_face, [session, view.face, ticket], view.result, **signed,
    )  # fmt: skip
    looking = view.look.click(
        analyser.look, [session, view.face, ticket], view.result,
        show_progress_on=[view.look], concurrency_id="analyse", js=intake.sign_shown, **PRIVATE,
    )  # fmt: skip
    for kind, button in saves.items():
        saved = button.click(analyser.save, [session, ticket], [made, *view.result], **signed)
        saving(saved, made, kind)
    # Not `change`, which would run at the start, too.
    loading = model.input(
        analyser.choose_model, [model, ticket], [session, threshold, view.meaning, card],
        **{**shown, **LOADING, "js": intake.rejudge},
    )  # fmt: skip
    again = loading.success(**{**handler, "fn": analyser.analyse_again}, **shown)
    forget = {
        "fn": analyser.forget, "inputs": [threshold, model, ticket], "outputs": view.result,
    }  # fmt: skip
    intake.connect(forget, [view.evidence])
    for event in (analysing, again, deciding, looking):
        remember(event, row)
    history_list()


def _result(
    manifest: ModelManifest,
    settings: Settings,
    photo: gr.Image,
    admission: Admission,
    **others: Any,
) -> tuple[PhotoView, dict[str, gr.Button]]:
    """Lay the result's side out: (view, the buttons that save a report).

    The view's other components are there already.
    """
    notice("notice")
    verdict = gr.HTML(placed(wording.welcome), elem_id="verdict")
    # Next to the verdict, which it may contradict, and there without a face, too.
    provenance = gr.HTML("", elem_id="provenance")
    with gr.Column(visible=False) as details:
        face = FaceInput(
            [], label=placed(say, "faces.label"), type="value", visible=False, elem_id="face",
        )  # fmt: skip
        evidence = gr.ImageSlider(
            label=placed(say, "evidence.label"), interactive=False, max_height=320,
            elem_id="evidence", buttons=["fullscreen"], format="jpeg",
        )  # fmt: skip
        look = gr.Button(placed(say, "evidence.work_out"), size="sm", visible=False, elem_id="look")
        gr.HTML(placed(wording.caption, "evidence.caption"), elem_id="evidence-caption")
        strip = gr.HTML("", elem_id="strip")
        with gr.Accordion(placed(say, "adjust.title"), open=False, elem_id="adjust"):
            threshold = gr.Slider(
                0.0, 1.0, value=manifest.threshold, step=0.01, label=placed(say, "adjust.label"),
                info=placed(say, "adjust.info"), elem_id="threshold",
            )  # fmt: skip
            figures = gr.HTML(placed(meaning, manifest, manifest.threshold), elem_id="meaning")
        saves = record_panel()
        misjudged_panel(photo, others["session"], settings, admission)
    view = PhotoView(
        verdict=verdict, details=details, face=face, evidence=evidence, look=look, strip=strip,
        provenance=provenance, threshold=threshold, meaning=figures, **others,
    )  # fmt: skip
    return view, saves
