"""What runs in the child process that writes a video anew, with what was found drawn into it.

One request on standard input names both files and what to draw; a line of JSON answers.
"""

from __future__ import annotations

import json
import sys
from bisect import bisect_left
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deepfake.verdict import percent
from deepfake.video.decoding import RefusalError, keep_to, opened, upright
from deepfake.video.sound import Sound

# Okabe and Ito's colours, which most colour-blind people tell apart, as on the page.
COLOURS = {"fake": "#d55e00", "uncertain": "#e69f00", "real": "#0072b2", "not_applicable": "#999"}
BAR_SHARE = 0.03
# How long before and after a sample its box is drawn where there is no other.
HOLD_SECONDS = 0.5


def main() -> None:
    """Write one file."""
    request = json.loads(sys.stdin.readline())
    keep_to(request)
    try:
        print(json.dumps({"end": True, "note": _write(request)}))
    except RefusalError as refusal:
        print(json.dumps({"error": str(refusal)}))
    except (av.FFmpegError, MemoryError, ValueError, OSError) as error:
        print(json.dumps({"error": f"The video cannot be written: {type(error).__name__}."}))


def _write(request: dict[str, Any]) -> str:
    """Write the copy, and return what is to be said of it."""
    source = opened(Path(request["path"]))
    target = av.open(request["target"], "w", format="mp4")
    shown = source.streams.video[0]
    shown.thread_type = "AUTO"
    sound = Sound(source, target)
    made: Any = None
    start: float | None = None
    last = -1
    # A file's kinds of streams must be known before its first packet is written.
    waiting: list[Any] = []
    for packet in source.demux([stream for stream in (shown, sound.stream) if stream is not None]):
        if packet.stream is sound.stream:
            waiting += sound.take(packet)
            continue
        frames: list[Any]
        try:
            frames = list(packet.decode())
        except av.FFmpegError:
            continue
        for frame in frames:
            if frame.time is None:
                continue
            start = frame.time if start is None else start
            image = Image.fromarray(upright(frame, None))
            # The encoder halves the colours.
            image = image.crop((0, 0, image.width // 2 * 2, image.height // 2 * 2))
            if made is None:
                made = _encoder(target, shown, image.size)
            _draw(image, frame.time - start, request)
            new = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            new.time_base, new.pts = Fraction(1, 90000), max(last + 1, round(frame.time * 90000))
            last = new.pts
            target.mux([*waiting, *made.encode(new)])
            waiting.clear()
    if made is None:
        raise RefusalError("No frame of this video can be decoded.")
    target.mux([*waiting, *made.encode(), *sound.rest()])
    target.close()
    return sound.note


def _encoder(target: Any, shown: Any, size: tuple[int, int]) -> Any:
    rate = shown.average_rate or 25
    made = target.add_stream("libx264", rate=rate)
    made.width, made.height = size
    made.pix_fmt = "yuv420p"
    made.codec_context.time_base = Fraction(1, 90000)
    made.options = {"crf": "20", "preset": "veryfast"}
    return made


def _draw(image: Image.Image, time: float, request: dict[str, Any]) -> None:
    pen = ImageDraw.Draw(image)
    thick = max(2, image.height // 240)
    size = max(12, image.height // 30)
    font = ImageFont.load_default(size)
    for number, person in enumerate(request["people"], 1):
        found = _box_at(person["samples"], time)
        if found is None:
            continue
        box, p_fake = found
        colour = COLOURS[person["verdict"]]
        pen.rectangle(box, outline=colour, width=thick)
        text = f"{number}" if p_fake is None else f"{number} · {percent(p_fake)}"
        place = (box[0], max(0, box[1] - size - 3 * thick))
        pen.rectangle(pen.textbbox(place, text, font), fill=colour, outline=colour, width=thick)
        pen.text(place, text, "white", font)
    _draw_bar(pen, image.size, time, request)


def _box_at(samples: list[dict[str, Any]], time: float) -> tuple[list[float], float | None] | None:
    """The box between two samples, and the score of the nearer one; None where nobody looked."""
    times = [sample["time"] for sample in samples]
    place = bisect_left(times, time)
    if place in (0, len(times)):
        near = samples[0 if place == 0 else -1]
        is_near = abs(near["time"] - time) <= HOLD_SECONDS
        return (near["box"], near["p_fake"]) if is_near else None
    before, after = samples[place - 1], samples[place]
    share = (time - before["time"]) / max(1e-6, after["time"] - before["time"])
    box = [(1 - share) * a + share * b for a, b in zip(before["box"], after["box"], strict=True)]
    return box, (before if share < 0.5 else after)["p_fake"]


def _draw_bar(
    pen: ImageDraw.ImageDraw, size: tuple[int, int], time: float, request: dict[str, Any]
) -> None:
    """Where in the video this is, and what the samples said: a mark each."""
    width, height = size
    top, whole = height - max(6, round(BAR_SHARE * height)), max(request["seconds"], 1e-6)
    pen.rectangle((0, top, width, height), fill="#222")
    mark = max(2, width // 300)
    for person in request["people"]:
        for sample in person["samples"]:
            x = sample["time"] / whole * (width - mark)
            pen.rectangle((x, top + 2, x + mark, height), fill=COLOURS[sample["verdict"]])
    x = time / whole * (width - mark)
    pen.rectangle((x, top, x + mark, height), fill="white")
