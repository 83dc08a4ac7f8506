"""Event handlers of the picture tab. They know nothing of the layout but the order of outputs."""

from __future__ import annotations

import base64
import io
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from deepfake import evidence, imaging
from deepfake.detector import FaceReport, Report
from deepfake.errors import DeepfakeError, LimitError, ModelError
from deepfake.web import drawing, wording
from deepfake.web.about import about
from deepfake.web.admission import Admission
from deepfake.web.choices import Choices

THUMBNAIL_SIDE = 96
EVIDENCE_SIDE = 448
# Visitors between the two steps of choosing a model.
COUNTED = 500
# Gradio rounds the bars to whole percents, and no verdict is certain.
LOWEST_BAR, HIGHEST_BAR = 0.01, 0.99
NOTHING = "Choose a photo first: drop it on the page, paste it, or take one of the examples."


@dataclass(frozen=True)
class Session:
    """What the server remembers of a visitor between two events, in memory only.

    Attributes:
        report: Report. Of the latest picture.
        shown: bytes. A JPEG of that picture, made small enough to show; as pixels, a thousand
            visitors' would fill the memory of a small server.
        share: float. Its size as a share of the original's.
        model: str. Label of the model that judged it.
    """

    report: Report
    shown: bytes
    share: float
    model: str | None

    def marked(self, face: int) -> np.ndarray:
        """The picture with its faces marked, one of them as selected."""
        pixels = np.asarray(Image.open(io.BytesIO(self.shown)))
        return drawing.mark_faces(pixels, self.share, self.report.faces, face)


