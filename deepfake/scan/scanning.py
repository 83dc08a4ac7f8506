"""The scan: hands files to workers and keeps what they find, whatever becomes of the workers."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from deepfake.errors import ScanError
from deepfake.scan.engine import Died, Engine, Ready
from deepfake.scan.item import Item
from deepfake.scan.journal import Content, Journal
from deepfake.scan.judging import Look

# Files that a worker gets at a time: half a second's work, of which nothing is lost but time.
BATCH = 16
# Names that the listing hands over at a time, and how many such parts may wait.
PART, PARTS = 500, 20
# How often a file that is the worker's only one may have it die, or take too long: once may be
# because the machine is busy.
MAX_DEATHS = 2
MAX_FAILED_STARTS = 5
# Loading a model takes a second; being given a place in a cluster may take long.
START_SECONDS = 600.0
WAIT_SECONDS = 0.1
# A video may take so many times as long as a picture.
VIDEO_TIMES = 10
# The rate is that of so many seconds.
RATE_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """How far a scan is.

    Attributes:
        total: int. Files found so far.
        listed: bool. Whether all have been found.
        done: int. Files that need nothing more.
        rate: float. Files a second, lately.
    """

    total: int
    listed: bool
    done: int
    rate: float

    @property
    def seconds_left(self) -> float | None:
        """Until the end; None while that cannot be told."""
        return (self.total - self.done) / self.rate if self.listed and self.rate else None


@dataclass
class _Job:
    """What a worker is busy with."""

    files: list[tuple[int, Item]]
    started: float
    # The files whose content it judges now, after it has read all.
    judged: list[tuple[int, Item]] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)

    @property
    def has_video(self) -> bool:
        """Whether one of its files is a video, so that it may take longer."""
        return any(item.kind == "video" for _, item in self.judged or self.files)


class Scan:
    """One scan.

    Args:
        journal: Journal. What is known, and what is done.
        engine: Engine. The workers.
        seconds: float. How long a file may take.
        tell: callable. Told the Progress, some ten times a second.
    """

    def __init__(
        self,
        journal: Journal,
        engine: Engine,
        *,
        seconds: float,
        tell: Callable[[Progress], None] = lambda progress: None,
    ):
        self._journal, self._engine = journal, engine
        self._seconds, self._tell = seconds, tell
        self._busy: dict[int, _Job] = {}
        self._idle: set[int] = set()
        self._starting: dict[int, float] = {}
        self._failed_starts = 0
        self._last = 0
        # Files that come before the journal's next ones; of the others each goes to a worker alone.
        self._first: deque[tuple[int, Item]] = deque()
        self._alone: deque[tuple[int, Item]] = deque()
        self._deaths: Counter[int] = Counter()
        self._pending: set[str] = set()
        self._parts: queue.Queue[list[Item] | Exception | None] = queue.Queue(PARTS)
        self._listed = False
        self._total, self._done = journal.totals()
        self._lately: deque[tuple[float, int]] = deque()

    def run(self, listing: Iterable[Item]) -> None:
        """Scan all that is listed and not done yet.

        Args:
            listing: iterable of Item.

        Raises:
            ScanError: the listing fails, no worker can be started, or the journal cannot be
                written.
        """
        threading.Thread(target=self._list, args=(listing,), daemon=True).start()
        try:
            for worker in range(self._engine.workers):
                self._start(worker)
            while self._step():
                pass
        finally:
            self._engine.close()
            self._journal.commit()

    def _step(self) -> bool:
        """Do what can be done now; whether anything remains."""
        self._take_up()
        for worker in sorted(self._idle):
            files = self._next_files()
            if not files:
                break
            self._idle.remove(worker)
            self._busy[worker] = _Job(files, time.monotonic())
            self._engine.send(worker, "look", [item for _, item in files])
        if self._listed and not self._busy and not self._alone and not self._first:
            if not self._journal.next(self._last, 1) and not self._journal.reopen():
                return False
            if not self._journal.next(self._last, 1):
                self._last = 0
        for worker, reply in self._engine.wait(WAIT_SECONDS if self._parts.empty() else 0):
            self._hear(worker, reply)
        self._end_overdue()
        self._journal.commit(now=False)
        self._report()
        return True

    def _list(self, listing: Iterable[Item]) -> None:
        part: list[Item] = []
        try:
            for item in listing:
                part.append(item)
                if len(part) == PART:
                    self._parts.put(part)
                    part = []
        except Exception as error:
            self._parts.put(error)
            return
        self._parts.put(part)
        self._parts.put(None)

    def _take_up(self) -> None:
        for _ in range(PARTS):
            try:
                part = self._parts.get_nowait()
            except queue.Empty:
                return
            if isinstance(part, Exception):
                raise part
            if part is None:
                self._listed = True
                continue
            # A scan that goes on knows most of them, and two names may lead to one file.
            done = self._journal.add(item for item in part if item.problem)
            self._total += done + self._journal.add(item for item in part if not item.problem)
            self._done += done

    def _next_files(self) -> list[tuple[int, Item]]:
        if self._alone:
            return [self._alone.popleft()]
        # Towards the end fewer, so that nobody waits long for the last one.
        left = (self._total - self._done) if self._listed else BATCH * 2 * self._engine.workers
        batch = max(1, min(BATCH, left // (2 * self._engine.workers)))
        files = [self._first.popleft() for _ in range(min(batch, len(self._first)))]
        if not files:
            files = self._journal.next(self._last, batch)
            self._last = files[-1][0] if files else self._last
        return files

    def _hear(self, worker: int, reply: Ready | Died | Sequence[Look] | Sequence[Content]) -> None:
        if isinstance(reply, Died):
            if worker in self._starting:
                self._failed_starts += 1
                if reply.sentence or self._failed_starts == MAX_FAILED_STARTS:
                    raise ScanError(reply.sentence or "The workers end as soon as they start.")
            self._bury(worker, reply.sentence)
            return
        self._starting.pop(worker, None)
        self._failed_starts = 0
        job = self._busy.get(worker)
        if isinstance(reply, Ready) or job is None:
            self._idle.add(worker)
        elif job.judged:
            self._journal.judged(reply)  # type: ignore[arg-type]
            self._pending.difference_update(job.hashes)
            self._free(worker, len(job.judged))
        else:
            self._looked(worker, job, reply)  # type: ignore[arg-type]

    def _looked(self, worker: int, job: _Job, looks: Sequence[Look]) -> None:
        chosen = []
        for index, ((number, item), look) in enumerate(zip(job.files, looks, strict=False)):
            if look.problem:
                self._journal.set_problem(number, look.problem)
            elif not look.sha256:
                self._journal.pass_over(number)
            else:
                self._journal.set_content(number, look.sha256)
                if look.sha256 not in self._pending and not self._journal.has_content(look.sha256):
                    self._pending.add(look.sha256)
                    chosen.append(index)
                    job.judged.append((number, item))
                    job.hashes.append(look.sha256)
        self._first.extend(job.files[len(looks) :])
        self._done += len(looks) - len(chosen)
        if chosen:
            job.started = time.monotonic()
            self._engine.send(worker, "judge", chosen)
        else:
            self._free(worker, 0)

    def _free(self, worker: int, done: int) -> None:
        del self._busy[worker]
        self._idle.add(worker)
        self._done += done

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for worker, since in list(self._starting.items()):
            if now - since > START_SECONDS:
                self._start(worker)
        for worker, job in list(self._busy.items()):
            seconds = self._seconds * (VIDEO_TIMES if job.has_video else 1)
            if now - job.started > seconds:
                self._bury(worker, f"It takes longer than {seconds:g} seconds.")

    def _bury(self, worker: int, sentence: str) -> None:
        """A worker is gone, or has to go; its files are tried again, each alone."""
        job = self._busy.pop(worker, None)
        self._idle.discard(worker)
        self._start(worker)
        if job is None:
            return
        self._pending.difference_update(job.hashes)
        files = job.judged or job.files
        if len(files) > 1 or len(job.files) > 1:
            self._alone.extend(files)
            return
        ((number, item),) = files
        self._deaths[number] += 1
        if self._deaths[number] < MAX_DEATHS:
            self._alone.append((number, item))
            return
        why = sentence or "The process that read it ended each time, as damaged files can cause."
        problem = f"The file cannot be judged. {why}"
        if job.hashes:
            self._journal.judged([Content(job.hashes[0], {"error": problem})])
        else:
            self._journal.set_problem(number, problem)
        self._done += 1

    def _start(self, worker: int) -> None:
        self._starting[worker] = time.monotonic()
        self._engine.start(worker)

    def _report(self) -> None:
        now = time.monotonic()
        self._lately.append((now, self._done))
        while now - self._lately[0][0] > RATE_SECONDS:
            self._lately.popleft()
        since, before = self._lately[0]
        rate = (self._done - before) / (now - since) if now > since else 0.0
        self._tell(Progress(self._total, self._listed, self._done, rate))
