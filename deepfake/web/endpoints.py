"""`/predict`, `/detect` and, with several models, `/compare`, for programs and assistants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import Any

import gradio as gr

from deepfake.documents import (
    ComparisonDocument,
    LabelsDocument,
    ReportDocument,
)
from deepfake.errors import DeepfakeError, ImageError, LimitError, ModelError
from deepfake.progress import listening
from deepfake.report import Report
from deepfake.schema import json_schema
from deepfake.verdict import check_threshold
from deepfake.web import metrics, wording
from deepfake.web.choices import Choices
from deepfake.web.compare import compare_models, name_of
from deepfake.web.gradio_internals import PhotoInput, end_call, typed_answer
from deepfake.web.language import CATALOGUES, DEFAULT
from deepfake.web.time_limit import TimeLimit
from deepfake.web.uploads import Uploads
from deepfake.web.visitors.admission import Admission

# Programs are spoken to in English, whoever runs them.
REFUSED = CATALOGUES[DEFAULT][wording.REFUSED]


class Endpoints:
    """What programs ask for, of models that they name as visitors see them.

    The methods' first lines and the names of their parameters are what programs see.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the analyses.
        uploads: Uploads. Where photos lie until they have been judged.
    """

    def __init__(self, choices: Choices, admission: Admission, uploads: Uploads):
        self.choices = choices
        self.admission = admission
        self.uploads = uploads

    def predict(
        self, photo: str | bytes | None, request: gr.Request | None, model: str | None = None
    ) -> LabelsDocument:
        """P(fake) and 1 − P(fake) of the most suspicious face of a photo."""
        with self._admitted(photo, request) as source:
            labels = self._report(source, request, model).labels()
            return {"Fake": labels["Fake"], "Real": labels["Real"]}

    def detect(
        self,
        photo: str | bytes | None,
        request: gr.Request | None,
        threshold: float | None = None,
        provenance: bool = False,
        model: str | None = None,
    ) -> ReportDocument:
        """The verdict on a photo and on each of its faces, and what weakens them."""
        with self._admitted(photo, request, threshold) as source:
            report = self._report(source, request, model, provenance)
            return (report if threshold is None else report.at(threshold)).to_dict()

    def compare(
        self,
        photo: str | bytes | None,
        request: gr.Request | None,
        threshold: float | None = None,
        models: list[str] | None = None,
    ) -> ComparisonDocument:
        """The verdicts of several models on a photo, side by side and taken together."""
        with self._admitted(photo, request, threshold) as source:
            names = models or self.choices.labels
            found = self._limit(request).run(
                lambda: compare_models(self.choices, source, names, threshold=threshold)
            )
            return found.to_dict(public=True)

    @property
    def offered(self) -> list[tuple[Callable[..., Any], Any]]:
        """The endpoints of this page, each with the type of its answer."""
        offered: list[tuple[Callable[..., Any], Any]] = [
            (self.predict, LabelsDocument), (self.detect, ReportDocument)
        ]  # fmt: skip
        return [*offered, (self.compare, ComparisonDocument)] if self._has_several else offered

    @property
    def parameters(self) -> list[str]:
        """What programs may pass; with one model to choose from, they name none."""
        several = ["model", "models"] if self._has_several else []
        return ["photo", "threshold", "provenance", *several]

    @property
    def _has_several(self) -> bool:
        return len(self.choices.labels) > 1 or self.choices.can_type

    @contextmanager
    def _admitted(
        self,
        photo: str | bytes | None,
        request: gr.Request | None,
        threshold: float | None = None,
    ) -> Iterator[str | bytes]:
        """The photo of a call that makes sense, and has been counted."""
        if not photo:
            raise ImageError("No picture was sent. Pass one with handle_file(path).")
        if threshold is not None:
            check_threshold(threshold)
        self.admission.admit(request)
        # Told nothing, but not kept waiting for a model of somebody else's either.
        try:
            with listening(lambda _: None):
                yield photo
        finally:
            # Who is refused before tries again with it; who has had an answer sends it again.
            self.uploads.remove(photo)

    def _report(
        self,
        photo: str | bytes,
        request: gr.Request | None,
        model: str | None,
        provenance: bool = False,
    ) -> Report:
        limit = self._limit(request)
        detector = limit.run(lambda: self.choices.detector(model), stops=False)
        report = limit.run(
            lambda: detector.detect(photo, file=name_of(photo), provenance=provenance)
        )
        metrics.judged(report)
        return report

    def _limit(self, request: gr.Request | None) -> TimeLimit:
        return TimeLimit(request, self.choices.shelf.settings.analysis_seconds)


def add_endpoints(endpoints: Endpoints) -> None:
    """Give the page its endpoints.

    Args:
        endpoints: Endpoints. What they do.
    """
    choices = endpoints.choices
    taken = {
        "photo": PhotoInput(
            label="photo", type="filepath", image_mode=None, sources=["upload"], visible=False
        ),
        "threshold": gr.Number(None, label="threshold", visible=False),
        "provenance": gr.Checkbox(False, label="provenance", visible=False),
        "model": gr.Textbox(choices.default, label="model", visible=False),
        "models": gr.CheckboxGroup(
            choices.labels, value=choices.labels, label="models", visible=False
        ),
    }
    for endpoint, kind in endpoints.offered:
        names = [name for name in signature(endpoint).parameters if name in endpoints.parameters]
        gr.Button(visible=False).click(
            _with_sentences(endpoint), [taken[name] for name in names],
            [typed_answer(json_schema(kind))], api_name=endpoint.__name__,
            api_description=(endpoint.__doc__ or "").splitlines()[0], concurrency_id="analyse",
        )  # fmt: skip


def _with_sentences(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint whose errors are our sentences to Gradio, too."""

    @wraps(endpoint)
    def answer(photo: str | None, request: gr.Request | None, *options: Any) -> Any:
        try:
            return endpoint(photo, request, *options)
        except LimitError as error:
            # By the title a program tells "later" from "never".
            raise gr.Error(error.public, title=REFUSED, print_exception=False) from error
        except DeepfakeError as error:
            metrics.count("failures", "model" if isinstance(error, ModelError) else "picture")
            raise gr.Error(error.public, print_exception=False) from error
        finally:
            end_call(request)

    return answer
