"""The layout of the tab "Compare models", and what happens there."""

from __future__ import annotations

import gradio as gr

from deepfake.web.choices import Choices
from deepfake.web.compare import Comparer
from deepfake.web.comparison_panel import WELCOME
from deepfake.web.examples import examples_for
from deepfake.web.gradio_internals import PhotoInput, chosen
from deepfake.web.session import SESSION_SECONDS
from deepfake.web.view import ComparisonView
from deepfake.web.visitors.admission import Admission


def compare_tab(choices: Choices, admission: Admission) -> None:
    """Lay the tab out.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the comparisons.
    """
    session = gr.State(None, time_to_live=SESSION_SECONDS)
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            photo = PhotoInput(
                label="Photo", type="filepath", image_mode=None, sources=["upload", "clipboard"],
                height=320, elem_id="compare-photo", buttons=[],
            )  # fmt: skip
        with gr.Column(scale=5, min_width=300):
            models = gr.CheckboxGroup(
                choices.labels, value=choices.labels, label="Models",
                info="Each is loaded when it is first asked.", elem_id="compare-models",
            )  # fmt: skip
            button = gr.Button("Compare", variant="primary", elem_id="compare")
            examples = examples_for(photo, "compare-examples")
    result = gr.HTML(WELCOME, elem_id="comparison")
    maps = gr.Button(
        "Show heat maps (slow)", size="sm", visible=False, elem_id="compare-look"
    )  # fmt: skip
    view = ComparisonView(session=session, comparison=result, look=maps)
    comparer = Comparer(choices, admission, view)
    looking = maps.click(
        comparer.look, [session], view.result,
        show_progress_on=[maps], concurrency_id="analyse", api_visibility="private",
    )  # fmt: skip
    others = [] if examples is None else [chosen(examples).then]
    for trigger in (button.click, photo.upload, *others):
        trigger(
            comparer.show, [photo, models], view.result,
            show_progress_on=[result], concurrency_id="analyse", api_visibility="private",
            # Maps that come late must not bring the photo before back.
            cancels=[looking],
        )  # fmt: skip
    photo.clear(
        comparer.forget, None, view.result,
        show_progress="hidden", api_visibility="private", cancels=[looking],
    )  # fmt: skip