class Analyser:
    """The handlers, around models that all visitors share.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the analyses.
    """

    def __init__(self, choices: Choices, admission: Admission):
        self.choices = choices
        self.admission = admission
        # Loads of a typed model that were counted, and go on to the analysis they were made for.
        # Bounded: a visitor who leaves in between never comes for it.
        self._counted: deque[tuple[str | None, str | None]] = deque(maxlen=COUNTED)

    def analyse(
        self,
        photo: str | None,
        threshold: float,
        model: str | None,
        request: gr.Request | None = None,
        # Gradio sends progress only for handlers with such a default.
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Judge the photo. Over the limit, what the page shows stays as it is.

        Returns:
            (session, verdict, bars, details, picture, faces, evidence, look, meaning, history row).
        """
        try:
            if photo:
                self.admission.admit(request)
        except LimitError as error:
            gr.Warning(str(error), title=wording.REFUSED)
            # No row: the history already has the result that stays.
            return (*(gr.skip() for _ in range(9)), None)
        return self._judge(photo, threshold, model, progress)

    def _judge(
        self, photo: str | None, threshold: float, model: str | None, progress: gr.Progress
    ) -> tuple[Any, ...]:
        try:
            if not self.choices.is_ready(model):
                progress(0.1, desc="Loading the model")
            detector = self.choices.detector(model)
        except ModelError as error:
            return self._failure(str(error), threshold, model, wording.UNUSABLE_MODEL)
        if not photo:
            return self._failure(NOTHING, threshold, model, wording.NO_PHOTO)
        progress(0.3, desc="Looking for faces")
        try:
            picture = imaging.read(photo, detector.settings)
            report = detector.detect(picture, file=Path(photo).name).at(threshold)
        except DeepfakeError as error:
            return self._failure(str(error), threshold, model)
        shown, share = drawing.shrink(picture.pixels)
        session = Session(report, _jpeg(shown, quality=92), share, model)
        row = _history_row(report, shown, picture.sha256)
        return (session, *self._present(session, 0), row)

    def choose_model(
        self,
        model: str | None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Another model: (session, threshold, meaning, about).

        The result of the model before goes, so that its scores are not shown as this one's.
        """
        try:
            if not self._costs_nothing(model):
                self.admission.admit(request)
                self._note_counted(model, request)
            if not self.choices.is_ready(model):
                progress(0.1, desc="Loading the model")
            loaded = self.choices.detector(model).model
        except LimitError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except ModelError as error:
            return None, gr.skip(), "", wording.plain(wording.for_visitors(str(error)))
        threshold = loaded.manifest.threshold
        return None, threshold, wording.meaning(loaded.manifest, threshold), about(loaded)

    def analyse_again(
        self,
        photo: str | None,
        threshold: float,
        model: str | None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Judge the photo, if there is one, with the model just chosen, as in `analyse`."""
        counted = self._take_counted(model, request)
        try:
            if not counted and (photo or not self._costs_nothing(model)):
                self.admission.admit(request)
            self.choices.detector(model)
        except LimitError as error:
            # The result that is shown is the model's before.
            return self._failure(str(error), threshold, model, wording.REFUSED)
        except ModelError as error:
            return self._failure(str(error), threshold, model, wording.UNUSABLE_MODEL)
        if not photo:
            return self.forget(threshold, model)
        return self._judge(photo, threshold, model, progress)

    def decide_again(
        self, session: Session | None, threshold: float, face: int | None, model: str | None
    ) -> Any:
        """Another threshold, the same scores: (session, verdict, picture, faces, meaning)."""
        if session is None:
            explanation = self._meaning(threshold, model)
            return gr.skip(), gr.skip(), gr.skip(), gr.skip(), explanation
        face = min(face or 0, max(0, len(session.report.faces) - 1))
        session = replace(session, report=session.report.at(threshold))
        return (
            session,
            wording.verdict_panel(session.report),
            session.marked(face),
            _choices(session.report, face),
            wording.meaning(session.report.manifest, threshold),
        )

    def forget(self, threshold: float, model: str | None) -> tuple[Any, ...]:
        """The photo was removed: everything as at the start, in the order of `analyse`."""
        return (None, wording.WELCOME, *self._failure("", threshold, model)[2:])

    def look(
        self,
        session: Session | None,
        face: int | None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Work out what a model without built-in map looked at: (session, evidence, look)."""
        index = face or 0
        if session is None or index >= len(session.report.faces):
            return gr.skip(), gr.skip(), gr.skip()
        try:
            # It runs the model more often than an analysis does.
            self.admission.admit(request)
            progress(0.2, desc="Hiding one place of the face after another")
            detector = self.choices.detector(session.model)
            chosen = session.report.faces[index]
            chosen = replace(chosen, evidence=detector.explain(chosen))
        except DeepfakeError as error:
            raise gr.Error(wording.for_visitors(str(error)), print_exception=False) from error
        faces = list(session.report.faces)
        faces[index] = chosen
        report = replace(session.report, faces=tuple(faces))
        return replace(session, report=report), *_evidence(chosen)

    def choose_face(self, session: Session | None, face: int | None) -> tuple[Any, ...]:
        """Another face: (picture, evidence, look)."""
        if session is None or face is None or face >= len(session.report.faces):
            return gr.skip(), gr.skip(), gr.skip()
        return session.marked(face), *_evidence(session.report.faces[face])

    def click_picture(self, session: Session | None, event: gr.SelectData) -> Any:
        """A click on a face of the picture: (number of the face, picture, evidence, look)."""
        if session is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        x, y = event.index[:2]
        hit = drawing.face_at(x, y, session.share, session.report.faces)
        return gr.skip() if hit is None else hit, *self.choose_face(session, hit)

    def predict(self, photo: str, model: str | None = None) -> dict[str, float]:
        """The label-to-confidence dict of a photo, for programs."""
        return self._detect_for_program(photo, model).labels()

    def detect(self, photo: str, model: str | None = None) -> dict[str, Any]:
        """The full Report of a photo, for programs."""
        return self._detect_for_program(photo, model).to_dict()

    def for_programs(self, handler: Any) -> Any:
        """Wrap a handler so that programs get our sentence as the error."""

        def endpoint(
            photo: str | None, request: gr.Request | None, model: str | None = None
        ) -> dict[str, Any]:
            try:
                if not photo:
                    raise DeepfakeError("No picture was sent. Pass one with handle_file(path).")
                self.admission.admit(request)
                result: dict[str, Any] = handler(photo, model)
                return result
            except DeepfakeError as error:
                raise gr.Error(wording.for_visitors(str(error)), print_exception=False) from error

        endpoint.__doc__ = handler.__doc__
        return endpoint

    def _detect_for_program(self, photo: str, model: str | None) -> Report:
        return self.choices.detector(model).detect(photo, file=Path(photo).name)

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

    def _meaning(self, threshold: float, model: str | None) -> str:
        try:
            if not self._costs_nothing(model):
                return ""
            return wording.meaning(self.choices.manifest(model), threshold)
        except ModelError:
            return ""  # the panel above says what is wrong with the model

    def _present(self, session: Session, face: int) -> tuple[Any, ...]:
        report = session.report
        bars = None if report.p_fake is None else _bars(report.labels())
        return (
            wording.verdict_panel(report),
            gr.update(value=bars, visible=bars is not None),
            gr.update(visible=True),
            session.marked(face),
            _choices(report, face),
            *_evidence(report.faces[face] if report.faces else None),
            wording.meaning(report.manifest, report.threshold),
        )

    def _failure(
        self,
        message: str,
        threshold: float,
        model: str | None,
        heading: str = wording.UNREADABLE_FILE,
    ) -> tuple[Any, ...]:
        return (
            None,
            wording.error_panel(message, heading),
            gr.update(value=None, visible=False),
            gr.update(visible=False),
            None,
            gr.update(choices=[], value=None, visible=False),
            gr.update(value=None, visible=False),
            gr.update(visible=False),
            "" if heading == wording.UNUSABLE_MODEL else self._meaning(threshold, model),
            None,
        )


def _bars(labels: dict[str, float]) -> dict[str, float]:
    return {word: min(max(share, LOWEST_BAR), HIGHEST_BAR) for word, share in labels.items()}


def _choices(report: Report, face: int) -> Any:
    choices = [(drawing.tag(i + 1, f), i) for i, f in enumerate(report.faces)]
    return gr.update(choices=choices, value=face if choices else None, visible=len(choices) > 1)


def _evidence(face: FaceReport | None) -> tuple[Any, Any]:
    """(the evidence, the button that works it out where the model has none built in)."""
    if face is None or face.crop is None or face.evidence is None:
        slow = face is not None and face.crop is not None
        return gr.update(value=None, visible=False), gr.update(visible=slow)
    pair = (face.crop, evidence.overlay(face.crop, face.evidence))
    enlarged = tuple(drawing.as_in_picture(side, face.turn, EVIDENCE_SIDE) for side in pair)
    return gr.update(value=enlarged, visible=True), gr.update(visible=False)


def _history_row(report: Report, shown: np.ndarray, sha256: str) -> dict[str, Any]:
    """What the browser keeps of a result. The server keeps nothing of it."""
    thumbnail = Image.fromarray(shown)
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    encoded = base64.b64encode(_jpeg(np.asarray(thumbnail), quality=70)).decode()
    return {
        "file": report.file,
        "sha256": sha256,
        "verdict": report.verdict,
        "sentence": report.sentence,
        "p_fake": report.p_fake,
        "threshold": report.threshold,
        "faces": len(report.faces),
        "model": f"{report.model['name']} {report.model['version']}",
        "thumbnail": f"data:image/jpeg;base64,{encoded}",
    }


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    return data.getvalue()
