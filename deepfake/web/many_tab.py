"""The tab "Many files": its layout, and what happens there."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from deepfake.errors import DeepfakeError, LimitError
from deepfake.scan import archive
from deepfake.web import many, wording
from deepfake.web.choices import Choices
from deepfake.web.many_panel import ALL, FLAGGED, UNREAD, panel
from deepfake.web.newest import Latest, Newest
from deepfake.web.placed import placed
from deepfake.web.session import SESSION_SECONDS
from deepfake.web.texts import megabytes, number, say
from deepfake.web.time_limit import TimeLimit
from deepfake.web.told import told
from deepfake.web.uploads import Uploads
from deepfake.web.visitors.admission import Admission

# So many photos count as one analysis more.
COUNTED = 10
# A visitor who may not go on yet is waited for, up to so many seconds, and looked at so often.
PATIENCE_SECONDS, LOOK_SECONDS = 60.0, 0.4
Changes = tuple[Any, ...]
OUTPUTS = 4


class ManyFiles:
    """The handlers of the tab.

    Args:
        choices: Choices. The default of its models judges.
        admission: Admission. Counts.
        uploads: Uploads. Where the files lie.
    """

    def __init__(self, choices: Choices, admission: Admission, uploads: Uploads):
        self._choices = choices
        self._admission = admission
        self.uploads = uploads
        self._newest = Newest()
        self._files: Latest[tuple[str, ...]] = Latest()
        self._filter: Latest[str] = Latest()

    def forget(self, files: Sequence[str] | None, request: gr.Request | None = None) -> Changes:
        """Other files were chosen: what is under way stops, and what was found and sent goes."""
        ticket = uuid.uuid4().hex
        self._newest.note(request, ticket)
        chosen = tuple(map(str, files or ()))
        before = self._files.get(request, ())
        self._files.note(request, chosen)
        for file in set(before) - set(chosen):
            self.uploads.remove(file)
        return (ticket, *_changes(_welcome()))

    def show(
        self,
        shown: str,
        kept: tuple[Sequence[many.Found], Sequence[str]],
        request: gr.Request | None = None,
    ) -> str:
        """Another part of the results is to be seen."""
        self._filter.note(request, shown)
        return panel(kept[0], shown, kept[1])

    def run(
        self,
        files: Sequence[str] | None,
        shown: str,
        ticket: str,
        request: gr.Request | None = None,
    ) -> Iterator[Changes]:
        """Judge the files; what is found comes as it is found."""
        settings = self._choices.shelf.settings
        found: list[many.Found] = []
        self._filter.note(request, shown)

        def seen(said: Sequence[str]) -> str:
            return panel(found, self._filter.get(request, shown), said)

        try:
            if files:
                self._admission.admit(request)
            limit = TimeLimit(request, settings.analysis_seconds)
            items = limit.run(lambda: many.items_of(files or (), settings))
            if not items:
                problem = say("many.nothing") if files else say("many.none")
                yield _changes(wording.error_panel(problem))
                return
            chosen, said = items[: settings.max_many], []
            if len(items) > len(chosen):
                count = len(items) - len(chosen)
                said = [say("many.left_out", most=len(chosen), count=count)]
            pace = many.Pace()
            detector = self._choices.detector(None)
            judging = many.judge(chosen, detector)
            try:
                while (one := limit.run(lambda: next(judging, None))) is not None:
                    if not self._newest.holds(request, ticket):
                        yield _unchanged()
                        return
                    found.append(one)
                    if len(found) % COUNTED == 0 and len(found) < len(chosen):
                        for sentence in self._waiting(request, ticket):
                            yield _changes(seen([sentence, *said]), found, said)
                        # From now on, and not from when the first one was sent.
                        limit = TimeLimit(None, settings.analysis_seconds)
                    if pace.is_due():
                        rate = number(pace.rate(len(found)), 1)
                        now = say(
                            "many.progress", done=len(found), total=len(chosen), rate=rate
                        )  # fmt: skip
                        yield _changes(seen([now, *said]), found, said)
                said = [say("many.done", total=len(found)), *said]
            except LimitError as error:
                said = [say("many.refused", sentence=told(error.public)), *said]
            table = flagged = None
            try:
                table, flagged = many.write(found, self.uploads.folder, settings)
            except DeepfakeError as error:
                said = [told(error.public), *said]
            except OSError:
                said = [say("upload.disk"), *said]
            if self._newest.holds(request, ticket):
                yield _changes(seen(said), found, said, table, flagged)
            else:
                yield _unchanged()
        except LimitError as error:
            yield _changes(wording.error_panel(error, wording.REFUSED))
        except DeepfakeError as error:
            yield _changes(wording.error_panel(error))
        finally:
            archive.let_go()

    def _waiting(self, request: gr.Request | None, ticket: str) -> Iterator[str]:
        """Wait until the visitor may go on; why, each time that it was asked in vain.

        Raises:
            LimitError: that is too long, or has no end that is known.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while self._newest.holds(request, ticket):
            try:
                self._admission.admit(request)
                return
            except LimitError as error:
                again = time.monotonic() + (error.seconds or PATIENCE_SECONDS)
                if again > end:
                    raise
                yield told(error.public)
                while time.monotonic() < again and self._newest.holds(request, ticket):
                    time.sleep(LOOK_SECONDS)


