"""A video file, decoded by a child process within limits."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from deepfake import deadline
from deepfake.decoders.starting import command, environment
from deepfake.errors import DeepfakeError, VideoError
from deepfake.imaging import Picture
from deepfake.settings import Settings

# Between two looks whether what a child does is still wanted.
POLL_SECONDS = 0.1
PIECE = 1 << 20
# Decoding every frame of five minutes of 4K takes about as long on one processor.
CPU_SECONDS, MEMORY = 300, 4_000_000_000
MISSING = "Videos need one more package: pip install av"
BROKE_OFF = (
    "The program that decodes videos broke off here: this file takes too long or too much memory, "
    "or is damaged. Export it again, or cut out the part that matters."
)


# Decoders that wait for their first file.
_ready: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Frame:
    """A decoded frame.

    Attributes:
        time: float. Seconds from the first frame.
        pixels: uint8 array (height, width, 3). RGB, upright.
    """

    time: float
    pixels: np.ndarray

    @cached_property
    def picture(self) -> Picture:
        """The same, for `FaceDetector`."""
        return Picture(self.pixels, "frame", self.pixels.nbytes, "")


class Clip:
    """An open video. Close it, or use it in a `with`.

    Args:
        path: str or Path. MP4, MOV, WebM, MKV or AVI.
        settings: Settings. The limits of videos. Defaults to the environment's.

    Attributes:
        format: str. FFmpeg's name of the container, such as "mov" (which MP4 is, too).
        codec: str. FFmpeg's name, such as "h264".
        times: list of float. When the frames are shown, in seconds from the first, ascending.
        keys: list of float. Those of key frames.
        has_sound: bool.
        broken: int. How many times decoding had to go on behind something unreadable.
        hdr: str. "PQ" or "HLG" where the colours are high dynamic range; else "".

    Raises:
        VideoError: it cannot be opened, is no video, or passes a limit.
        LateError: time is over (`deadline`), here or while frames are read; the child was ended.
    """

    def __init__(self, path: str | Path, settings: Settings | None = None):
        settings = settings or Settings.from_environment()
        path = Path(path)
        check_readable(path, settings)
        self._child = _decoder()
        self._answers = Answers(self._child)
        send(
            self._child,
            {
                "path": str(path.resolve()),
                "seconds": settings.max_video_seconds,
                "side": settings.max_video_side,
                "cpu_seconds": CPU_SECONDS,
                "memory": MEMORY,
            },
        )
        try:
            facts = self._answers.next()
        except DeepfakeError:
            self.close()
            raise
        self.format: str = facts["format"]
        self.codec: str = facts["codec"]
        self.times: list[float] = facts["times"]
        self.keys: list[float] = facts["keys"]
        self.has_sound: bool = facts["sound"]
        self.broken: int = facts["broken"]
        self.hdr: str = facts["hdr"]

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return self.times[-1]

    def frames(
        self,
        times: Sequence[float],
        side: int | None = None,
        *,
        exact: bool = True,
        soon: Sequence[float] = (),
        whole: Sequence[float] = (),
    ) -> Iterator[Frame]:
        """Frames, one after the other; what cannot be decoded is left out, and counts as broken.

        Args:
            times: sequence of float. Of `times`, ascending.
            side: int. Longest side of what is returned, in pixels. Defaults to the frame's own.
            exact: bool. Whether it must be those; else those shortly after may come in their place,
                in half of the time. Defaults to those.
            soon: sequence of float. Which may be asked for next, ascending: those that lie on the
                way are kept, as far as there is room, and need not be decoded twice.
            whole: sequence of float. Those of `times` whose frames keep their own size.

        Raises:
            VideoError: the decoder broke off; what came before is good.
        """
        if not times:
            return
        request = {"times": list(times), "side": side, "exact": exact, "soon": list(soon)}
        send(self._child, {**request, "whole": list(whole)})
        while True:
            said = self._answers.next()
            if "end" in said:
                self.broken = said["broken"]
                return
            shape = (said["height"], said["width"], 3)
            pixels = np.frombuffer(self._answers.piece(shape[0] * shape[1] * 3), np.uint8)
            yield Frame(said["time"], pixels.reshape(shape))

    def close(self) -> None:
        """End the child."""
        self._child.kill()
        self._child.communicate()

    def __enter__(self) -> Clip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Answers:
    """What a child says, for as long as there is time (`deadline`).

    Args:
        child: Popen. Whose standard output is a pipe.
    """

    def __init__(self, child: subprocess.Popen[bytes]):
        self._pipe = _stream(child.stdout).fileno()
        self._read = bytearray()

    def next(self) -> dict[str, Any]:
        """The next line.

        Raises:
            VideoError: there is none, or it says what went wrong.
            LateError: time is over.
        """
        deadline.check()
        while (end := self._read.find(b"\n")) < 0:
            self._wait()
            piece = os.read(self._pipe, PIECE)
            if not piece:
                raise VideoError(BROKE_OFF)
            self._read += piece
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        try:
            said: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise VideoError(BROKE_OFF) from error
        if "error" in said:
            raise VideoError(said["error"])
        return said

    def piece(self, size: int) -> bytearray:
        """So many bytes after it. Raises as `next`."""
        data = bytearray(size)
        place = min(size, len(self._read))
        data[:place] = self._read[:place]
        del self._read[:place]
        with memoryview(data) as view:
            while place < size:
                self._wait()
                count = os.readv(self._pipe, [view[place:]])
                if not count:
                    raise VideoError(BROKE_OFF)
                place += count
        return data

    def _wait(self) -> None:
        while not select.select([self._pipe], [], [], POLL_SECONDS)[0]:
            deadline.check()


def get_ready() -> None:
    """Start the next Clip's decoder, which takes as long as judging several frames.

    For whoever has something else to do first, such as loading a model.
    """
    if reads_videos() and not _ready:
        _ready.append(start("decoding"))


def _decoder() -> subprocess.Popen[bytes]:
    while _ready:
        child = _ready.pop()
        if child.poll() is None:
            return child
    return start("decoding")


def reads_videos() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def start(module: str) -> subprocess.Popen[bytes]:
    """A child that runs `main` of a module of this package, with pipes to it.

    Args:
        module: str. Its name.

    Raises:
        VideoError: PyAV is not installed.
    """
    if not reads_videos():
        raise VideoError(MISSING)
    return subprocess.Popen(  # noqa: S603  # our own module, no shell
        command(f"{__package__}.{module}"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # FFmpeg prints what strangers wrote into their files.
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )


def send(child: subprocess.Popen[bytes], words: dict[str, Any]) -> None:
    """Ask a child something.

    Args:
        child: Popen. From `start`.
        words: dict. What becomes a line of JSON.

    Raises:
        VideoError: it is no more.
    """
    try:
        _stream(child.stdin).write(json.dumps(words).encode() + b"\n")
        _stream(child.stdin).flush()
    except OSError as error:
        raise VideoError(BROKE_OFF) from error


def check_readable(path: Path, settings: Settings) -> None:
    """Raise VideoError unless a path is a file within the limit of bytes."""
    if not path.is_file():
        if path.is_dir():
            raise VideoError("This is a folder. Name a video, or run: deepfake scan")
        raise VideoError("There is no such file." if not path.exists() else "This is no file.")
    size = path.stat().st_size
    if not size:
        raise VideoError("This file is empty.")
    if size > settings.max_video_bytes:
        raise VideoError(
            f"The file has {size / 1e6:.0f} MB; videos up to {settings.max_video_bytes / 1e6:.0f} "
            "MB are read. Send a smaller copy, or a part of it."
        )


def _stream(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101  # Popen made it
    return pipe
