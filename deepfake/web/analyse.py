"""Event handlers of the picture tab. They know nothing of the layout but the order of outputs."""

from __future__ import annotations

import base64
import io
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from deepfake import evidence, imaging
from deepfake.detector import Detector, FaceReport, Report
from deepfake.errors import DeepfakeError
from deepfake.web import drawing, wording

THUMBNAIL_SIDE = 96
EVIDENCE_SIDE = 448
NOTHING = "Choose a photo first: drop it on the page, paste it, or take one of the examples."


@dataclass(frozen=True)
class Session:
    """What the server remembers of a visitor between two events, in memory only.

    Attributes:
        report: Report. Of the latest picture.
        shown: bytes. A JPEG of that picture, made small enough to show; as pixels, a thousand
            visitors' would fill the memory of a small server.
        share: float. Its size as a share of the original's.
    """

    report: Report
    shown: bytes
    share: float

    def marked(self, face: int) -> np.ndarray:
        """The picture with its faces marked, one of them as selected."""
        pixels = np.asarray(Image.open(io.BytesIO(self.shown)))
        return drawing.mark_faces(pixels, self.share, self.report.faces, face)


class Analyser:
    """The handlers, around one Detector that all visitors share.

    Args:
        detector: Detector. Is run once in the background, so that the first visitor does not wait.
    """

    def __init__(self, detector: Detector):
        self.detector = detector
        self._warm = threading.Event()
        threading.Thread(target=self._warm_up, daemon=True).start()

    def analyse(
        self,
        photo: str | None,
        threshold: float,
        # Gradio sends progress only for handlers with such a default.
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Judge the photo.

        Returns:
            (session, verdict, bars, details, picture, faces, evidence, meaning, history row).
        """
        if not photo:
            return self._failure(NOTHING, threshold)
        if not self._warm.is_set():
            progress(0.1, desc="Warming up the model")
            self._warm.wait(timeout=60)
        progress(0.3, desc="Looking for faces")
        try:
            picture = imaging.read(photo, self.detector.settings)
            report = self.detector.detect(picture, file=Path(photo).name).at(threshold)
        except DeepfakeError as error:
            return self._failure(str(error), threshold)
        shown, share = drawing.shrink(picture.pixels)
        session = Session(report, _jpeg(shown, quality=92), share)
        row = _history_row(report, shown, picture.sha256)
        return (session, *self._present(session, 0), row)

    def decide_again(self, session: Session | None, threshold: float, face: int | None) -> Any:
        """Another threshold, the same scores: (session, verdict, picture, faces, meaning)."""
        explanation = wording.meaning(self.detector.model.manifest, threshold)
        if session is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip(), explanation
        face = min(face or 0, max(0, len(session.report.faces) - 1))
        session = Session(session.report.at(threshold), session.shown, session.share)
        return (
            session,
            wording.verdict_panel(session.report),
            session.marked(face),
            _choices(session.report, face),
            explanation,
        )

    def forget(self, threshold: float) -> tuple[Any, ...]:
        """The photo was removed: everything as at the start, in the order of `analyse`."""
        return (None, wording.WELCOME, *self._failure("", threshold)[2:])

    def choose_face(self, session: Session | None, face: int | None) -> tuple[Any, Any]:
        """Another face: (picture, evidence)."""
        if session is None or face is None or face >= len(session.report.faces):
            return gr.skip(), gr.skip()
        return session.marked(face), _evidence(session.report.faces[face])

    def click_picture(self, session: Session | None, event: gr.SelectData) -> Any:
        """A click on a face of the picture: (number of the face, picture, evidence)."""
        if session is None:
            return gr.skip(), gr.skip(), gr.skip()
        x, y = event.index[:2]
        hit = drawing.face_at(x, y, session.share, session.report.faces)
        return gr.skip() if hit is None else hit, *self.choose_face(session, hit)

    def predict(self, photo: str) -> dict[str, float]:
        """The label-to-confidence dict of a photo, for programs."""
        return self._detect_for_program(photo).labels()

    def detect(self, photo: str) -> dict[str, Any]:
        """The full Report of a photo, for programs."""
        return self._detect_for_program(photo).to_dict()

    def for_programs(self, handler: Any) -> Any:
        """Wrap a handler so that programs get our sentence as the error."""

        def endpoint(photo: str | None) -> dict[str, Any]:
            try:
                if not photo:
                    raise DeepfakeError("No picture was sent. Pass one with handle_file(path).")
                result: dict[str, Any] = handler(photo)
                return result
            except DeepfakeError as error:
                raise gr.Error(str(error), print_exception=False) from error

        endpoint.__doc__ = handler.__doc__
        return endpoint

    def _detect_for_program(self, photo: str) -> Report:
        return self.detector.detect(photo, file=Path(photo).name)

    def _warm_up(self) -> None:
        try:
            self.detector.detect(np.zeros((64, 64, 3), np.uint8))
        finally:
            self._warm.set()

    def _present(self, session: Session, face: int) -> tuple[Any, ...]:
        report = session.report
        bars = None if report.p_fake is None else report.labels()
        return (
            wording.verdict_panel(report),
            gr.update(value=bars, visible=bars is not None),
            gr.update(visible=True),
            session.marked(face),
            _choices(report, face),
            _evidence(report.faces[face] if report.faces else None),
            wording.meaning(self.detector.model.manifest, report.threshold),
        )

    def _failure(self, message: str, threshold: float) -> tuple[Any, ...]:
        return (
            None,
            wording.error_panel(message),
            gr.update(value=None, visible=False),
            gr.update(visible=False),
            None,
            gr.update(choices=[], value=None, visible=False),
            gr.update(value=None, visible=False),
            wording.meaning(self.detector.model.manifest, threshold),
            None,
        )


def _choices(report: Report, face: int) -> Any:
    choices = [(drawing.tag(i + 1, f), i) for i, f in enumerate(report.faces)]
    return gr.update(choices=choices, value=face if choices else None, visible=len(choices) > 1)


def _evidence(face: FaceReport | None) -> Any:
    if face is None or face.crop is None or face.evidence is None:
        return gr.update(value=None, visible=False)
    pair = (face.crop, evidence.overlay(face.crop, face.evidence))
    size = (EVIDENCE_SIDE, EVIDENCE_SIDE)
    enlarged = tuple(
        np.asarray(Image.fromarray(side).resize(size, Image.Resampling.BICUBIC)) for side in pair
    )
    return gr.update(value=enlarged, visible=True)


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
