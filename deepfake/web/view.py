"""What the handlers of a tab change: its components by name, and how a result is put into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from deepfake.comparison import Comparison
from deepfake.report import FaceReport, Report
from deepfake.web import drawing, wording
from deepfake.web.adjust import meaning
from deepfake.web.comparison_panel import comparison_panel
from deepfake.web.intake import ticketed
from deepfake.web.provenance_block import provenance_block
from deepfake.web.session import Session

EVIDENCE_SIDE = 448

# {component: value}, as Gradio takes it from a handler: what is not named stays as it is.
Changes = dict[Any, Any]


def stays() -> Changes:
    """Nothing changes. An empty dictionary would be taken for a value."""
    changes: Changes = gr.skip()
    return changes


@dataclass(frozen=True)
class PhotoView:
    """The photo tab.

    Attributes:
        session: holds a Session, on the server.
        row: hands what the browser keeps of a result over to it.
        made: hands a report that is to be saved over to it. Not in what is shown and hidden with a
            result: Gradio then shows it, too.
        threshold: the threshold, which each model brings along.
        card: what is known of the model, in a tab of its own.
        verdict: the verdict in words, or why there is none.
        picture: the photo with its faces marked, in the photo's place.
        details: holds what follows.
        face: the face whose evidence is shown.
        evidence: the face beside what spoke for its score.
        look: works the evidence out, where the model has none built in.
        strip: whether the verdict holds where the face is changed a little.
        provenance: what the file says of where it comes from.
        meaning: what the threshold means.
    """

    session: gr.State
    row: gr.JSON
    made: gr.JSON
    threshold: gr.Slider
    card: gr.Markdown
    verdict: gr.HTML
    picture: gr.HTML
    details: gr.Column
    face: gr.Radio
    evidence: gr.ImageSlider
    look: gr.Button
    strip: gr.HTML
    provenance: gr.HTML
    meaning: gr.HTML

    @property
    def result(self) -> list[Any]:
        """All that a result fills."""
        return [
            self.session, self.verdict, self.details, self.picture, self.face, self.evidence,
            self.look, self.strip, self.provenance, self.meaning, self.row,
        ]  # fmt: skip

    def show(self, session: Session, row: list[str]) -> Changes:
        """A new result, with the face chosen that decided it."""
        report = session.report
        face = report.deciding or 0
        return {
            **self.show_verdict(session, face),
            self.details: gr.update(visible=report.p_fake is not None),
            **self._show_evidence(report.faces[face] if report.faces else None),
            self.row: row,
        }

    def show_verdict(self, session: Session, face: int) -> Changes:
        """What the threshold decides."""
        report = session.report
        return {
            self.session: session,
            self.verdict: ticketed(wording.verdict_panel(report), session.ticket, session.preview),
            self.picture: session.marked(face),
            self.provenance: provenance_block(report),
            self.face: _choices(report, face),
            self.meaning: meaning(report.manifest, report.threshold, report),
        }

    def show_face(self, session: Session, face: int) -> Changes:
        """Another face."""
        return {
            self.picture: session.marked(face),
            **self._show_evidence(session.report.faces[face]),
        }

    def show_look(self, session: Session, face: int) -> Changes:
        """Evidence of a face that has just been worked out."""
        return {self.session: session, **self._show_evidence(session.report.faces[face])}

    def show_nothing(self, panel: str, figures: str, ticket: str) -> Changes:
        """No result.

        Args:
            panel: str. HTML that says why.
            figures: str. HTML on how often a verdict would be wrong.
            ticket: str. Of the photo, or of its removal.
        """
        return {
            self.session: None,
            self.verdict: ticketed(panel, ticket),
            self.details: gr.update(visible=False),
            self.picture: "",
            self.face: gr.update(choices=[], value=None, visible=False),
            **self._show_evidence(None),
            self.provenance: "",
            self.meaning: figures,
            self.row: None,
        }

    def _show_evidence(self, face: FaceReport | None) -> Changes:
        """The evidence, or the button for it; a face that was not judged has neither."""
        value, judged = None, face is not None and face.crop is not None
        if face is not None and face.crop is not None and face.overlay is not None:
            value = tuple(
                drawing.as_in_picture(side, face.turn, EVIDENCE_SIDE, face.proportion)
                for side in (face.crop, face.overlay)
            )
        return {
            self.evidence: gr.update(value=value, visible=value is not None),
            self.look: gr.update(visible=judged and value is None),
            self.strip: wording.strip(face),
        }


@dataclass(frozen=True)
class ComparisonView:
    """The tab "Compare models".

    Attributes:
        session: holds a Comparison and its photo's ticket, on the server.
        comparison: the comparison, or why there is none.
        look: works out the heat maps that no model has built in.
    """

    session: gr.State
    comparison: gr.HTML
    look: gr.Button

    @property
    def result(self) -> list[Any]:
        """All that a result fills."""
        return [self.session, self.comparison, self.look]

    def show(self, comparison: Comparison, ticket: str, preview: str = "") -> Changes:
        """A new result."""
        return {
            self.session: (comparison, ticket),
            self.comparison: ticketed(comparison_panel(comparison), ticket, preview),
            self.look: gr.update(visible=any(row.lacks_map for row in comparison.rows)),
        }

    def show_nothing(self, ticket: str, panel: str = "") -> Changes:
        """No result; the panel, as HTML, says why. Defaults to the welcome."""
        panel = panel or wording.welcome("compare_welcome")
        return {
            self.session: None,
            self.comparison: ticketed(panel, ticket),
            self.look: gr.update(visible=False),
        }


def _choices(report: Report, face: int) -> Any:
    """The faces, the one that decides first; numbered as on the picture."""
    first = report.deciding or 0
    order = sorted(range(len(report.faces)), key=lambda index: index != first)
    choices = [(wording.face_name(report, index), index) for index in order]
    return gr.update(choices=choices, value=face if choices else None, visible=len(choices) > 1)
