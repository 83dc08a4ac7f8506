"""The example photos."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def examples_for(photo: gr.Image, name: str) -> gr.Examples | None:
    """Lay the example photos out; none where the package was installed without them.

    Args:
        photo: gradio.Image. Where they are put.
        name: str. What the page's style calls them.
    """
    paths = sorted(path for path in EXAMPLES.glob("*") if path.suffix in (".jpg", ".png"))
    if not paths:
        return None
    return gr.Examples(
        [[str(path)] for path in paths], [photo], label="Examples", elem_id=name,
        example_labels=[path.stem.replace("_", " ").title() for path in paths],
        api_visibility="private",
    )  # fmt: skip
