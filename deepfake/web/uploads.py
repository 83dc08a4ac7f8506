"""Photos on their way in, and as long as they lie here: how many, how fast, and what is no photo.

Not Gradio's own upload: that one keeps what anybody sends, under a name that its content tells, and
knows neither a full disk nor a body that never ends.
"""

from __future__ import annotations

import errno
import math
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
from limits import RateLimitItem
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deepfake import imaging
from deepfake.errors import ImageError
from deepfake.imaging.kinds import SNIFFED_BYTES
from deepfake.video.containers import demuxer_of
from deepfake.web import metrics, scratch
from deepfake.web.gradio_internals import is_signed_in, plain_name
from deepfake.web.texts import say
from deepfake.web.told import told
from deepfake.web.visitors.admission import Admission
from deepfake.web.visitors.counts import LocalCount, take

# What a form has besides its file.
FORM_BYTES = 10_000
# Of a visitor: uploads for each analysis, at the same time, and how many of the largest lie here.
PER_ANALYSIS, AT_ONCE, KEPT = 4, 4, 4
# A body may stand still for so long, and take so long in all; after a while it must be so fast.
IDLE_SECONDS, TOTAL_SECONDS, GRACE_SECONDS, BYTES_PER_SECOND = 15.0, 300.0, 10.0, 5_000
WRITTEN_BYTES = 1_000_000
# In a form. Photos come alone, and for the tab of many files together, also in archives.
MOST_FILES, MOST_PARTS = 1000, 1100
ARCHIVE = b"PK\x03\x04"
PROBE_BYTES = 65_536
# What an upload is for.
PHOTO, VIDEO = "photo", "video"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RETRY_SECONDS = 5
# Visitors whose shown photo is remembered; what is forgotten goes with time.
REMEMBERED = 2000
# What is counted, and the code that it is answered with.
REASONS = {
    "disk_full": 507, "malformed": 400, "sign_in": 401, "upload_kind": 415, "upload_rate": 429,
    "upload_room": 507, "upload_size": 413, "upload_slow": 408,
}  # fmt: skip


class RefusedError(Exception):
    """An upload that is not taken.

    Args:
        reason: str. One of `REASONS`.
        sentence: str. For the visitor.
        seconds: int. After which to try again; nothing for never.
    """

    def __init__(self, reason: str, sentence: str, seconds: int | None = None):
        super().__init__(sentence)
        self.reason, self.seconds = reason, seconds


@dataclass
class Kept:
    """A photo that lies here, or is on its way; `size` in bytes."""

    client: str | None
    size: int = 0

    @property
    def room(self) -> int:
        """What it takes of the disk: at least a block."""
        return max(self.size, scratch.BLOCK_BYTES)


