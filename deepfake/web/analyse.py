"""Event handlers of the photo tab: they decide what happens, and the view how that looks."""

from __future__ import annotations

import io
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

import gradio as gr
from PIL import Image

from deepfake import imaging, jpeg, provenance
from deepfake.detector import Detector
from deepfake.errors import DeepfakeError, LimitError, ModelError
from deepfake.progress import listening
from deepfake.report import Report
from deepfake.web import drawing, metrics, wording
from deepfake.web.about import about
from deepfake.web.adjust import meaning
from deepfake.web.choices import Choices
from deepfake.web.history import handed, history_row, kept
from deepfake.web.newest import Latest, Newest
from deepfake.web.record_panel import full_record
from deepfake.web.session import Session
from deepfake.web.texts import say
from deepfake.web.time_limit import TimeLimit
from deepfake.web.told import told
from deepfake.web.uploads import Uploads
from deepfake.web.view import Changes, PhotoView, stays
from deepfake.web.visitors.admission import Admission

# Visitors between the two steps of choosing a model.
COUNTED = 500


class Analyser:
    """The handlers, around models that all visitors share.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the analyses.
        view: PhotoView. What they change.
        uploads: Uploads. Where the photos lie; nothing where they lie elsewhere.
    """

    def __init__(
        self,
        choices: Choices,
        admission: Admission,
        view: PhotoView,
        uploads: Uploads | None = None,
    ):
        self.choices = choices
        self.admission = admission
        self.uploads = uploads
        self.view = view
        self.newest = Newest()
        # The threshold may be moved while a photo is looked at.
        self.thresholds: Latest[float] = Latest()
        # Loads of a typed model that were counted, and go on to the analysis they were made for.
        # Bounded: a visitor who leaves in between never comes for it.
        self._counted: deque[tuple[str | None, str | None]] = deque(maxlen=COUNTED)

    def analyse(
        self,
        photo: str | None,
        threshold: float,
        model: str | None,
        ticket: str,
        request: gr.Request | None = None,
        # Gradio sends progress only for handlers with such a default.
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Changes:
        """Judge the photo."""
        self.newest.note(request, ticket)
        self._note_shown(photo, request)
        return self._judge(photo, threshold, model, ticket, request, progress)

    def _judge(
        self,
        photo: str | None,
        threshold: float,
        model: str | None,
        ticket: str,
        request: gr.Request | None,
        progress: gr.Progress,
        costs: bool = True,
    ) -> Changes:
        """As `analyse`; unless it `costs` nothing, since it has been counted."""
        self.thresholds.note(request, threshold)
        limit = self._limit(request)

        def judge(data: bytes, detector: Detector) -> tuple[Image.Image, Report]:
            picture = imaging.read(data, detector.settings)
            return picture.image, detector.detect(
                picture, file=Path(photo or "").name, fragility=True
            )

        try:
            if photo and costs:
                self.admission.admit(request)
            detector = limit.run(lambda: self._load(model, progress), stops=False)
            if not photo:
                return self._failure(say("photo.first"), threshold, model, ticket, wording.NO_PHOTO)
            progress(0.3, desc=say("progress.faces"))
            data = limit.run(lambda: imaging.read_path(photo, detector.settings))
            # Meanwhile: it takes a third of the network's time.
            origin = limit.start(lambda: provenance.read(data, detector.settings))
            try:
                image, report = limit.run(lambda: judge(data, detector))
                report = replace(report, provenance=origin.result())
            finally:
                origin.call_off(0.0)
        except LimitError as error:
            return self._failure(error, threshold, model, ticket, wording.REFUSED)
        except ModelError as error:
            metrics.count("failures", "model")
            return self._failure(error, threshold, model, ticket, wording.UNUSABLE_MODEL)
        except DeepfakeError as error:
            metrics.count("failures", "picture")
            return self._failure(error, threshold, model, ticket)
        metrics.judged(report)
        if not self.newest.holds(request, ticket):
            return stays()
        shown = drawing.shrink(image)
        report = report.at(self.thresholds.get(request, threshold))
        session = Session(report, jpeg.encode(shown, 92), kept(shown, report), model, ticket)
        return self.view.show(session, self._row(session))

    def choose_model(
        self,
        model: str | None,
        ticket: str,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Changes:
        """Another model, with its own threshold and card.

        The result of the model before goes, so that its scores are not shown as this one's.
        """
        self.newest.note(request, ticket)
        try:
            if not self._costs_nothing(model):
                self.admission.admit(request)
                self._note_counted(model, request)
            loaded = self._load(model, progress).model
        except LimitError as error:
            raise gr.Error(told(error.public), print_exception=False) from error
        except ModelError as error:
            card = wording.plain(told(error.public))
            return {self.view.session: None, self.view.meaning: "", self.view.card: card}
        threshold = loaded.manifest.threshold
        return {
            self.view.session: None,
            self.view.threshold: threshold,
            self.view.meaning: meaning(loaded.manifest, threshold),
            self.view.card: about(loaded),
        }

    def analyse_again(
        self,
        photo: str | None,
        threshold: float,
        model: str | None,
        ticket: str,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Changes:
        """Judge the photo, if there is one, with the model just chosen, as in `analyse`."""
        self.newest.note(request, ticket)
        counted = self._take_counted(model, request)
        if photo:
            return self._judge(photo, threshold, model, ticket, request, progress, not counted)
        try:
            if not counted and not self._costs_nothing(model):
                self.admission.admit(request)
            self._limit(request).run(lambda: self._load(model, progress), stops=False)
        except LimitError as error:
            return self._failure(error, threshold, model, ticket, wording.REFUSED)
        except ModelError as error:
            return self._failure(error, threshold, model, ticket, wording.UNUSABLE_MODEL)
        return self.forget(threshold, model, ticket, request)

    def decide_again(
        self,
        session: Session | None,
        threshold: float,
        face: int | None,
        model: str | None,
        ticket: str,
        request: gr.Request | None = None,
    ) -> Changes:
        """Another threshold, the same scores."""
        self.thresholds.note(request, threshold)
        if session is None and ticket:
            return self._gone(ticket, request)
        if session is None or session.ticket != ticket:
            return {self.view.meaning: self._meaning(threshold, model)}
        face = min(face or 0, max(0, len(session.report.faces) - 1))
        session = replace(session, report=session.report.at(threshold))
        return {**self.view.show_verdict(session, face), self.view.row: self._row(session)}

    def forget(
        self, threshold: float, model: str | None, ticket: str, request: gr.Request | None = None
    ) -> Changes:
        """The photo was removed: everything as at the start."""
        self.newest.note(request, ticket)
        self._note_shown(None, request)
        return self.view.show_nothing(wording.welcome(), self._meaning(threshold, model), ticket)

    def look(
        self,
        session: Session | None,
        face: int | None,
        ticket: str,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Changes:
        """Work out what a model without built-in map looked at."""
        index = face or 0
        if session is None and ticket:
            return self._gone(ticket, request)
        if not _is_shown(session, ticket, index):
            return stays()
        try:
            # It runs the model more often than an analysis does.
            self.admission.admit(request)
            progress(0.2, desc=say("progress.hiding"))
            detector = self.choices.detector(session.model)
            chosen = session.report.faces[index]
            evidence = self._limit(request).run(lambda: detector.explain(chosen))
            chosen = replace(chosen, evidence=evidence)
        except DeepfakeError as error:
            raise gr.Error(told(error.public), print_exception=False) from error
        if not self.newest.holds(request, ticket):
            return stays()
        faces = list(session.report.faces)
        faces[index] = chosen
        report = replace(session.report, faces=tuple(faces))
        report = report.at(self.thresholds.get(request, report.threshold))
        shown = Image.open(io.BytesIO(session.shown))
        session = replace(session, report=report, kept=kept(shown, report))
        return {**self.view.show_look(session, index), self.view.row: self._row(session)}

    def choose_face(
        self,
        session: Session | None,
        face: int | None,
        ticket: str,
        request: gr.Request | None = None,
    ) -> Changes:
        """Another face."""
        if session is None and ticket:
            return self._gone(ticket, request)
        if face is None or not _is_shown(session, ticket, face):
            return stays()
        return self.view.show_face(session, face)

    def save(
        self, session: Session | None, ticket: str, request: gr.Request | None = None
    ) -> Changes:
        """The report on the result, handed to the browser, which saves it."""
        if session is None and ticket:
            return self._gone(ticket, request)
        if session is None or session.ticket != ticket:
            return stays()
        return {self.view.made: handed(full_record(session, self.choices.shelf.settings))}

    def _gone(self, ticket: str, request: gr.Request | None) -> Changes:
        """A result that the browser still shows, and that is no longer here."""
        if not self.newest.holds(request, ticket):
            return stays()
        panel = wording.error_panel(say("report.gone"), wording.GONE, again=True)
        return self.view.show_nothing(panel, "", ticket)

    def _row(self, session: Session) -> list[str]:
        return handed(history_row(session, self.choices.shelf.settings))

    def _limit(self, request: gr.Request | None) -> TimeLimit:
        return TimeLimit(request, self.choices.shelf.settings.analysis_seconds)

    def _load(self, model: str | None, progress: gr.Progress) -> Detector:
        if not self.choices.is_ready(model):
            progress(0.1, desc=say("progress.model"))
        with listening(lambda sentence: progress(0.1, desc=sentence)):
            return self.choices.detector(model)

    def _costs_nothing(self, model: str | None) -> bool:
        # A model that a visitor typed is fetched, which must not go past the limit.
        return self.choices.name(model) in self.choices.shelf.names or self.choices.is_ready(model)

    def _note_counted(self, model: str | None, request: gr.Request | None) -> None:
        if request is not None:
            self._counted.append((request.session_hash, model))

    def _take_counted(self, model: str | None, request: gr.Request | None) -> bool:
        """Whether this visitor's load of the model has just been counted; asked once for each."""
        if request is None:
            return False
        try:
            self._counted.remove((request.session_hash, model))
        except ValueError:
            return False
        return True

    def _note_shown(self, photo: str | None, request: gr.Request | None) -> None:
        """The photo before is no longer needed; this one is: for another model, or to keep it."""
        if self.uploads is not None and request is not None:
            self.uploads.show(request.session_hash, "photo", photo)

    def _meaning(self, threshold: float, model: str | None) -> str:
        try:
            if not self._costs_nothing(model):
                return ""
            return meaning(self.choices.manifest(model), threshold)
        except ModelError:
            return ""  # the panel above says what is wrong with the model

    def _failure(
        self,
        problem: DeepfakeError | str,
        threshold: float,
        model: str | None,
        ticket: str,
        heading: str = wording.UNREADABLE_FILE,
    ) -> Changes:
        meaning = "" if heading == wording.UNUSABLE_MODEL else self._meaning(threshold, model)
        panel = wording.error_panel(problem, heading, again=heading == wording.REFUSED)
        return self.view.show_nothing(panel, meaning, ticket)


def _is_shown(session: Session | None, ticket: str, face: int = 0) -> TypeGuard[Session]:
    """Whether a session is of the photo that the browser shows, and has such a face."""
    return session is not None and session.ticket == ticket and face < len(session.report.faces)
