"""The report as one page that needs no other file and no network."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from deepfake import figures
from deepfake.evaluation.document import EvaluationReport
from deepfake.formatting import interval, number, percent

TEMPLATE = "report.html.jinja"
# More are in scores.csv.
LISTED_FILES = 50


def page(document: EvaluationReport, folder: Path) -> str:
    """Make the page.

    Args:
        document: EvaluationReport.
        folder: Path. Holds the figures that it names; they are put into the page.

    Returns:
        HTML.
    """
    environment = Environment(
        loader=PackageLoader("deepfake.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, number=number, interval=interval)
    images = [
        {
            "title": drawing.title,
            "data": base64.b64encode((folder / drawing.file).read_bytes()).decode("ascii"),
        }
        for drawing in document.figures
    ]
    return environment.get_template(TEMPLATE).render(
        report=document, images=images, listed=LISTED_FILES, figures=figures
    )
