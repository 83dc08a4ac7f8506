"""The sound of a copy: as it is where an MP4 takes its kind, else as AAC."""

from __future__ import annotations

from typing import Any

import av

# FFmpeg writes further kinds into an MP4, such as PCM, but not all that it reads of them, and few
# programs play them there.
TAKEN = frozenset({"aac", "mp3", "opus", "flac", "ac3", "eac3", "alac"})
RATE, LAYOUT = 48_000, "stereo"
LOST = "The sound of this video cannot be decoded; the copy has none."


class Sound:
    """The first track of sound, on its way into a copy.

    Args:
        source: InputContainer.
        target: OutputContainer, to which nothing has been written.

    Attributes:
        stream: whose packets are to be given to `take`; None where there is no sound that can be.
    """

    def __init__(self, source: Any, target: Any):
        self.stream: Any = next(iter(source.streams.audio), None)
        self._is_there = self.stream is not None
        self._last, self._written = -float("inf"), 0
        context: Any = getattr(self.stream, "codec_context", None)
        if context is None or context.codec is None:
            self.stream = None
            return
        self._is_taken = context.codec.canonical_name in TAKEN
        if self._is_taken:
            self._made = target.add_stream_from_template(self.stream)
        else:
            self._made = target.add_stream("aac", rate=RATE, layout=LAYOUT)

    def take(self, packet: Any) -> list[Any]:
        """What is to be written for one of its packets."""
        try:
            if self._is_taken:
                return self._copied(packet)
            made = [new for frame in packet.decode() for new in self._made.encode(frame)]
        except (av.FFmpegError, ValueError):
            return []  # what is damaged is left out
        self._written += len(made)
        return made

    def rest(self) -> list[Any]:
        """What is to be written at the end."""
        if self.stream is None or self._is_taken or not self._written:
            return []
        made: list[Any] = self._made.encode()
        return made

    @property
    def note(self) -> str:
        """What is to be said of it: a sentence where it was lost, else ""."""
        return LOST if self._is_there and not self._written else ""

    def _copied(self, packet: Any) -> list[Any]:
        # Times of damaged files repeat, and go back, which an MP4's cannot.
        if packet.dts is None or packet.dts <= self._last:
            return []
        self._last = packet.dts
        packet.stream = self._made
        self._written += 1
        return [packet]
