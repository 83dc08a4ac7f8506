"""Gradio's image component, without its opening of files before our handlers run.

Gradio's own `preprocess` gives every upload to Pillow first: without our limits, and with a bare
"Error" for a file that is no picture. This one hands the path on; Gradio has checked before that
the path lies in its upload folder. Addresses are refused: Gradio would download whatever a program
names, of any size, into memory.
"""

from __future__ import annotations

from abc import ABCMeta
from typing import Any, cast

import gradio as gr


def _path(_component: gr.Image, payload: Any) -> str | None:
    return payload.path if payload else None


async def _refuse_addresses(component: gr.Image, resource: str | None) -> str | None:
    if resource and resource.lower().startswith(("http://", "https://")):
        raise gr.Error("Send the picture itself, not its address.", print_exception=False)
    moved: str | None = await gr.Image.async_move_resource_to_block_cache(component, resource)
    return moved


# Gradio's metaclass writes a .pyi file beside the source of each component class; its own base
# makes the same class and leaves the folder alone. A subclass, since Gradio makes new instances
# of a component for each session. `is_template` lets it use the base's name in the browser.
PhotoInput = cast(
    type[gr.Image],
    ABCMeta.__new__(
        type(gr.Image),
        "PhotoInput",
        (gr.Image,),
        {
            "__module__": __name__,
            "is_template": True,
            "preprocess": _path,
            "async_move_resource_to_block_cache": _refuse_addresses,
        },
    ),
)