def _unchanged() -> Changes:
    # What came last would be sent again at the end, beside other files by now.
    return (gr.skip(),) * OUTPUTS


def _welcome() -> str:
    return panel((), ALL, [say("many.welcome")])


def _limits(count: int, size: int) -> str:
    return say("many.limits", count=count, size=megabytes(size))


def _changes(
    shown: str,
    found: Sequence[many.Found] = (),
    said: Sequence[str] = (),
    table: Path | None = None,
    flagged: Path | None = None,
) -> Changes:
    """The panel, what the filter shows again, and the two downloads: `OUTPUTS`."""
    downloads = (
        gr.update(value=None if path is None else str(path), visible=path is not None)
        for path in (table, flagged)
    )
    return (shown, (list(found), list(said)), *downloads)


def many_tab(choices: Choices, admission: Admission, uploads: Uploads) -> None:
    """Lay the tab out.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the photos.
        uploads: Uploads. Where the files lie.
    """
    settings = choices.shelf.settings
    handlers = ManyFiles(choices, admission, uploads)
    kept = gr.State(([], []), time_to_live=SESSION_SECONDS)
    ticket = gr.State("", time_to_live=SESSION_SECONDS)
    files = gr.File(
        label=placed(say, "many.files"), file_count="multiple", elem_id="many-files", height=160
    )  # fmt: skip
    gr.Markdown(
        placed(_limits, settings.max_many, settings.max_bytes), elem_classes=["soft"]
    )  # fmt: skip
    start = gr.Button(placed(say, "many.start"), variant="primary", elem_id="many-start")
    shown = gr.Radio(
        [
            (placed(say, "many.all"), ALL), (placed(say, "many.flagged"), FLAGGED),
            (placed(say, "many.unread"), UNREAD),
        ],
        value=ALL, label=placed(say, "many.show"), elem_id="many-show",
    )  # fmt: skip
    result = gr.HTML(placed(_welcome), elem_id="many-result")
    with gr.Row():
        table, flagged = (
            gr.DownloadButton(
                placed(say, f"many.{kind}"), visible=False, size="sm", elem_id=f"many-{kind}"
            )
            for kind in ("csv", "zip")
        )
    outputs = [result, kept, table, flagged]
    private: dict[str, Any] = {"api_visibility": "private"}
    start.click(
        handlers.run, [files, shown, ticket], outputs, show_progress_on=[files],
        # Not in the places of single photos: a hundred take minutes.
        concurrency_id="many", concurrency_limit=settings.interpreters, **private,
    )  # fmt: skip
    files.change(
        handlers.forget, [files], [ticket, *outputs], show_progress="hidden", queue=False, **private
    )
    shown.change(
        handlers.show, [shown, kept], [result], show_progress="hidden", **private
    )  # fmt: skip
