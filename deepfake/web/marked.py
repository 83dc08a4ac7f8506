"""The photo with a box around each face, as HTML that the browser scales."""

from __future__ import annotations

from html import escape

from deepfake import jpeg
from deepfake.report import Report
from deepfake.web.texts import say


def marked(shown: bytes, report: Report, selected: int) -> str:
    """Lay boxes over the photo; a click on one chooses its face (`assets/result.js`).

    The list of faces beside it says the same to those who cannot see or click the boxes.

    Args:
        shown: bytes. The photo as a JPEG.
        report: Report. Of the photo; its boxes count the original's pixels.
        selected: int. Index of the face whose evidence is shown.

    Returns:
        HTML; "" for a photo without faces.
    """
    if not report.faces:
        return ""
    boxes = []
    # Small boxes lie above large ones, or they could not be clicked.
    for index, face in enumerate(report.faces):
        left, top, right, bottom = face.box
        place = (
            f"left:{100 * left / report.width:.2f}%;top:{100 * top / report.height:.2f}%;"
            f"width:{100 * (right - left) / report.width:.2f}%;"
            f"height:{100 * (bottom - top) / report.height:.2f}%"
        )
        number = f"<b>{index + 1}</b>" if len(report.faces) > 1 else ""
        chosen = " chosen" if index == selected else ""
        boxes.append(
            f'<span class="box box-{face.verdict}{chosen}" style="{place}" data-face="{index}">'
            f"{number}</span>"
        )
    return (
        f'<figure class="marked"><img src="{jpeg.address_of(shown)}" '
        f'alt="{escape(say("photo.faces_alt"))}"><span aria-hidden="true">{"".join(boxes)}</span>'
        "</figure>"
    )
