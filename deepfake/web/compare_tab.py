"""The layout of the tab "Compare models", and what happens there."""

from __future__ import annotations

import gradio as gr

from deepfake.web import wording
from deepfake.web.choices import Choices
from deepfake.web.compare import Comparer
from deepfake.web.examples import examples
from deepfake.web.intake import Intake, notice
from deepfake.web.placed import placed
from deepfake.web.session import SESSION_SECONDS
from deepfake.web.texts import say
from deepfake.web.uploads import Uploads
from deepfake.web.view import ComparisonView
from deepfake.web.visitors.admission import Admission


def compare_tab(choices: Choices, admission: Admission, uploads: Uploads) -> None:
    """Lay the tab out.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the comparisons.
        uploads: Uploads. Where photos lie.
    """
    session = gr.State(None, time_to_live=SESSION_SECONDS)
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            intake = Intake.lay_out(
                "compare", sources=["upload", "clipboard"], height=320, elem_id="compare-photo"
            )
        with gr.Column(scale=5, min_width=300):
            models = gr.CheckboxGroup(
                choices.labels, value=choices.labels, label=placed(say, "compare.models"),
                info=placed(say, "compare.models_info"), elem_id="compare-models",
            )  # fmt: skip
            button = gr.Button(placed(say, "compare.start"), variant="primary", elem_id="compare")
            examples("compare-examples")
    with gr.Column(elem_id="compare-result"):
        notice("compare-notice")
        result = gr.HTML(placed(wording.welcome, "compare_welcome"), elem_id="comparison")
        maps = gr.Button(
            placed(say, "compare.look"), size="sm", visible=False, elem_id="compare-look"
        )  # fmt: skip
    view = ComparisonView(session=session, comparison=result, look=maps)
    comparer = Comparer(choices, admission, view, uploads)
    private = {"api_visibility": "private", "concurrency_id": "analyse"}
    maps.click(
        comparer.look, [session, intake.ticket], view.result, js=intake.sign,
        show_progress_on=[maps], **private,
    )  # fmt: skip
    button.click(
        comparer.show, [intake.photo, models, intake.ticket], view.result, js=intake.sign,
        show_progress_on=[result], trigger_mode="always_last", **private,
    )  # fmt: skip
    forget = {"fn": comparer.forget, "inputs": [intake.ticket], "outputs": view.result}
    intake.connect(forget)