class Uploads:
    """The photos in a folder. Safe to share between threads.

    Args:
        folder: Path. The scratch folder.
        max_upload: int. Bytes of the largest upload.
        max_bytes: int. Bytes that may lie in the folder.
        admission: Admission. Tells visitors apart, and who of them is limited.
        max_video: int. Bytes of the largest upload of a video. Defaults to 0: none is taken.

    Attributes:
        size: int. Bytes that lie in the folder or have come.
    """

    def __init__(
        self,
        folder: Path,
        max_upload: int,
        max_bytes: int,
        admission: Admission,
        max_video: int = 0,
    ):
        self.folder = folder
        self.max_video = max_video
        self.max_upload = max_upload
        self.max_bytes = max_bytes
        self.admission = admission
        self.size = 0
        limiter = admission.limiter
        self._limits = [] if limiter is None else [_times(one) for one in limiter.limits]
        self._rate = LocalCount()
        self._lock = threading.Lock()
        self._coming: dict[int, Kept] = {}
        self._kept: dict[Path, Kept] = {}
        # Of each visitor: bytes, and uploads that are on their way.
        self._room: Counter[str | None] = Counter()
        self._at_once: Counter[str | None] = Counter()
        # What pages show, by session and place: it is needed until something else is shown.
        self._shown: dict[tuple[str, str], Path] = {}

    @property
    def disk_is_full(self) -> bool:
        """Whether nothing more can be written. It is tried."""
        probe = self.folder / f"probe-{secrets.token_hex(8)}"
        try:
            probe.write_bytes(bytes(PROBE_BYTES))
        except OSError:
            return True
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)
        return False

    def begin(self, client: str | None) -> Kept:
        """Let an upload come.

        Args:
            client: str. Whose it is; nothing for somebody without limits.

        Raises:
            RefusedError: the visitor has sent too many.
        """
        if client is not None and self._limits:
            wait = math.ceil(self._rate.ask(take, self._limits, client))
            if wait > 0:
                raise RefusedError("upload_rate", say("upload.often", seconds=wait), wait)
        with self._lock:
            if client is not None and self._at_once[client] >= AT_ONCE:
                raise RefusedError("upload_rate", say("upload.at_once"), RETRY_SECONDS)
            coming = Kept(client)
            self._coming[id(coming)] = coming
            self._at_once[client] += 1
            self._count(coming, coming.room)
        return coming

    def grow(self, coming: Kept, size: int) -> None:
        """More has come.

        Raises:
            RefusedError: there is no room for it.
        """
        with self._lock:
            before = coming.room
            coming.size += size
            self._count(coming, coming.room - before)
            if self.size > self.max_bytes:
                raise RefusedError("upload_room", say("upload.no_room"), scratch.MAX_AGE_SECONDS)
            client = coming.client
            if client is not None and self._room[client] > KEPT * self.max_upload:
                raise RefusedError("upload_room", say("upload.yours"), scratch.MAX_AGE_SECONDS)

    def finish(self, coming: Kept, paths: Sequence[Path]) -> None:
        """All has come, and lies in files; or nothing shall stay."""
        kept = {path: Kept(coming.client, path.stat().st_size) for path in paths}
        with self._lock:
            del self._coming[id(coming)]
            self._count(coming, -coming.room)
            self._at_once[coming.client] -= 1
            if not self._at_once[coming.client]:
                del self._at_once[coming.client]
            for path, one in kept.items():
                self._kept[path] = one
                self._count(one, one.room)

    def remove(self, photo: str | bytes | None) -> None:
        """Delete a photo that is no longer needed; what is no upload stays."""
        if not isinstance(photo, str):
            return
        with self._lock:
            one = self._kept.pop(Path(photo), None)
            if one is None:
                return
            self._count(one, -one.room)
        shutil.rmtree(Path(photo).parent, ignore_errors=True)

    def show(self, session: str | None, place: str, photo: str | None) -> None:
        """A page shows a photo, or none: the one before is no longer needed.

        Args:
            session: str. The page's; nothing for none.
            place: str. Where on the page.
            photo: str. Its path.
        """
        if session is None:
            return
        with self._lock:
            before = self._shown.pop((session, place), None)
            if photo:
                self._shown[session, place] = Path(photo)
            if len(self._shown) > REMEMBERED:
                self._shown.pop(next(iter(self._shown)))
        if before is not None and str(before) != photo:
            self.remove(str(before))

    def look(self) -> None:
        """Look at the disk: what was swept is gone, and Gradio's files are there, too."""
        for path in [path for path in list(self._kept) if not path.exists()]:
            self.remove(str(path))
        size = scratch.size(self.folder)
        with self._lock:
            coming = sum(one.room for one in self._coming.values())
            self.size = max(size, coming + sum(one.room for one in self._kept.values()))

    async def take(self, request: Request) -> Response:
        """Take what a visitor sends.

        Returns:
            A list with its path, as Gradio answers; or a sentence.
        """
        body = _Body(request)
        try:
            if not is_signed_in(request):
                raise RefusedError("sign_in", say("upload.sign_in"))
            return await self._take(request, body)
        except RefusedError as error:
            metrics.count("refusals", error.reason)
            # Read away, within bounds: browsers show no answer that comes while they send.
            most = max(self.max_upload, self.max_video)
            in_time = error.reason != "upload_slow" and await body.drain(most)
            headers = {} if in_time else {"Connection": "close"}
            if error.seconds is not None:
                headers["Retry-After"] = str(error.seconds)
            sentence = str(error)
            return JSONResponse(
                {"detail": sentence, "error": sentence}, REASONS[error.reason], headers
            )

    async def _take(self, request: Request, body: _Body) -> Response:
        length = int(request.headers.get("content-length", 0))
        # What it is for, where the page says so; nothing for whatever it is.
        kind = request.query_params.get("kind", "")
        if not self.max_video:
            kind = PHOTO
        most = max(self.max_upload, 0 if kind == PHOTO else self.max_video)
        if length > most + FORM_BYTES:
            raise _too_large(length, most)
        coming = self.begin(self.admission.client(request))
        paths: list[Path] = []
        form = None
        try:
            form = _Form(request.headers.get("content-type", ""), self.folder, kind)
            await self._receive(form, coming, body)
            paths = [file.path for file in form.files]
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            sentence = say("upload.disk")
            raise RefusedError("disk_full", sentence, scratch.MAX_AGE_SECONDS) from None
        finally:
            if form is not None and not paths:
                form.discard()
            self.finish(coming, paths)
        return JSONResponse([str(path) for path in paths])

    async def _receive(self, form: _Form, coming: Kept, body: _Body) -> None:
        while (piece := await body.next()) is not None:
            form.feed(piece)
            self.grow(coming, len(piece))
            if form.wants_writing:
                await anyio.to_thread.run_sync(form.write)
                self._check_sizes(form)
        if not form.files or not all(file.is_complete for file in form.files):
            raise RefusedError("malformed", say("upload.form"))
        await anyio.to_thread.run_sync(form.write)
        self._check_sizes(form)
        if len(form.files) == 1 and form.files[0].fault:
            raise RefusedError("upload_kind", told(form.files[0].fault))

    def _check_sizes(self, form: _Form) -> None:
        """More may come of a video than of all else together."""
        size = sum(file.size for file in form.files if not file.is_video)
        if size > self.max_upload + FORM_BYTES:
            raise _too_large(size, self.max_upload)

    def _count(self, one: Kept, size: int) -> None:
        self.size += size
        if one.client is not None:
            self._room[one.client] += size
            if self._room[one.client] <= 0:
                del self._room[one.client]


