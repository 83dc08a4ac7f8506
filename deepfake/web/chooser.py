"""The visitor's choice of a language."""

from __future__ import annotations

import gradio as gr

from deepfake.web.language import CATALOGUES
from deepfake.web.placed import placed
from deepfake.web.texts import say


def chooser() -> gr.HTML:
    """Lay it out: links to this page in each language, named as its own readers call it."""
    links = "".join(
        f'<li><a href="?lang={tag}" lang="{tag}" hreflang="{tag}" '
        f'dir="{texts["language.direction"]}">{texts["language.name"]}</a></li>'
        for tag, texts in CATALOGUES.items()
    )
    return gr.HTML(
        f'<details><summary><span class="unseen">{placed(say, "page.language")}: </span>'
        f"{placed(say, 'language.name')}</summary><ul>{links}</ul></details>",
        elem_id="languages",
    )
