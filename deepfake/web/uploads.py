"""Photos on their way in, and as long as they lie here: how many, and how much room they take.

Not Gradio's own upload: that one keeps what anybody sends, under a name that its content tells, and
knows neither a full disk nor a body that never ends.
"""

from __future__ import annotations

import errno
import math
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
from limits import RateLimitItem
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deepfake.web import metrics, scratch
from deepfake.web.forms import PHOTO, REASONS, Body, Form, RefusedError
from deepfake.web.gradio_internals import is_signed_in
from deepfake.web.texts import say
from deepfake.web.told import told
from deepfake.web.visitors.admission import Admission
from deepfake.web.visitors.counts import LocalCount, take

# What a form has besides its file.
FORM_BYTES = 10_000
# Of a visitor: uploads for each analysis, at the same time, and how many of the largest lie here.
PER_ANALYSIS, AT_ONCE, KEPT = 4, 4, 4
PROBE_BYTES = 65_536
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RETRY_SECONDS = 5
# Visitors whose shown photo is remembered; what is forgotten goes with time.
REMEMBERED = 2000


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
        self.most_of_one = max(KEPT * max_upload, max_video)
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
            if client is not None and self._room[client] > self.most_of_one:
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
        body = Body(request)
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

    async def _take(self, request: Request, body: Body) -> Response:
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
            form = Form(request.headers.get("content-type", ""), self.folder, kind)
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

    async def _receive(self, form: Form, coming: Kept, body: Body) -> None:
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

    def _check_sizes(self, form: Form) -> None:
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


def _times(limit: RateLimitItem) -> RateLimitItem:
    return type(limit)(PER_ANALYSIS * limit.amount, limit.multiples)


def _too_large(size: int, most: int) -> RefusedError:
    sizes = {"size": f"{size:,}", "most": f"{most:,}"}
    return RefusedError("upload_size", say("upload.large", **sizes))
