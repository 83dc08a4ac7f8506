"""The example photos."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import gradio as gr
from PIL import Image
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from deepfake import jpeg
from deepfake.web.placed import placed
from deepfake.web.texts import say

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ADDRESS = "/examples"
# By what they are, the plainest first, with the square that is shown: left, top, side. Whole photos
# of one person would look alike.
KINDS = {
    "real": {
        "eileen_collins.png": (147, 45, 155), "daniel_inouye.jpg": (5, 45, 190),
        "sheila_jackson_lee.jpg": (30, 55, 165), "elijah_cummings.jpg": (30, 40, 195),
        "grace_hopper.jpg": (148, 110, 240),
    },
    "swap": {
        "fake_swap_hopper.jpg": (148, 110, 240), "fake_swap_collins.jpg": (147, 45, 155),
        "fake_self_blend_collins.jpg": (147, 45, 155),
    },
    "no_face": {"coffee.png": (100, 0, 400)},
}  # fmt: skip
# Twice as many pixels as are shown, for sharp screens.
THUMBNAIL_SIDE = 128


def example_photos() -> list[Path]:
    """The files; none where the package was installed without them."""
    files = [EXAMPLES / photo for photos in KINDS.values() for photo in photos]
    return files if all(file.is_file() for file in files) else []


def examples(name: str) -> gr.HTML | None:
    """Lay buttons for the example photos out, if there are any.

    The script takes what has `data-example`, an address of this page, as it takes any photo.

    Args:
        name: str. What the page's style calls them.
    """
    if not example_photos():
        return None
    groups = "".join(
        f'<div role="group" aria-label="{placed(say, f"examples.{kind}")}">'
        f"<p>{placed(say, f'examples.{kind}')}</p>"
        f"{''.join(_button(EXAMPLES / photo, square) for photo, square in photos.items())}</div>"
        for kind, photos in KINDS.items()
    )
    return gr.HTML(
        f'<p>{placed(say, "examples.title")}</p><div class="examples">{groups}</div>', elem_id=name
    )


def _button(path: Path, square: tuple[int, int, int]) -> str:
    left, top, side = square
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    face = Image.open(path).convert("RGB").resize(size, box=(left, top, left + side, top + side))
    title = placed(say, f"example.{path.stem}")
    return (
        f'<button type="button" data-example="{ADDRESS}/{quote(path.name)}" title="{title}">'
        f'<img src="{jpeg.address(face, 80)}" alt="{title}"></button>'
    )


def example_routes() -> list[Mount]:
    """Where the example photos are fetched from."""
    if not example_photos():
        return []
    return [Mount(ADDRESS, StaticFiles(directory=EXAMPLES))]
