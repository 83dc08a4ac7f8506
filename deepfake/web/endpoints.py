"""`/predict`, `/detect` and `/compare`, for programs; the page does not use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from deepfake.detector import Report
from deepfake.documents import ComparisonDocument, ReportDocument
from deepfake.errors import DeepfakeError
from deepfake.progress import listening
from deepfake.web.choices import Choices
from deepfake.web.compare import compare_models
from deepfake.web.gradio_internals import PhotoInput
from deepfake.web.visitors.admission import Admission


class Endpoints:
    """What programs ask for, of models that they name as visitors see them.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the analyses.
    """

    def __init__(self, choices: Choices, admission: Admission):
        self.choices = choices
        self.admission = admission

    def predict(
        self, photo: str | None, request: gr.Request | None, model: str | None = None
    ) -> dict[str, float]:
        """The label-to-confidence dict of a photo, for programs."""
        with self._admitted(photo, request) as path:
            return self._report(path, model).labels()

    def detect(
        self, photo: str | None, request: gr.Request | None, model: str | None = None
    ) -> ReportDocument:
        """The full Report of a photo, for programs."""
        with self._admitted(photo, request) as path:
            return self._report(path, model).to_dict()

    def compare(
        self, photo: str | None, request: gr.Request | None, models: list[str] | None = None
    ) -> ComparisonDocument:
        """The verdicts of several models on a photo, side by side and taken together."""
        with self._admitted(photo, request) as path:
            return compare_models(self.choices, path, models or self.choices.labels).to_dict(
                public=True
            )

    @contextmanager
    def _admitted(self, photo: str | None, request: gr.Request | None) -> Iterator[str]:
        """The photo of a call that has been counted; errors become our sentences."""
        try:
            if not photo:
                raise DeepfakeError("No picture was sent. Pass one with handle_file(path).")
            self.admission.admit(request)
            # Told nothing, but not kept waiting for a model of somebody else's either.
            with listening(lambda _: None):
                yield photo
        except DeepfakeError as error:
            raise gr.Error(error.public, print_exception=False) from error

    def _report(self, photo: str, model: str | None) -> Report:
        return self.choices.detector(model).detect(photo, file=Path(photo).name)


def add_endpoints(choices: Choices, admission: Admission) -> None:
    """Give the page its endpoints.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the analyses.
    """
    endpoints = Endpoints(choices, admission)
    photo, model = _photo(), gr.Textbox(choices.default, label="model", visible=False)
    answer = gr.JSON(visible=False)
    # With one model to choose from, programs name none.
    inputs = [photo, model] if len(choices.labels) > 1 or choices.can_type else [photo]
    _add(endpoints.predict, inputs, answer)
    _add(endpoints.detect, inputs, answer)
    photo = _photo()
    models = gr.CheckboxGroup(choices.labels, value=choices.labels, label="models", visible=False)
    _add(endpoints.compare, [photo, models], gr.JSON(visible=False))


def _photo() -> gr.Image:
    return PhotoInput(
        label="photo", type="filepath", image_mode=None, sources=["upload"], visible=False
    )


def _add(endpoint: Callable[..., Any], inputs: list[Any], answer: gr.JSON) -> None:
    gr.Button(visible=False).click(
        endpoint, inputs, [answer],
        api_name=endpoint.__name__, api_description=endpoint.__doc__, concurrency_id="analyse",
    )  # fmt: skip
