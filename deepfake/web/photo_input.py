"""Gradio's image component, without its opening of files before our handlers run.

Gradio's own `preprocess` gives every upload to Pillow first: without our limits, and with a bare
"Error" for a file that is no picture. This one hands the path on. Gradio has checked before that
the path lies in its upload folder.
"""

from __future__ import annotations

from abc import ABCMeta
from typing import Any, cast

import gradio as gr


def _path(_component: gr.Image, payload: Any) -> str | None:
    return payload.path if payload else None


# Gradio's metaclass writes a .pyi file beside the source of each component class; its own base
# makes the same class and leaves the folder alone. A subclass, since Gradio makes new instances
# of a component for each session. `is_template` lets it use the base's name in the browser.
PhotoInput = cast(
    type[gr.Image],
    ABCMeta.__new__(
        type(gr.Image),
        "PhotoInput",
        (gr.Image,),
        {"__module__": __name__, "is_template": True, "preprocess": _path},
    ),
)
