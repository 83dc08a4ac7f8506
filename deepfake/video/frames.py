"""Small copies of the frames that were judged, for people who want to see them."""

from __future__ import annotations

from deepfake import jpeg
from deepfake.video.clip import Frame

# 96 frames at most are judged, and up to 16 for nothing: together some three megabytes.
SIDE, QUALITY = 480, 72


class Frames:
    """Keeps a small JPEG of each frame that it is shown (`VideoDetector.detect(watch=…)`)."""

    def __init__(self) -> None:
        self._kept: dict[float, bytes] = {}

    def __call__(self, frame: Frame) -> None:
        """Keep one."""
        image = frame.picture.image.copy()
        image.thumbnail((SIDE, SIDE), reducing_gap=2.0)
        self._kept[frame.time] = jpeg.encode(image, QUALITY)

    def address(self, time: float) -> str:
        """The one that is shown at a time, as its own address for HTML; "" for none."""
        return jpeg.address_of(self._kept[time]) if time in self._kept else ""
