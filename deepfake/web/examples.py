"""The example photos."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

import gradio as gr
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ADDRESS = "/examples"


def example_photos() -> list[Path]:
    """The files; none where the package was installed without them."""
    return sorted(path for path in EXAMPLES.glob("*") if path.suffix in (".jpg", ".png"))


def examples(name: str) -> gr.HTML | None:
    """Lay buttons for the example photos out, if there are any.

    The script takes what has `data-example`, an address of this page, as it takes any photo.

    Args:
        name: str. What the page's style calls them.
    """
    buttons = "".join(
        f'<button type="button" data-example="{ADDRESS}/{quote(path.name)}">'
        f"{escape(path.stem.replace('_', ' ').title())}</button>"
        for path in example_photos()
    )
    if not buttons:
        return None
    return gr.HTML(f'<p>Examples</p><div class="examples">{buttons}</div>', elem_id=name)


def example_routes() -> list[Mount]:
    """Where the example photos are fetched from."""
    if not example_photos():
        return []
    return [Mount(ADDRESS, StaticFiles(directory=EXAMPLES))]
