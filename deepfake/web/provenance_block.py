"""What the file says of where it comes from, as a block of the page."""

from __future__ import annotations

from html import escape

from deepfake.provenance.words import NOTHING_MEANT, facts
from deepfake.report import Report


def provenance_block(report: Report | None) -> str:
    """The facts as HTML, apart from the score; open where something contradicts.

    Args:
        report: Report. With its provenance; None, or without, for nothing.
    """
    if report is None or report.provenance is None:
        return ""
    rows = facts(report.provenance, report.verdict)
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    opened = " open" if report.provenance.contradictions(report.verdict) else ""
    return (
        f'<details class="provenance"{opened}><summary>What the file says of where it comes from'
        f'</summary><dl>{listed}</dl><p class="caption">{escape(NOTHING_MEANT)}</p></details>'
    )
