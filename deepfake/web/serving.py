"""Serving the page in a process of its own: its temporary folder, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from deepfake.settings import Settings
from deepfake.web.scratch import lend_to_gradio, make_scratch_folder

STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
# How long running analyses may take to finish; most hosts end the process after 30 s.
SHUTDOWN_SECONDS = 20


def serve(settings: Settings, names: Sequence[str] = ()) -> None:
    """Build the page and serve it until the process is told to stop.

    Args:
        settings: Settings. Models, limits, host and port.
        names: sequence of str. The models, if not those of the settings.

    Raises:
        ModelError: no model can be loaded.
        SettingError: the host or port cannot be listened on, or there is no folder for uploads.
    """
    # Python ends at once on these unless told otherwise, and would leave visitors' files behind.
    # What is ignored stays so: hanging up under nohup, Ctrl-C in the background of a script.
    numbers = [n for n in STOP_SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
    for number in numbers:
        signal.signal(number, _exit)
    folder = make_scratch_folder(os.environ.get("GRADIO_TEMP_DIR"))
    lend_to_gradio(folder)
    # Only now, since it imports Gradio.
    from deepfake.web import journal
    from deepfake.web.door import MCP
    from deepfake.web.page import build_page, launch

    journal.set_up(settings.log)
    page = build_page(settings, folder, names)
    launch(page, settings, prevent_thread_lock=True)
    if settings.mcp:
        print(f"* For assistants (MCP, streamable HTTP): {page.blocks.local_url}{MCP[1:]}")
    stop = threading.Event()

    def finish(number: int, frame: FrameType | None) -> None:
        # The second time at once.
        if stop.is_set():
            _exit(number, frame)
        stop.set()

    for number in numbers:
        signal.signal(number, finish)
    stop.wait()
    page.door.drain(SHUTDOWN_SECONDS)


def _exit(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