class _Body:
    """What is sent, as fast as it must come."""

    def __init__(self, request: Request):
        self._receive = request.receive
        self._start = time.monotonic()
        self._bytes = 0
        self._is_over = False

    async def next(self) -> bytes | None:
        """The next piece; nothing at the end.

        Raises:
            RefusedError: it does not come, or comes too slowly.
        """
        if self._is_over:
            return None
        with anyio.move_on_after(IDLE_SECONDS):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._is_over = True
                raise RefusedError("malformed", say("upload.form"))
            piece: bytes = message.get("body", b"")
            self._bytes += len(piece)
            self._is_over = not message.get("more_body", False)
            seconds = time.monotonic() - self._start
            late = seconds > GRACE_SECONDS and self._bytes < BYTES_PER_SECOND * seconds
            if self._is_over or not (late or seconds > TOTAL_SECONDS):
                return piece
        raise RefusedError("upload_slow", say("upload.slow"))

    async def drain(self, most: int) -> bool:
        """Read the rest away: whether it came in time."""
        try:
            while self._bytes <= 2 * most and await self.next() is not None:
                pass
        except RefusedError:
            return False
        return self._is_over


class _File:
    """A file of a form, as it comes.

    Attributes:
        path: Path. Where it lies, in a folder of its own that nobody guesses.
        data: bytearray. What has come of it and was not written yet.
        is_complete: bool. Whether all of it has come.
        fault: str. Why it is none that is taken; "" where it is, or not enough of it has come.
        size: int. Bytes that were written.
        is_video: bool. Whether it is one.
    """

    def __init__(self, name: str, folder: Path, kind: str):
        self.path = folder / secrets.token_urlsafe(18) / plain_name(name)
        self.data = bytearray()
        self.is_complete = False
        self.fault = ""
        self.size = 0
        self.is_video = False
        self._kind = kind
        self._is_known = False

    def write(self) -> None:
        """Put what has come to its end. Of what is none that is taken the beginning is all."""
        self.size += len(self.data)
        if not self._is_known:
            if len(self.data) < SNIFFED_BYTES and not self.is_complete:
                self.size -= len(self.data)
                return
            self._is_known = True
            start = bytes(self.data[:SNIFFED_BYTES])
            self.fault = _fault(start, self._kind)
            self.is_video = not self.fault and not _is_still(start)
            self.path.parent.mkdir(mode=0o700)
            self.path.write_bytes(self.data[: SNIFFED_BYTES if self.fault else None])
        elif self.data and not self.fault:
            with self.path.open("ab") as file:
                file.write(self.data)
        self.data.clear()


