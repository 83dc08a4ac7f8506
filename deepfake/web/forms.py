"""Forms with files, read as they come: how fast they must, how many there are, what is a file."""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path

import anyio
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from deepfake import imaging
from deepfake.errors import ImageError
from deepfake.imaging.kinds import SNIFFED_BYTES
from deepfake.video.containers import demuxer_of
from deepfake.web.gradio_internals import plain_name
from deepfake.web.texts import say

# A body may stand still for so long, and take so long in all; after a while it must be so fast.
IDLE_SECONDS, TOTAL_SECONDS, GRACE_SECONDS, BYTES_PER_SECOND = 15.0, 300.0, 10.0, 5_000
WRITTEN_BYTES = 1_000_000
# In a form. Photos come alone, and for the tab of many files together, also in archives.
MOST_FILES, MOST_PARTS = 1000, 1100
ARCHIVE = b"PK\x03\x04"
# What an upload is for.
PHOTO, VIDEO = "photo", "video"
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


class Body:
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


class File:
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


class Form:
    """The files of a form (multipart/form-data), as they come.

    Attributes:
        files: list of File.
    """

    def __init__(self, content_type: str, folder: Path, wanted: str):
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise RefusedError("malformed", say("upload.form"))
        self.files: list[File] = []
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
                self.files.append(File(name, self._folder, self._wanted))
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
