"""A report as one page: opens from disk, asks nothing of any server, ready to be printed."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from deepfake.formatting import megabytes
from deepfake.version import __version__
from deepfake.video.film import film
from deepfake.video.frames import Frames
from deepfake.video.report import VideoReport
from deepfake.video.words import English

HERE = Path(__file__).parent


def page(report: VideoReport, frames: Frames) -> str:
    """Make the page.

    Args:
        report: VideoReport.
        frames: Frames. As the detector showed them (`VideoDetector.detect(watch=…)`).

    Returns:
        HTML.
    """
    style = asset("report.css") + asset("film.css")
    script = f"({asset('film.js')})();"
    environment = Environment(
        loader=PackageLoader("deepfake.video", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["size"] = megabytes
    return environment.get_template("report.html.jinja").render(
        report=report, film=film(report, frames, English()), style=style, script=script,
        version=__version__,
        # Only this very style and script are let in, and pictures that are in the page itself.
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{_hash(style)}'; "
        f"script-src 'sha256-{_hash(script)}'; base-uri 'none'; form-action 'none'",
    )  # fmt: skip


def asset(name: str) -> str:
    """A style or script of this room, for the page as well."""
    return (HERE / name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
