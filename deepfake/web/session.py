"""What the server remembers of a visitor between two events."""

from __future__ import annotations

from dataclasses import dataclass

from deepfake import jpeg
from deepfake.documents import PicturesDocument
from deepfake.report import Report
from deepfake.web.marked import marked
from deepfake.web.previews import UNSHOWN

SESSION_SECONDS = 3600
# Visitors whose latest result is kept in memory at the same time; up to a few MB each.
SESSIONS = 500


@dataclass(frozen=True)
class Kept:
    """Pictures of a result as a browser keeps them.

    Attributes:
        pictures: PicturesDocument. For its report.
        thumbnail: str. For the list; its own address.
    """

    pictures: PicturesDocument
    thumbnail: str


@dataclass(frozen=True)
class Session:
    """The latest result of a visitor, in memory only.

    Attributes:
        report: Report. Of the latest picture.
        shown: bytes. A JPEG of that picture, made small enough to show; as pixels, a thousand
            visitors' would fill the memory of a small server.
        kept: Kept. What the visitor's browser keeps of it, whatever the threshold is.
        model: str. Label of the model that judged it.
        ticket: str. Of the photo that it is about, see `intake`.
    """

    report: Report
    shown: bytes
    kept: Kept
    model: str | None
    ticket: str = ""

    @property
    def preview(self) -> str:
        """Address of the JPEG where it alone can be shown; "" for others, and beside boxes."""
        hidden = self.report.format in UNSHOWN and not self.report.faces
        return jpeg.address_of(self.shown) if hidden else ""

    def marked(self, face: int) -> str:
        """The picture with its faces marked, one of them as selected, as HTML."""
        return marked(self.shown, self.report, face)
