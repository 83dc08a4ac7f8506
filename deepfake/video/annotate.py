"""A copy of a video with boxes, scores and a bar of time drawn into it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from deepfake.errors import VideoError
from deepfake.files.same import are_same
from deepfake.video.clip import CPU_SECONDS, MEMORY, Answers, send, start
from deepfake.video.report import VideoReport

# Every frame is decoded, drawn on and compressed again.
FACTOR = 6


def annotate(path: str | Path, report: VideoReport, target: str | Path) -> str:
    """Write an MP4 with what a report says drawn into each frame; the sound is kept.

    Args:
        path: str or Path. The video that the report is of.
        report: VideoReport.
        target: str or Path. Written whole or not at all.

    Returns:
        A sentence on what the copy lacks; "" where it has all.

    Raises:
        VideoError: it cannot be decoded or written.
        LateError: time is over (`deadline`); nothing was written.
    """
    target = Path(target)
    if target.suffix.lower() != ".mp4":
        raise VideoError("The annotated video is an MP4: end its name with .mp4.")
    if are_same(target, Path(path)):
        raise VideoError(f"{target} is the video itself. Name another place for the copy.")
    if not target.parent.is_dir():
        raise VideoError(f"There is no folder {target.parent} to write to.")
    try:
        number, name = tempfile.mkstemp(".part", target.name, target.parent)
    except OSError as error:
        raise VideoError(f"{target} cannot be written: {error.strerror}.") from error
    os.close(number)
    made = Path(name)
    request = {
        "path": str(Path(path).resolve()),
        "target": str(made.resolve()),
        "seconds": report.seconds,
        "people": [person.to_dict() for person in report.people],
        "cpu_seconds": FACTOR * CPU_SECONDS,
        "memory": MEMORY,
    }
    child = start("annotating")
    try:
        send(child, request)
        note: str = Answers(child).next()["note"]
        made.chmod(0o644)
        made.replace(target)
    finally:
        child.kill()
        child.communicate()
        made.unlink(missing_ok=True)
    return note
