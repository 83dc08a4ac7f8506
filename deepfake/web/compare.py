"""The tab "Compare models", and its endpoint for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from deepfake import imaging
from deepfake.comparison import Comparison, Row, compare, explain
from deepfake.documents import ComparisonDocument
from deepfake.errors import DeepfakeError, LimitError
from deepfake.progress import listening
from deepfake.web import wording
from deepfake.web.admission import Admission
from deepfake.web.choices import Choices
from deepfake.web.comparison_panel import WELCOME, comparison_panel
from deepfake.web.photo_input import PhotoInput

NO_PHOTO = "Choose a photo first: drop it on the page, paste it, or take one of the examples."
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
    ) -> tuple[Any, ...]:
        """Judge the photo with the chosen models: (session, comparison, maps)."""
        if not photo:
            return _failure(NO_PHOTO)
        if not models:
            return _failure(NO_MODELS)

        def tell(done: int, title: str) -> None:
            progress((done, len(models)), desc=f"Asking {title}", unit="models")

        try:
            self.admission.admit(request)
            with listening(lambda sentence: progress(None, desc=sentence)):
                return _present(_slim(self._compare(photo, models, tell)))
        except LimitError as error:
            return _refuse(error)
        except DeepfakeError as error:
            return _failure(error.public)

    def look(
        self,
        session: Comparison | None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Work out what the models without a built-in map looked at, as `show` returns it."""
        if session is None:
            return gr.skip(), gr.skip(), gr.skip()
        count = sum(row.lacks_map for row in session.rows)

        def tell(done: int, title: str) -> None:
            progress((done, count), desc=f"Hiding places of the face from {title}", unit="maps")

        try:
            # All maps together count as one analysis, like the one of the picture tab.
            self.admission.admit(request)
        except LimitError as error:
            return _refuse(error)
        explained = explain(session, self.choices.shelf, progress=tell)
        return _present(explained)

    def compare_for_program(
        self, photo: str | None, request: gr.Request | None, models: list[str] | None = None
    ) -> ComparisonDocument:
        """The verdicts of several models on a photo, side by side and taken together."""
        try:
            if not photo:
                raise DeepfakeError("No picture was sent. Pass one with handle_file(path).")
            self.admission.admit(request)
            return self._compare(photo, models or self.choices.labels).to_dict(public=True)
        except DeepfakeError as error:
            raise gr.Error(error.public, print_exception=False) from error

    def _compare(
        self,
        photo: str,
        models: Sequence[str],
        progress: Callable[[int, str], None] = lambda _done, _title: None,
    ) -> Comparison:
        shelf = self.choices.shelf
        picture = imaging.read(photo, shelf.settings)
        names = tuple(dict.fromkeys(self.choices.name(model) for model in models))
        return compare(picture, names, shelf, file=Path(photo).name, progress=progress)


def _present(session: Comparison) -> tuple[Any, ...]:
    lacking = any(row.lacks_map for row in session.rows)
    return session, comparison_panel(session), gr.update(visible=lacking)


def _failure(message: str) -> tuple[Any, ...]:
    return None, wording.error_panel(message), gr.update(visible=False)


def _forget() -> tuple[Any, ...]:
    return None, WELCOME, gr.update(visible=False)


def _refuse(error: LimitError) -> tuple[Any, ...]:
    """Over the limit: what the page shows stays as it is."""
    gr.Warning(str(error), title=wording.REFUSED)
    return gr.skip(), gr.skip(), gr.skip()


def _slim(comparison: Comparison) -> Comparison:
    """Without the pixels of faces that are not shown: this is kept for each visitor."""

    def slim(row: Row) -> Row:
        if row.report is None:
            return row
        first, rest = row.report.faces[:1], row.report.faces[1:]
        faces = (*first, *(replace(face, crop=None, evidence=None) for face in rest))
        return replace(row, report=replace(row.report, faces=faces))

    return replace(comparison, rows=tuple(slim(row) for row in comparison.rows))


def compare_tab(
    choices: Choices,
    admission: Admission,
    session_seconds: int,
    examples_for: Callable[[gr.Image], gr.Examples | None],
) -> None:
    """Lay the tab out.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the comparisons.
        session_seconds: int. How long a visitor's result is kept for its heat maps.
        examples_for: called with the photo's component. Lays out the example photos, if any.
    """
    comparer = Comparer(choices, admission)
    session = gr.State(None, time_to_live=session_seconds)
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
            examples = examples_for(photo)
    result = gr.HTML(WELCOME, elem_id="comparison")
    maps = gr.Button(
        "Show heat maps (slow)", size="sm", visible=False, elem_id="compare-look"
    )  # fmt: skip
    outputs = [session, result, maps]
    looking = maps.click(
        comparer.look, [session], outputs,
        show_progress_on=[maps], concurrency_id="analyse", api_visibility="private",
    )  # fmt: skip
    chosen = [] if examples is None else [examples.load_input_event.then]
    for trigger in (button.click, photo.upload, *chosen):
        trigger(
            comparer.show, [photo, models], outputs,
            show_progress_on=[result], concurrency_id="analyse", api_visibility="private",
            # Maps that come late must not bring the photo before back.
            cancels=[looking],
        )  # fmt: skip
    photo.clear(
        _forget, None, outputs,
        show_progress="hidden", api_visibility="private", cancels=[looking],
    )  # fmt: skip


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