class _Form:
    """The files of a form (multipart/form-data), as they come.

    Attributes:
        files: list of _File.
    """

    def __init__(self, content_type: str, folder: Path, wanted: str):
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise RefusedError("malformed", say("upload.form"))
        self.files: list[_File] = []
        self._folder = folder
        self._wanted = wanted
        self._in_file = False
        self._parts = 0
        self._header = (bytearray(), bytearray())
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, a, b: self._header[0].extend(data[a:b]),
                "on_header_value": lambda data, a, b: self._header[1].extend(data[a:b]),
                "on_header_end": self._note,
                "on_part_data": self._add,
                "on_part_end": self._end,
            },
        )

    @property
    def wants_writing(self) -> bool:
        """Whether enough has come."""
        return sum(len(file.data) for file in self.files[-MOST_FILES:]) >= WRITTEN_BYTES

    def feed(self, piece: bytes) -> None:
        """Read on.

        Raises:
            RefusedError: it is no such form, or has too many files.
        """
        try:
            self._parser.write(piece)
        except MultipartParseError:
            raise RefusedError("malformed", say("upload.form")) from None

    def write(self) -> None:
        """Write what has come."""
        for file in self.files:
            file.write()

    def discard(self) -> None:
        """Take away what was written."""
        for file in self.files:
            shutil.rmtree(file.path.parent, ignore_errors=True)

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise RefusedError("malformed", say("upload.several", most=MOST_FILES))
        self._in_file = False
        self._header = (bytearray(), bytearray())

    def _note(self) -> None:
        field, value = self._header
        if field.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(value))
            if b"filename" in options:
                if len(self.files) >= MOST_FILES:
                    raise RefusedError("malformed", say("upload.several", most=MOST_FILES))
                name = options[b"filename"].decode("utf-8", "replace")
                self.files.append(_File(name, self._folder, self._wanted))
                self._in_file = True
        self._header = (bytearray(), bytearray())

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.files[-1].data += data[start:end]

    def _end(self) -> None:
        if self._in_file:
            self.files[-1].is_complete = True


def _fault(start: bytes, kind: str) -> str:
    """Why a file is not taken, by its first bytes; "" where it is."""
    if not start:
        return say("upload.empty")
    if _is_still(start):
        return say("upload.no_video") if kind == VIDEO else ""
    if kind != PHOTO and demuxer_of(start):
        return ""
    if kind == VIDEO:
        return say("problem.no_video")
    try:
        imaging.sniff(start)
    except ImageError as error:
        return str(error)
    return ""


def _is_still(start: bytes) -> bool:
    """Whether it begins as a photo, or an archive."""
    return start.startswith(ARCHIVE) or imaging.looks_like_picture(start)


def _too_large(size: int, most: int) -> RefusedError:
    sizes = {"size": f"{size:,}", "most": f"{most:,}"}
    return RefusedError("upload_size", say("upload.large", **sizes))


def _times(limit: RateLimitItem) -> RateLimitItem:
    return type(limit)(PER_ANALYSIS * limit.amount, limit.multiples)
