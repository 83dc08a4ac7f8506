"""The tab "Many files": its layout, and what happens there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from deepfake.errors import DeepfakeError, LimitError
from deepfake.web import many, wording
from deepfake.web.choices import Choices
from deepfake.web.many_panel import ALL, FLAGGED, UNREAD, panel
from deepfake.web.newest import Newest
from deepfake.web.placed import placed
from deepfake.web.session import SESSION_SECONDS
from deepfake.web.texts import megabytes, number, say
from deepfake.web.time_limit import TimeLimit
from deepfake.web.told import told
from deepfake.web.visitors.admission import Admission

# So many photos count as one analysis more.
COUNTED = 10
Changes = tuple[Any, ...]


class ManyFiles:
    """The handlers of the tab.

    Args:
        choices: Choices. The default of its models judges.
        admission: Admission. Counts.
        folder: Path. The folder for visitors' files.
    """

    def __init__(self, choices: Choices, admission: Admission, folder: Path):
        self._choices = choices
        self._admission = admission
        self._folder = folder
        self._newest = Newest()

    def forget(self, request: gr.Request | None = None) -> Changes:
        """Other files were chosen: what is under way stops, and what was found goes."""
        ticket = uuid.uuid4().hex
        self._newest.note(request, ticket)
        return (ticket, *_changes(_welcome()))

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
        try:
            items = many.items_of(files or (), settings)
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
            self._admission.admit(request)
            limit = TimeLimit(request, settings.analysis_seconds)
            judging = many.judge(chosen, detector)
            try:
                while (one := limit.run(lambda: next(judging, None))) is not None:
                    if not self._newest.holds(request, ticket):
                        return
                    found.append(one)
                    if len(found) % COUNTED == 0 and len(found) < len(chosen):
                        self._admission.admit(request)
                        # From now on, and not from when the first one was sent.
                        limit = TimeLimit(None, settings.analysis_seconds)
                    if pace.is_due():
                        rate = number(pace.rate(len(found)), 1)
                        now = say(
                            "many.progress", done=len(found), total=len(chosen), rate=rate
                        )  # fmt: skip
                        yield _changes(panel(found, shown, [now, *said]), found, said)
                said = [say("many.done", total=len(found)), *said]
            except LimitError as error:
                said = [say("many.refused", sentence=told(error.public)), *said]
            table, flagged = many.write(found, self._folder, settings)
            if self._newest.holds(request, ticket):
                yield _changes(panel(found, shown, said), found, said, table, flagged)
        except LimitError as error:
            yield _changes(wording.error_panel(error, wording.REFUSED))
        except DeepfakeError as error:
            yield _changes(wording.error_panel(error))


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
    """The panel, what the filter shows again, and the two downloads."""
    downloads = (
        gr.update(value=None if path is None else str(path), visible=path is not None)
        for path in (table, flagged)
    )
    return (shown, (list(found), list(said)), *downloads)


def many_tab(choices: Choices, admission: Admission, folder: Path) -> None:
    """Lay the tab out.

    Args:
        choices: Choices. The models.
        admission: Admission. Counts the photos.
        folder: Path. The folder for visitors' files.
    """
    settings = choices.shelf.settings
    handlers = ManyFiles(choices, admission, folder)
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
        handlers.run, [files, shown, ticket], outputs, concurrency_id="analyse",
        show_progress_on=[files], **private,
    )  # fmt: skip
    files.change(
        handlers.forget, None, [ticket, *outputs], show_progress="hidden", queue=False, **private
    )
    shown.change(
        lambda shown, kept: panel(kept[0], shown, kept[1]), [shown, kept], [result],
        show_progress="hidden", **private,
    )  # fmt: skip
