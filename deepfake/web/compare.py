"""Several models' verdicts on a photo: the handlers of the tab "Compare models"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr

from deepfake import imaging
from deepfake.comparison import Comparison, Row, compare, explain
from deepfake.errors import DeepfakeError, LimitError
from deepfake.progress import listening
from deepfake.web import metrics, wording
from deepfake.web.choices import Choices
from deepfake.web.newest import Newest
from deepfake.web.previews import preview
from deepfake.web.texts import say
from deepfake.web.time_limit import TimeLimit
from deepfake.web.told import told
from deepfake.web.uploads import Uploads
from deepfake.web.view import Changes, ComparisonView, stays
from deepfake.web.visitors.admission import Admission


class Comparer:
    """The handlers of the tab.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the comparisons.
        view: ComparisonView. What they change.
        uploads: Uploads. Where the photos lie; nothing where they lie elsewhere.
    """

    def __init__(
        self,
        choices: Choices,
        admission: Admission,
        view: ComparisonView,
        uploads: Uploads | None = None,
    ):
        self.choices = choices
        self.admission = admission
        self.uploads = uploads
        self.view = view
        self.newest = Newest()

    def show(
        self,
        photo: str | None,
        models: Sequence[str] | None,
        ticket: str,
        request: gr.Request | None = None,
        # Gradio sends progress only for handlers with such a default.
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Changes:
        """Judge the photo with the chosen models."""
        self.newest.note(request, ticket)
        self._note_shown(photo, request)
        if not photo:
            return self._failure(say("photo.first"), ticket)
        if not models:
            return self._failure(say("compare.no_models"), ticket)

        def tell(done: int, title: str) -> None:
            progress((done, len(models)), desc=say("progress.asking", model=title), unit="")

        def judge() -> tuple[Comparison, str]:
            with listening(lambda sentence: progress(None, desc=sentence)):
                found = compare_models(self.choices, photo, models, tell)
            return found, preview(photo, self.choices.shelf.settings)

        try:
            self.admission.admit(request)
            found, shown = self._limit(request).run(judge)
            if not self.newest.holds(request, ticket):
                return stays()
            return self.view.show(_slim(found), ticket, shown)
        except LimitError as error:
            panel = wording.error_panel(error, wording.REFUSED, again=True)
            return self.view.show_nothing(ticket, panel)
        except DeepfakeError as error:
            return self._failure(error, ticket)

    def look(
        self,
        session: tuple[Comparison, str] | None,
        ticket: str,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Changes:
        """Work out what the models without a built-in map looked at."""
        if session is None or session[1] != ticket:
            return stays()
        comparison, _ = session
        count = sum(row.lacks_map for row in comparison.rows)

        def tell(done: int, title: str) -> None:
            progress((done, count), desc=say("progress.maps", model=title), unit="")

        try:
            # All maps together count as one analysis, like the one of the picture tab.
            self.admission.admit(request)
            explained = self._limit(request).run(
                lambda: explain(comparison, self.choices.shelf, progress=tell)
            )
        except LimitError as error:
            # The comparison stays: it is of the same photo.
            gr.Warning(told(error.public), title=say(wording.REFUSED))
            return stays()
        if not self.newest.holds(request, ticket):
            return stays()
        return self.view.show(explained, ticket)

    def forget(self, ticket: str, request: gr.Request | None = None) -> Changes:
        """The photo was removed."""
        self.newest.note(request, ticket)
        self._note_shown(None, request)
        return self.view.show_nothing(ticket)

    def _note_shown(self, photo: str | None, request: gr.Request | None) -> None:
        """The photo before is no longer needed; this one is: for other models."""
        if self.uploads is not None and request is not None:
            self.uploads.show(request.session_hash, "compare", photo)

    def _limit(self, request: gr.Request | None) -> TimeLimit:
        return TimeLimit(request, self.choices.shelf.settings.analysis_seconds)

    def _failure(self, problem: DeepfakeError | str, ticket: str) -> Changes:
        return self.view.show_nothing(ticket, wording.error_panel(problem))


def compare_models(
    choices: Choices,
    photo: str | bytes,
    models: Sequence[str],
    progress: Callable[[int, str], None] = lambda _done, _title: None,
    threshold: float | None = None,
) -> Comparison:
    """The verdicts of several models on a photo.

    Args:
        choices: Choices. The models.
        photo: str or bytes. The path of a photo, or its file.
        models: sequence of str. Their labels.
        progress: called with the number of models done, and the title of the next one.
        threshold: float. P(fake) that all verdicts are made at. Defaults to each model's own.

    Returns:
        The comparison.

    Raises:
        DeepfakeError: the photo cannot be judged, or a model is not among the choices.
    """
    shelf = choices.shelf
    picture = imaging.read(photo, shelf.settings)
    names = tuple(dict.fromkeys(choices.name(model) for model in models))
    found = compare(
        picture, names, shelf, threshold=threshold, file=name_of(photo), progress=progress
    )
    for row in found.rows:
        if row.report is not None:
            metrics.judged(row.report)
    return found


def name_of(photo: str | bytes) -> str:
    """What a Report calls a photo that was sent: not where it lies."""
    return "" if isinstance(photo, bytes) else Path(photo).name


def _slim(comparison: Comparison) -> Comparison:
    """Without the pixels of faces that are not shown: this is kept for each visitor."""

    def slim(row: Row) -> Row:
        if row.report is None:
            return row
        first, rest = row.report.faces[:1], row.report.faces[1:]
        faces = (*first, *(replace(face, crop=None, evidence=None) for face in rest))
        return replace(row, report=replace(row.report, faces=faces))

    return replace(comparison, rows=tuple(slim(row) for row in comparison.rows))
