"""A video on the page: the handlers of the tab, and what they change."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from deepfake.errors import DeepfakeError, LimitError
from deepfake.video import html
from deepfake.video.annotate import annotate
from deepfake.video.detector import VideoDetector
from deepfake.video.film import film
from deepfake.video.frames import Frames
from deepfake.video.report import VideoReport
from deepfake.web import metrics, wording
from deepfake.web.choices import Choices
from deepfake.web.intake import ticketed
from deepfake.web.newest import Newest
from deepfake.web.texts import number, say, share
from deepfake.web.time_limit import GRACE_SECONDS, TimeLimit
from deepfake.web.told import told, told_html
from deepfake.web.uploads import Uploads
from deepfake.web.view import Changes, stays
from deepfake.web.visitors.admission import Admission

# How often progress is told, and looked whether somebody still waits.
EVERY_SECONDS = 0.4


@dataclass(frozen=True)
class VideoView:
    """The tab.

    Attributes:
        session: holds the report and its video's ticket, on the server.
        panel: the result, or why there is none.
        files: holds the downloads.
        csv: a table of all judged faces.
        document: the report as JSON.
        page: the report for people.
        make: writes the annotated copy.
        annotated: the annotated copy.
    """

    session: gr.State
    panel: gr.HTML
    files: gr.Row
    csv: gr.DownloadButton
    document: gr.DownloadButton
    page: gr.DownloadButton
    make: gr.Button
    annotated: gr.DownloadButton

    @property
    def result(self) -> list[Any]:
        """All that a result fills."""
        return [
            self.session, self.panel, self.files, self.csv, self.document, self.page, self.make,
            self.annotated,
        ]  # fmt: skip

    def show_nothing(self, panel: str, ticket: str) -> Changes:
        """No result; the panel, as HTML, says why."""
        return {
            self.session: None,
            self.panel: ticketed(panel, ticket),
            self.files: gr.update(visible=False),
        }

    def show(self, report: VideoReport, frames: Frames, folder: Path, ticket: str) -> Changes:
        """A new result, with its files in a folder."""
        said = {
            "csv": report.to_csv(),
            "json": json.dumps(report.to_dict(), indent=1),
            "html": html.page(report, frames),
        }
        place = Path(tempfile.mkdtemp(prefix="video-", dir=folder))
        for kind, text in said.items():
            (place / f"deepfake-video.{kind}").write_text(text, encoding="utf-8", newline="")
        return {
            self.session: (_without_pixels(report), ticket),
            self.panel: ticketed(film(report, frames, _Spoken()), ticket),
            self.files: gr.update(visible=True),
            self.csv: str(place / "deepfake-video.csv"),
            self.document: str(place / "deepfake-video.json"),
            self.page: str(place / "deepfake-video.html"),
            self.make: gr.update(visible=True),
            self.annotated: gr.update(value=None, visible=False),
        }


class VideoChecker:
    """The handlers of the tab.

    Args:
        choices: Choices. The default of its models judges.
        admission: Admission. Counts the analyses.
        uploads: Uploads. Where the videos lie.
        view: VideoView. What they change.
    """

    def __init__(self, choices: Choices, admission: Admission, uploads: Uploads, view: VideoView):
        self._choices = choices
        self._admission = admission
        self._uploads = uploads
        self._view = view
        self._newest, self._removed = Newest(), Newest()
        # Of each visitor, the pages whose video is worked on.
        self._busy: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def note(self, ticket: str, request: gr.Request | None = None) -> None:
        """Another video is chosen, or none, or it is cancelled: what is under way ends."""
        self._newest.note(request, ticket)

    def forget(self, ticket: str, request: gr.Request | None = None) -> Changes:
        """The video was removed."""
        self.note(ticket, request)
        self._removed.note(request, ticket)
        self._note_shown(None, request)
        return self._welcome(ticket)

    def check(
        self, video: str | None, ticket: str, request: gr.Request | None = None
    ) -> Iterator[Changes]:
        """Judge the video, and tell how far it is."""
        self._newest.note(request, ticket)
        if not self._newest.holds(request, ticket):
            yield stays()
            return
        self._note_shown(video, request)
        if not video:
            yield self._failure(say("video.first"), ticket)
            return
        pace, frames = _Pace(), Frames()
        try:
            with self._one_at_a_time(request):
                self._admission.admit(request)
                detector = self._choices.detector(None)
                running = self._limit().start(
                    lambda: VideoDetector(detector).detect(
                        video, file=Path(video).name, hints=True, progress=pace, watch=frames
                    )
                )
                grace = GRACE_SECONDS
                try:
                    while True:
                        yield {self._view.panel: ticketed(pace.panel(), ticket)}
                        over = running.is_over(EVERY_SECONDS)
                        if not self._newest.holds(request, ticket):
                            yield self._after_removal(request)
                            return
                        if over:
                            break
                    report = running.result()
                except GeneratorExit:
                    # Gradio closes it in the thread that serves everybody.
                    grace = 0.0
                    raise
                finally:
                    running.call_off(grace)
            if report.verdict != "not_applicable":
                metrics.count("verdicts", report.verdict)
            yield self._view.show(report, frames, self._uploads.folder, ticket)
        except LimitError as error:
            yield self._failure(error, ticket, wording.REFUSED)
        except DeepfakeError as error:
            metrics.count("failures", "picture")
            yield self._failure(error, ticket)
        except OSError:
            yield self._failure(say("upload.disk"), ticket)

    def annotate(
        self,
        session: tuple[VideoReport, str] | None,
        video: str | None,
        ticket: str,
        request: gr.Request | None = None,
        # Gradio sends progress only for handlers with such a default.
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Changes:
        """Write a copy with what was found drawn into it."""
        if session is None or session[1] != ticket or not video:
            return stays()
        report = session[0]
        try:
            target = Path(tempfile.mkdtemp(prefix="video-", dir=self._uploads.folder))
            target /= "deepfake-video.mp4"
            with self._one_at_a_time(request):
                # It decodes every frame, which takes longer than an analysis does.
                self._admission.admit(request)
                running = self._limit().start(lambda: annotate(video, report, target))
                try:
                    began = time.monotonic()
                    while not running.is_over(EVERY_SECONDS):
                        if not self._newest.holds(request, ticket):
                            return stays()
                        seconds = number(time.monotonic() - began)
                        progress(None, desc=say("video.writing", seconds=seconds))
                    note = running.result()
                finally:
                    running.call_off()
            if note:
                gr.Info(told(note))
        except DeepfakeError as error:
            # The result stays: it is of the same video.
            gr.Warning(told(error.public), title=say(wording.REFUSED))
            return stays()
        except OSError:
            gr.Warning(say("upload.disk"), title=say(wording.REFUSED))
            return stays()
        return {
            self._view.make: gr.update(visible=False),
            self._view.annotated: gr.update(value=str(target), visible=True),
        }

    @contextmanager
    def _one_at_a_time(self, request: gr.Request | None) -> Iterator[None]:
        """Work on no second video of a visitor from another page of theirs.

        Raises:
            LimitError: there is one.
        """
        client = self._admission.client(request)
        if client is None or request is None:
            yield
            return
        mine = client, request.session_hash or ""
        with self._lock:
            if any(other[0] == client and other != mine for other in self._busy):
                raise LimitError(say("video.one"))
            self._busy[mine] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[mine] -= 1
                self._busy += Counter()

    def _limit(self) -> TimeLimit:
        # From now on: a video takes so long that those who wait for one would have no time left.
        return TimeLimit(None, self._choices.shelf.settings.analysis_seconds)

    def _after_removal(self, request: gr.Request | None) -> Changes:
        # What was last told of the video may have overtaken the answer to its removal, which comes
        # by another way, and stand in its place; this comes after it, by the same way.
        removed = self._removed.get(request, "")
        if removed and self._newest.holds(request, removed):
            return self._welcome(removed)
        return stays()

    def _welcome(self, ticket: str) -> Changes:
        return self._view.show_nothing(wording.welcome("video_welcome"), ticket)

    def _note_shown(self, video: str | None, request: gr.Request | None) -> None:
        if request is not None:
            self._uploads.show(request.session_hash, "video", video)

    def _failure(
        self, problem: DeepfakeError | str, ticket: str, heading: str = wording.UNREADABLE_FILE
    ) -> Changes:
        panel = wording.error_panel(problem, heading, again=heading == wording.REFUSED)
        return self._view.show_nothing(panel, ticket)


class _Pace:
    """How far an analysis is; told by its thread, asked by another."""

    def __init__(self) -> None:
        self._done, self._all, self._began = 0, 0, time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        # Also where what was judged before a cut was seen counts no more.
        if not 0 < self._done < done:
            self._began = time.monotonic()
        self._done, self._all = done, of

    def panel(self) -> str:
        """It in words and as a bar, as HTML."""
        done, total = self._done, self._all
        name = escape(say("video.checking"))
        # Of one frame nothing can be said yet.
        if done < 2:
            said, bar = "video.opening", f'<progress aria-label="{name}"></progress>'
            values = {}
        else:
            bar = f'<progress aria-label="{name}" value="{done}" max="{total}"></progress>'
            rate = (done - 1) / max(time.monotonic() - self._began, 1e-3)
            left = number((total - done) / rate)
            said = "video.progress" if done < total else "video.moving"
            values = {"done": done, "total": total, "rate": number(rate, 1), "left": left}
        return (
            f'<section class="verdict verdict-none checking"><h2>{name}</h2>{bar}'
            f"<p>{escape(say(said, **values))}</p></section>"
        )


class _Spoken:
    """The words of a result, in the language that is spoken."""

    def say(self, message: str, **values: Any) -> str:
        """A message by its id."""
        return say(message, **values)

    def share(self, value: float) -> str:
        """A score as percent."""
        return share(value)

    def tell(self, sentence: str) -> str:
        """An English sentence of another room, as HTML."""
        return told_html(sentence)


def _without_pixels(report: VideoReport) -> VideoReport:
    """The report without what the network saw, which is no longer needed."""
    people = tuple(
        replace(
            person,
            samples=tuple(
                replace(one, face=replace(one.face, crop=None, evidence=None))
                for one in person.samples
            ),
        )
        for person in report.people
    )
    return replace(report, people=people)
