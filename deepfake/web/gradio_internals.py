"""All of Gradio that is private or patched here, and so may break with another version of it.

`tests/web/test_gradio_internals.py` has a test for each name: run that file first after an upgrade.
Gradio's elements, as the style and script in `assets/` find them, are held by the browser tests.
"""

from __future__ import annotations

import math
import re
from abc import ABCMeta
from pathlib import Path
from typing import Any, cast

import gradio as gr
import httpx
from gradio.exceptions import InvalidPathError
from gradio.route_utils import FnIndexInferError

# Where events come in. What has been accepted is fetched with GET.
EVENTS = re.compile(r"/gradio_api/(queue/join|call/.+)\Z", re.DOTALL)
# Those that Gradio runs at once; `api_open=False` leaves only what takes no time.
DIRECT = re.compile(r"/gradio_api/(run|api)/.+\Z", re.DOTALL)
UPLOADS = re.compile(r"/gradio_api/upload/?\Z")
# What else a page without further components is sent; some of the rest would stay on the disk.
OTHERS = re.compile(r"(/gradio_api/(reset|cancel)|/login)/?\Z")
# What events raise that name an endpoint, or a parameter, which the page does not have. Handlers
# raise nothing there: their errors are results.
MISFITS = (KeyError, TypeError, FnIndexInferError)

GONE = "The photo is no longer here. Please choose it again."
UNFIT = "This request does not fit. Send a photo that was uploaded, such as with handle_file(path)."
ADDRESS = "Send the picture itself, not its address."


class Queue:
    """What waits and runs.

    Args:
        blocks: gradio.Blocks. With its queue, which may be made anew later.
    """

    def __init__(self, blocks: gr.Blocks):
        self._blocks = blocks

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._blocks._queue)

    @property
    def running(self) -> int:
        """How many events run."""
        return int(self._blocks._queue.get_active_worker_count())

    def seconds_of_work(self) -> int:
        """How long those who wait take together, as far as that has been measured."""
        queue = self._blocks._queue
        longest = 0.0
        for line in list(queue.event_queue_per_concurrency_id.values()):
            times = queue.process_time_per_fn
            work = sum(times[event.fn].avg_time for event in list(line.queue) if event.fn in times)
            longest = max(longest, work / (line.concurrency_limit or queue.max_thread_count))
        return math.ceil(longest)


def is_out_of_reach(error: Exception) -> bool:
    """Whether `Blocks.launch` raised this because the page started, but cannot reach itself."""
    # A proxy that does not answer, one that answers with an error, and one with another page.
    return isinstance(error, httpx.TransportError) or bool(
        re.search("localhost is (not )?accessible", str(error))
    )


def keep_names_private(blocks: gr.Blocks) -> None:
    """Make a page answer inputs that it cannot take with a sentence, and log nothing of them.

    Gradio would write the path of a photo that is not here, with a traceback, into the log. A photo
    is gone for a visitor whose tab outlived the process that has got it: after a restart, or at
    another replica.

    Args:
        blocks: gradio.Blocks. The checks are Gradio's own, and come before any code of a component.
    """
    take = blocks.preprocess_data

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

    blocks.preprocess_data = preprocess_data


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
        raise gr.Error(ADDRESS, print_exception=False)
    moved: str | None = await gr.Image.async_move_resource_to_block_cache(component, resource)
    return moved


# Gradio's image component, without its opening of files before our handlers run: Gradio gives every
# upload to Pillow first, without our limits, and with a bare "Error" for a file that is no picture.
# This one hands the path on; Gradio has checked before that it lies in its upload folder. Addresses
# are refused: Gradio would download whatever a program names, of any size, into memory.
#
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
