"""What runs in the child process that decodes a video, and nothing else of ours.

FFmpeg takes strangers' bytes here. The container's kind is known from its first bytes, so that no
playlist, and no file that names other files, is ever opened; the kernel limits processor time and
memory. Requests come as lines of JSON on standard input; a line of JSON and, for a frame, its
pixels go back on standard output.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import inf
from pathlib import Path
from typing import IO, Any

import av
import numpy as np

from deepfake.video.containers import SNIFFED_BYTES, demuxer_of
from deepfake.video.kept import EPSILON, KEPT_SECONDS, Kept, Passed, Skipped

BT_601, BT_709, UNSPECIFIED = 5, 1, 2  # ITU-T H.273, matrix coefficients
HDR = {16: "PQ", 18: "HLG"}  # ITU-T H.273, transfer characteristics
# Slow motion has 240 frames a second. Each frame costs the asking process memory.
MOST_A_SECOND = 480
Request = dict[str, Any]
# Which frames are not decoded: none; those that no other is compressed from, and none where that
# gives nothing.
EXACT: tuple[Skipped, ...] = ("DEFAULT",)
QUICK: tuple[Skipped, ...] = ("NONREF", "DEFAULT")


class RefusalError(Exception):
    """A file that is not decoded, and why."""


def main() -> None:
    """Serve one file: its path and limits come as the first request."""
    line = sys.stdin.readline()
    if not line:
        return  # there was no file, after all
    limits = json.loads(line)
    keep_to(limits)
    # Libraries that print do not come between our lines.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        clip = Clip(limits)
        _say(answers, clip.facts())
        for line in sys.stdin:
            request = json.loads(line)
            for time, pixels in clip.frames(
                request["times"],
                request.get("side"),
                exact=request["exact"],
                soon=request["soon"],
                whole=request["whole"],
            ):
                height, width = pixels.shape[:2]
                _say(answers, {"time": time, "width": width, "height": height})
                answers.write(pixels.tobytes())
            _say(answers, {"end": True, "broken": clip.broken})
    except RefusalError as refusal:
        _say(answers, {"error": str(refusal)})
    except (av.FFmpegError, MemoryError, ValueError, EOFError) as error:
        _say(answers, {"error": f"FFmpeg cannot decode it: {type(error).__name__}."})


class Clip:
    """An open file: when its frames are shown, and their pixels.

    Args:
        limits: dict. "path", "seconds" and "side" as of the settings.
    """

    def __init__(self, limits: Request):
        self.broken = 0
        # Where decoding has got to.
        self._decoder: Iterator[Any] | None = None
        self._last = self._reached = -1.0
        self._kept = Kept()
        try:
            self.container = opened(Path(limits["path"]))
        except av.FFmpegError:
            raise RefusalError(
                "This video cannot be opened: it is damaged, or only a part of it is here. Export "
                "or download it again."
            ) from None
        if not self.container.streams.video:
            raise RefusalError(
                "There is sound in this file, but no picture. Send a video with faces."
            )
        self.stream = self.container.streams.video[0]
        # Threads that each decode a frame of their own are filled again after every leap: the same
        # time, and a fifth to a third more work.
        self.stream.thread_type = "SLICE"
        width, height = self.stream.codec_context.width, self.stream.codec_context.height
        if not width or not height or self.stream.codec_context.codec is None:
            raise RefusalError(
                "The pictures in this video are of a kind that cannot be decoded here."
            )
        if max(width, height) > limits["side"]:
            raise RefusalError(
                f"The video has {width} × {height} pixels; up to {limits['side']} a side are "
                "judged. Send a smaller copy."
            )
        self._index(limits["seconds"])

    def facts(self) -> dict[str, Any]:
        """What is known before a frame is decoded."""
        context = self.stream.codec_context
        return {
            "format": self.container.format.name.split(",")[0],
            "codec": context.name,
            "times": self.times,
            "keys": self.keys,
            "sound": bool(self.container.streams.audio),
            "broken": self.broken,
            "hdr": HDR.get(int(context.color_trc), ""),
        }

    def frames(
        self,
        times: Sequence[float],
        side: int | None = None,
        *,
        exact: bool = True,
        soon: Sequence[float] = (),
        whole: Sequence[float] = (),
    ) -> Iterator[tuple[float, np.ndarray]]:
        """The frames at times of the index, in their order.

        Args:
            times: sequence of float. Seconds, ascending.
            side: int. Longest side of what is returned. Defaults to the frame's own.
            exact: bool. Whether it must be those. Else it may be one shortly after it, and frames
                that no other is compressed from are not decoded: half of the work, and what is
                returned is less compressed. Defaults to those.
            soon: sequence of float. Which may be asked for next, ascending. Those that are passed
                on the way, or near it, are kept as far as there is room, so that they are not
                decoded twice.
            whole: sequence of float. Those of `times` that are returned at their own size.

        Returns:
            (seconds, uint8 array (height, width, 3)). Frames that cannot be decoded are left out
            and counted as `broken`.
        """
        found = -1.0
        self._kept.expect(times, soon)
        unscaled = set(whole)
        for time, until in zip_longest(times, times[1:], fillvalue=inf):
            for skipped in EXACT if exact else QUICK:
                frame = self._at(time, skipped)
                # Not again the one before, and not the next one's.
                if frame is not None and found < (shown := self._shown(frame)) < until:
                    found = shown
                    self.broken += bool(frame.is_corrupt)
                    yield shown, upright(frame, None if time in unscaled else side)
                    break
            else:
                self.broken += frame is None

    def _at(self, time: float, skipped: Skipped) -> Any:
        """The first frame from a time on, without those of a kind; None if there is none."""
        kept = self._kept.take(time, skipped)
        if kept is not None:
            return kept
        key = self._key_before(time)
        context = self.stream.codec_context
        try:
            # Forward to it, unless a key frame lies in between.
            if (
                self._decoder is None
                or key > self._last
                or time <= self._last + EPSILON
                or context.skip_frame != skipped
            ):
                self._finish(key)
                self.container.seek(self._ticks(key), stream=self.stream)
                context.skip_frame = skipped
                self._decoder = self.container.decode(self.stream)
                self._reached = key - 3 * EPSILON
                self._kept.go_on_from(key)
            for frame in self._frames_on():
                if self._last >= time - EPSILON:
                    return frame
        except (av.FFmpegError, ValueError):
            pass
        self._decoder = None
        return None

    def _frames_on(self) -> Iterator[Any]:
        """The frames from where decoding has got to."""
        for frame in self._decoder or ():
            if frame.time is None:
                continue
            self._last = self._shown(frame)
            skipped = self.stream.codec_context.skip_frame
            self._kept.offer(Passed(self._reached, self._last, skipped, frame))
            # Times of damaged files repeat, and go back.
            self._reached = max(self._reached, self._last)
            yield frame

    def _finish(self, key: float) -> None:
        """Before decoding leaps on to a key frame: what may be asked for next, if that is near."""
        wanted = self._kept.first_wanted
        if self._kept.is_full or not self._last < wanted < key:
            return
        # To come back for it means to decode all from the key frame before it. It is not sure that
        # anybody will.
        if 2 * (wanted - self._last) > self._last - self._key_before(wanted):
            return
        try:
            for _ in self._frames_on():
                if self._last >= wanted + KEPT_SECONDS:
                    return
        except (av.FFmpegError, ValueError):
            pass  # nobody has asked for it yet

    def _key_before(self, time: float) -> float:
        return self.keys[max(0, bisect_right(self.keys, time + EPSILON) - 1)]

    def _shown(self, frame: Any) -> float:
        return float(round(frame.time - self.start, 6))

    def _index(self, longest: float) -> None:
        """Read when frames are shown, without decoding one."""
        base = self.stream.time_base
        times, keys = [], []
        try:
            for packet in self.container.demux(self.stream):
                tick = packet.pts if packet.pts is not None else packet.dts
                if tick is None or not packet.size or base is None:
                    continue
                times.append(float(tick * base))
                if packet.is_keyframe:
                    keys.append(times[-1])
                if len(times) > MOST_A_SECOND * max(longest, 1.0):
                    raise RefusalError(
                        "The video has far more frames than films have. Export it again, at 60 "
                        "frames a second or fewer."
                    )
                if times[-1] - times[0] > longest:
                    raise RefusalError(
                        f"The video is longer than {longest:g} seconds. Cut out the part that "
                        "matters, and send that."
                    )
        except av.FFmpegError:
            self.broken += 1  # what came before it is there
        if not times:
            raise RefusalError("There is no frame in this video. Export or download it again.")
        self.start = min(times)
        said = (self.container.duration or 0) / av.time_base
        if said - (max(times) - self.start) > max(1.0, 0.05 * said):
            self.broken += 1  # it was to be longer
        self.times = sorted({round(time - self.start, 6) for time in times})
        self.keys = sorted({round(time - self.start, 6) for time in keys}) or self.times[:1]

    def _ticks(self, time: float) -> int:
        base = self.stream.time_base
        return round((time + self.start) / float(base)) if base else 0


def keep_to(limits: Request) -> None:
    """Have the kernel end this process at its limits, and FFmpeg print nothing.

    Args:
        limits: dict. "cpu_seconds" and "memory" in bytes.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_seconds"],) * 2)
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"],) * 2)
    av.logging.set_level(av.logging.PANIC)


