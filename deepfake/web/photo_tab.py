"""The layout of the photo tab, and what happens there."""

from __future__ import annotations

from typing import Any

import gradio as gr

from deepfake.manifest import ModelManifest
from deepfake.settings import Settings
from deepfake.web import wording
from deepfake.web.analyse import Analyser
from deepfake.web.choices import TYPE_ONE, Choices
from deepfake.web.examples import examples_for
from deepfake.web.gradio_internals import PhotoInput, chosen
from deepfake.web.history import history_list, remember
from deepfake.web.misjudged_panel import misjudged_panel
from deepfake.web.record_panel import record_panel
from deepfake.web.session import SESSION_SECONDS
from deepfake.web.view import PhotoView
from deepfake.web.visitors.admission import Admission

# Not for programs.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
# A place of its own, or fetching and compiling would take those of the analyses. Two, so that one
# who only wants the default model back does not wait for a minute.
LOADING: dict[str, Any] = {"concurrency_id": "load", "concurrency_limit": 2}


def photo_tab(choices: Choices, admission: Admission, card: gr.Markdown) -> None:
    """Lay the tab out.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the analyses.
        card: gradio.Markdown. What is known of the model, shown elsewhere.
    """
    manifest = choices.manifest(None)
    session = gr.State(None, time_to_live=SESSION_SECONDS)
    row = gr.JSON(visible="hidden")
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            photo = PhotoInput(
                label="Photo", type="filepath", image_mode=None,
                sources=["upload", "clipboard", "webcam"], height=360, elem_id="photo", buttons=[],
                alt_text="The photo that was chosen",
            )  # fmt: skip
            model = gr.Dropdown(
                choices.labels, value=choices.default, label="Model",
                info=TYPE_ONE if choices.can_type else None, allow_custom_value=choices.can_type,
                # With nothing to choose there is nothing to show.
                visible=len(choices.labels) > 1 or choices.can_type, elem_id="model",
            )  # fmt: skip
            analyse = gr.Button("Analyse", variant="primary", elem_id="analyse")
            threshold = gr.Slider(
                0.0, 1.0, value=manifest.threshold, step=0.01, label="Threshold",
                info="Scores from here on count as fake. Lower catches more fakes, and calls more "
                "real faces fake.",
                elem_id="threshold",
            )  # fmt: skip
            examples = examples_for(photo, "examples")
        with gr.Column(scale=6, min_width=300):
            view = _result(
                manifest, choices.shelf.settings, photo, admission,
                session=session, row=row, threshold=threshold, card=card,
            )  # fmt: skip
    analyser = Analyser(choices, admission, view)
    handler = {"fn": analyser.analyse, "inputs": [photo, threshold, model], "outputs": view.result}
    shown = {"show_progress_on": [view.verdict], "concurrency_id": "analyse"}
    others = [] if examples is None else [chosen(examples).then]
    for trigger in (analyse.click, photo.upload, *others):
        remember(trigger(**handler, **shown, **PRIVATE), row)

    # Not `change`, which would run at the start, too.
    again = model.input(
        analyser.choose_model, [model], [session, threshold, view.meaning, card],
        **{**shown, **LOADING}, **PRIVATE,
    ).success(**{**handler, "fn": analyser.analyse_again}, **shown, **PRIVATE)  # fmt: skip
    remember(again, row)
    decided = threshold.change(
        analyser.decide_again, [session, threshold, view.face, model],
        [session, view.verdict, view.picture, view.face, view.meaning, row],
        trigger_mode="always_last", show_progress="hidden", queue=False, **PRIVATE,
    )  # fmt: skip
    remember(decided, row, "add")
    photo.clear(
        analyser.forget, [threshold, model], view.result, show_progress="hidden", **PRIVATE,
    )  # fmt: skip
    # Not `change`, which an analysis triggers too: everything would be drawn and sent twice, and
    # Gradio would rewrite files while the browser reads them.
    view.face.input(
        analyser.choose_face, [session, view.face], [view.picture, view.evidence, view.look],
        show_progress="hidden", **PRIVATE,
    )  # fmt: skip
    view.picture.select(
        analyser.click_picture, [session],
        [view.face, view.picture, view.evidence, view.look],
        show_progress="hidden", **PRIVATE,
    )  # fmt: skip
    looked = view.look.click(
        analyser.look, [session, view.face], [session, view.evidence, view.look, row],
        show_progress_on=[view.look], concurrency_id="analyse", **PRIVATE,
    )  # fmt: skip
    remember(looked, row, "add")
    history_list()


def _result(
    manifest: ModelManifest,
    settings: Settings,
    photo: gr.Image,
    admission: Admission,
    **others: Any,
) -> PhotoView:
    """Lay the result's side out; the view's other components are there already."""
    verdict = gr.HTML(wording.WELCOME, elem_id="verdict")
    bars = gr.Label(label="Confidence", show_heading=False, visible=False, elem_id="bars")
    with gr.Column(visible=False) as details:
        picture = gr.Image(
            label="Faces (click one for its evidence)", interactive=False,
            alt_text="The photo with a numbered box around each face", height=440,
            buttons=["fullscreen"], elem_id="faces", format="jpeg",
        )  # fmt: skip
        face = gr.Radio(
            [], label="Show the evidence of face", type="value", visible=False,
            elem_id="face",
        )  # fmt: skip
        evidence = gr.ImageSlider(
            label="Evidence", interactive=False, max_height=420, elem_id="evidence",
            buttons=["fullscreen"], format="jpeg",
        )  # fmt: skip
        look = gr.Button("Show what it looked at (slow)", size="sm", visible=False, elem_id="look")
        gr.HTML(wording.EVIDENCE_CAPTION, elem_id="evidence-caption")
        record_panel(others["session"], settings)
        misjudged_panel(photo, others["session"], settings, admission)
    meaning = gr.HTML(wording.meaning(manifest, manifest.threshold), elem_id="meaning")
    return PhotoView(
        verdict=verdict, bars=bars, details=details, picture=picture, face=face, evidence=evidence,
        look=look, meaning=meaning, **others,
    )  # fmt: skip
