"""Films that the tests make of the example pictures."""

import math
from fractions import Fraction

import av
import numpy as np
from PIL import Image

SIZE, RATE = (640, 360), 15
OPTIONS: dict[str, str] = {}


def film(path, photos, seconds=3.0, *, codec="libx264", sound=False, key_every=15, muxing=None):
    """Each photo moves over a grey ground for some seconds; then comes the next one."""
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"g": str(key_every), "crf": "20", **OPTIONS}
        track = container.add_stream("aac", rate=44100) if sound else None
        for number, photo in enumerate(photos):
            image = Image.open(photo).convert("RGB")
            image.thumbnail((340, 340))
            for i in range(round(seconds * RATE)):
                frame = Image.new("RGB", SIZE, (60 + 110 * (number % 2),) * 3)
                frame.paste(image, (round(120 + 80 * math.sin(i / 12)), 10))
                container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())
        if track is not None:
            _be_silent(container, track)
    return path


def written(path, frames, rate=RATE):
    """A film of the given pictures."""
    frames = list(frames)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *frames[0].size, "yuv420p"
        stream.options = {"crf": "18"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())
    return path


def sounding(path, codec):
    """A second of grey with a tone."""
    rate = 48000 if codec == "libopus" else 44100
    with av.open(str(path), "w") as container:
        stream = container.add_stream({".webm": "libvpx"}.get(path.suffix, "mpeg4"), rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        track = container.add_stream(codec, rate=rate)
        for _ in range(RATE):
            grey = av.VideoFrame.from_image(Image.new("RGB", (64, 64), (90, 90, 90)))
            container.mux(stream.encode(grey))
        container.mux(stream.encode())
        tone = (0.3 * np.sin(np.arange(rate) / 20)).astype(np.float32)
        for place in range(0, rate, 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, place : place + 1024], "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = rate, place, Fraction(1, rate)
            container.mux(track.encode(frame))
        container.mux(track.encode())
    return path


def sound_only(path):
    """A film without a picture."""
    with av.open(str(path), "w") as container:
        _be_silent(container, container.add_stream("aac", rate=44100))
    return path


def _be_silent(container, track):
    """A second of it."""
    silence = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
    silence.rate = 44100
    container.mux(track.encode(silence))
    container.mux(track.encode())
