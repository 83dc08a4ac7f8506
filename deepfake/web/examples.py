"""The example photos."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

import gradio as gr
from PIL import Image, ImageOps
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from deepfake import jpeg
from deepfake.web.placed import placed
from deepfake.web.texts import has, say

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ADDRESS = "/examples"
KINDS = ("real", "fake", "no_face")
FACELESS = ("coffee",)
# Twice as many pixels as are shown, for sharp screens.
THUMBNAIL_SIDE = 112


def example_photos() -> list[Path]:
    """The files; none where the package was installed without them."""
    return sorted(path for path in EXAMPLES.glob("*") if path.suffix in (".jpg", ".png"))


def examples(name: str) -> gr.HTML | None:
    """Lay buttons for the example photos out, if there are any.

    The script takes what has `data-example`, an address of this page, as it takes any photo.

    Args:
        name: str. What the page's style calls them.
    """
    photos = example_photos()
    if not photos:
        return None
    groups = "".join(
        f'<div role="group" aria-label="{placed(say, f"examples.{kind}")}">'
        f"<p>{placed(say, f'examples.{kind}')}</p>{''.join(buttons)}</div>"
        for kind in KINDS
        if (buttons := [_button(path) for path in photos if _kind(path) == kind])
    )
    return gr.HTML(
        f'<p>{placed(say, "examples.title")}</p><div class="examples">{groups}</div>', elem_id=name
    )


def _button(path: Path) -> str:
    thumbnail = ImageOps.fit(Image.open(path).convert("RGB"), (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    known = has("example", path.stem)
    title = placed(say, f"example.{path.stem}") if known else escape(path.stem.replace("_", " "))
    return (
        f'<button type="button" data-example="{ADDRESS}/{quote(path.name)}" title="{title}">'
        f'<img src="{jpeg.address(thumbnail, 80)}" alt="{title}"></button>'
    )


def _kind(path: Path) -> str:
    """What `examples/README.md` says of it, by its name."""
    if path.stem in FACELESS:
        return "no_face"
    return "fake" if path.stem.startswith("fake_") else "real"


def example_routes() -> list[Mount]:
    """Where the example photos are fetched from."""
    if not example_photos():
        return []
    return [Mount(ADDRESS, StaticFiles(directory=EXAMPLES))]
