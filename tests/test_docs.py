"""Documents that are written from the program must say what it says."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_command_line_is_documented_as_it_is():
    text = runpy.run_path(str(DOCS / "make_cli.py"))["text"]()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == text, "run: python docs/make_cli.py"
    assert "## `deepfake evaluate`" in text and "## `deepfake data check`" in text
