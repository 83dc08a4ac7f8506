"""The tab "Compare models", and its endpoint for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from deepfake import imaging
from deepfake.comparison import Comparison, compare
from deepfake.errors import DeepfakeError, LimitError
from deepfake.web import wording
from deepfake.web.admission import Admission
from deepfake.web.choices import Choices
from deepfake.web.comparison_panel import WELCOME, comparison_panel
from deepfake.web.photo_input import PhotoInput

NO_PHOTO = "Choose a photo first: drop it on the page, or paste it."
NO_MODELS = "Choose at least one model."


class Comparer:
    """The handlers of the tab.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the comparisons.
    """

    def __init__(self, choices: Choices, admission: Admission):
        self.choices = choices
        self.admission = admission

    def show(
        self,
        photo: str | None,
        models: Sequence[str] | None,
        request: gr.Request | None = None,
        # Gradio sends progress only for handlers with such a default.
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> str:
        """Judge the photo with the chosen models: HTML."""
        if not photo:
            return wording.error_panel(NO_PHOTO)
        if not models:
            return wording.error_panel(NO_MODELS)

        def tell(done: int, title: str) -> None:
            progress((done, len(models)), desc=f"Asking {title}", unit="models")

        try:
            self.admission.admit(request)
            return comparison_panel(self._compare(photo, models, tell))
        except LimitError as error:
            gr.Warning(str(error), title=wording.REFUSED)
            return gr.skip()  # type: ignore[no-any-return]
        except DeepfakeError as error:
            return wording.error_panel(str(error))

    def compare_for_program(
        self, photo: str | None, request: gr.Request | None, models: list[str] | None = None
    ) -> dict[str, Any]:
        """The verdicts of several models on a photo, side by side and taken together."""
        try:
            if not photo:
                raise DeepfakeError("No picture was sent. Pass one with handle_file(path).")
            self.admission.admit(request)
            return self._compare(photo, models or self.choices.labels).to_dict()
        except DeepfakeError as error:
            raise gr.Error(wording.for_visitors(str(error)), print_exception=False) from error

    def _compare(
        self,
        photo: str,
        models: Sequence[str],
        progress: Callable[[int, str], None] = lambda _done, _title: None,
    ) -> Comparison:
        shelf = self.choices.shelf
        picture = imaging.read(photo, shelf.settings)
        names = tuple(dict.fromkeys(self.choices.name(model) for model in models))
        found = compare(picture, names, shelf, file=Path(photo).name, progress=progress)
        rows = (replace(row, error=wording.for_visitors(row.error)) for row in found.rows)
        return replace(found, rows=tuple(rows))


def compare_tab(choices: Choices, admission: Admission) -> None:
    """Lay the tab out."""
    comparer = Comparer(choices, admission)
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
    result = gr.HTML(WELCOME, elem_id="comparison")
    for trigger in (button.click, photo.upload):
        trigger(
            comparer.show, [photo, models], [result],
            show_progress_on=[result], concurrency_id="analyse", api_visibility="private",
        )  # fmt: skip
    photo.clear(lambda: WELCOME, None, [result], show_progress="hidden", api_visibility="private")


def compare_endpoint(choices: Choices, admission: Admission) -> None:
    """`/compare`, for programs."""
    comparer = Comparer(choices, admission)
    photo = PhotoInput(
        label="photo", type="filepath", image_mode=None, sources=["upload"], visible=False
    )
    models = gr.CheckboxGroup(choices.labels, value=choices.labels, label="models", visible=False)
    answer = gr.JSON(visible=False)
    gr.Button(visible=False).click(
        comparer.compare_for_program, [photo, models], [answer],
        api_name="compare", api_description=Comparer.compare_for_program.__doc__,
        concurrency_id="analyse",
    )  # fmt: skip