def opened(path: Path) -> av.container.InputContainer:
    """A file as the container that its first bytes say.

    Raises:
        RefusalError: it is none that we take.
        av.FFmpegError: it is damaged.
    """
    with path.open("rb") as file:
        demuxer = demuxer_of(file.read(SNIFFED_BYTES))
    if not demuxer:
        raise RefusalError(
            "This is no video that can be read here: send MP4, MOV, WebM, MKV or AVI."
        )
    return av.open(path.open("rb"), "r", format=demuxer)


def upright(frame: Any, side: int | None) -> np.ndarray:
    """A frame's pixels in RGB, turned and stretched as its header says.

    Args:
        frame: av.VideoFrame.
        side: int. Longest side of what is returned; None for the frame's own.
    """
    width, height = frame.width, frame.height
    ratio = frame.sample_aspect_ratio if hasattr(frame, "sample_aspect_ratio") else None
    if ratio and ratio != 1 and 0.2 < ratio < 5:
        width = round(width * float(ratio))
    if side is not None and max(width, height) > side:
        scale = side / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    space = int(frame.colorspace)
    if space == UNSPECIFIED:
        space = BT_709 if frame.height >= 720 else BT_601
    shown = frame.reformat(width=width, height=height, format="rgb24", src_colorspace=space)
    pixels: np.ndarray = shown.to_ndarray()
    # FFmpeg's display matrix: counter-clockwise, in quarters for all that cameras write.
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


def _say(answers: IO[bytes], words: dict[str, Any]) -> None:
    answers.write(json.dumps(words).encode() + b"\n")
    answers.flush()
