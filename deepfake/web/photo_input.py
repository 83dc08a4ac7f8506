"""Gradio's image component, without its opening of files before our handlers run.

Gradio's own `preprocess` gives every upload to Pillow first: without our limits, and with a bare
"Error" for a file that is no picture. This one hands the path on; Gradio has checked before that
the path lies in its upload folder. Addresses are refused: Gradio would download whatever a program
names, of any size, into memory. And what does not fit is said without its name: Gradio would write
the path of a photo that is not here, with a traceback, into the log.
"""

from __future__ import annotations

from abc import ABCMeta
from pathlib import Path
from typing import Any, cast

import gradio as gr
from gradio.exceptions import InvalidPathError

GONE = "The photo is no longer here. Please choose it again."
UNFIT = "This request does not fit. Send a photo that was uploaded, such as with handle_file(path)."


def keep_names_private(page: gr.Blocks) -> None:
    """Make the page answer inputs that it cannot take with a sentence, and log nothing of them.

    A photo is gone for a visitor whose tab outlived the process that has got it: after a restart,
    or at another replica.

    Args:
        page: gradio.Blocks. The checks are Gradio's own, and come before any code of a component.
    """
    take = page.preprocess_data

    async def preprocess_data(*arguments: Any, **options: Any) -> Any:
        try:
            return await take(*arguments, **options)
        except gr.Error as error:
            # Also Gradio's own, such as of a number out of range: nothing for the log.
            error.print_exception = False
            raise
        except (InvalidPathError, OSError):
            raise gr.Error(GONE, print_exception=False) from None
        except (ValueError, TypeError, AttributeError, LookupError):
            raise gr.Error(UNFIT, print_exception=False) from None

    page.preprocess_data = preprocess_data


def _path(_component: gr.Image, payload: Any) -> str | None:
    if not payload:
        return None
    path: str = payload.path
    # Swept, in a tab that was left open.
    if not Path(path).is_file():
        raise gr.Error(GONE, print_exception=False)
    return path


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
