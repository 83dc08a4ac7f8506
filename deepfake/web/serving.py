"""Serving the page in a process of its own: its temporary folder, and how it ends."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from deepfake.settings import Settings
from deepfake.web.scratch import lend_to_gradio, make_scratch_folder

STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
# How long running analyses may take to finish; most hosts end the process after 30 s.
SHUTDOWN_SECONDS = 20
# How long Python may take to end besides: threads and exit handlers can keep it for ever.
LEAVING_SECONDS = 5
# Between two looks for a signal that another thread got.
LOOK_SECONDS = 0.5


def serve(settings: Settings, names: Sequence[str] = ()) -> None:
    """Build the page and serve it until the process is told to stop.

    Args:
        settings: Settings. Models, limits, host and port.
        names: sequence of str. The models, if not those of the settings.

    Raises:
        ModelError: no model can be loaded.
        SettingError: the host or port cannot be listened on, or there is no folder for uploads.
    """
    stop = Stop()
    folder = make_scratch_folder(os.environ.get("GRADIO_TEMP_DIR"))
    stop.folder = folder
    lend_to_gradio(folder)
    # Only now, since it imports Gradio.
    from deepfake.web import connections, journal
    from deepfake.web.door import MCP
    from deepfake.web.page import build_page, launch
    from deepfake.web.vitals import open_metrics

    journal.set_up(settings.log)
    connections.raise_limit()
    page = build_page(settings, folder, names)
    if settings.metrics:
        open_metrics(settings.metrics, page.vitals)
    launch(page, settings, prevent_thread_lock=True)
    if settings.mcp:
        print(f"* For assistants (MCP, streamable HTTP): {page.blocks.local_url}{MCP[1:]}")
    stop.wait()
    page.door.drain(SHUTDOWN_SECONDS)


class Stop:
    """What becomes of the signals that ask a process to stop: it always ends.

    Python ends at once on them unless told otherwise, and would leave visitors' files behind.
    While the page is being built an exception ends it. But one that is raised while an object is
    being deleted, or in a weak reference's callback, as each import has one, is printed and
    forgotten; and a lock that the main thread holds when the signal comes cannot be taken for it.
    So a handler only puts a number into a queue, which needs no lock, and a thread sees to it that
    the process ends in time, whatever has become of the exception. And handlers run in the main
    thread, which a signal that the system gave to another one does not wake: it wakes by itself.

    Attributes:
        folder: Path. Deleted if the process has to be ended; nothing for none.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._serving = False
        self._asked = 0
        self._for_main: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._for_watch: queue.SimpleQueue[float] = queue.SimpleQueue()
        sys.unraisablehook = _say_unless_exit
        threading.Thread(target=self._watch, daemon=True, name="stop-watch").start()
        for number in STOP_SIGNALS:
            # What is ignored stays so: under nohup, or Ctrl-C in the background of a script.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def wait(self) -> None:
        """Wait until the process is asked to stop. From now on no signal raises an exception."""
        self._serving = True
        # One that came before was raised; if that was lost, it counts all the same.
        while not self._asked:
            with suppress(queue.Empty):
                self._for_main.get(timeout=LOOK_SECONDS)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1
        # The second time at once.
        first_while_serving = self._serving and self._asked == 1
        self._for_watch.put(LEAVING_SECONDS + (SHUTDOWN_SECONDS if first_while_serving else 0))
        self._for_main.put(self._asked)
        if not first_while_serving:
            sys.exit(0)

    def _watch(self) -> None:
        seconds = self._for_watch.get()
        try:
            # A second signal shortens it.
            while True:
                seconds = self._for_watch.get(timeout=seconds)
        except queue.Empty:
            if self.folder is not None:
                shutil.rmtree(self.folder, ignore_errors=True)
            os._exit(0)


def _say_unless_exit(lost: sys.UnraisableHookArgs) -> None:
    """An exit that was lost is seen to by the watch, and is no fault to be printed."""
    if lost.exc_type is not SystemExit:
        sys.__unraisablehook__(lost)
