"""Which frames of a video are judged: shots first, then frames spread over each.

Neighbouring frames say the same, so 8 to 16 of them recover most of what all would say.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np
from PIL import Image

PER_SHOT, MOST, CLOSER = 16, 64, 32
# Small frames that shots are told by: this side in pixels; so often where key frames, by which they
# are told else, are further apart than most encoders set them.
SMALL_SIDE, EVERY_SECONDS, MOST_SMALL, KEYS_SECONDS = 64, 1.0, 400, 12.0
BINS = 16
# Among so many moments of a part of a film those are chosen that are furthest from others.
FINE = 256
# Two small frames are of different shots when their colours are distributed otherwise (as in
# PySceneDetect's HistogramDetector, which motion within a shot leaves alone) and their places look
# otherwise (as in its ContentDetector, whose usual threshold of 27 of 255 this is).
COMMON, CHANGED = 0.7, 27.0


@dataclass(frozen=True)
class Shot:
    """A part of a video without a cut, in seconds: from `start` up to `end`."""

    start: float
    end: float


def small_times(times: Sequence[float], keys: Sequence[float]) -> list[float]:
    """When to look for cuts: at key frames, which encoders put there, where they are close enough.

    Others show in the samples themselves.

    Args:
        times: sequence of float. Of all frames, ascending.
        keys: sequence of float. Of key frames.
    """
    if times[-1] / max(1, len(keys)) <= KEYS_SECONDS:
        return list(keys[:: max(1, len(keys) // MOST_SMALL)])
    step = max(EVERY_SECONDS, times[-1] / MOST_SMALL)
    wanted = np.arange(0.0, times[-1] + 1e-9, step)
    return sorted({t for time in wanted if (t := _nearest(times, time, step)) is not None})


def small(image: Image.Image, shape: tuple[int, ...]) -> np.ndarray:
    """A frame as small as those that shots are told by: uint8 array of their shape."""
    image = image.reduce(max(1, min(image.size) // (2 * shape[0])))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BOX))


def shots(
    times: Sequence[float], frames: Sequence[np.ndarray], keys: Sequence[float], end: float
) -> list[Shot]:
    """Cut a video where it looks otherwise.

    Args:
        times: sequence of float. Of the small frames, ascending.
        frames: sequence of uint8 array (height, width, 3). Of one size, but for broken files.
        keys: sequence of float. Of key frames. A cut before one of them is at it.
        end: float. When the last frame is shown.

    Returns:
        At least one Shot; the first starts at 0, the last ends at `end`.
    """
    known = set(keys)
    cuts = [
        later if later in known else (earlier + later) / 2
        for earlier, later, one, other in zip(times, times[1:], frames, frames[1:], strict=False)
        if _is_cut(one, other)
    ]
    edges = [0.0, *cuts, end]
    return [Shot(start, stop) for start, stop in pairwise(edges)]


def number_of(found: Sequence[Shot], time: float) -> int:
    """The number of the shot that a moment is in."""
    return max(0, bisect_right([shot.start for shot in found], time) - 1)


def sample_times(
    found: Sequence[Shot], times: Sequence[float], keys: Sequence[float]
) -> list[list[float]]:
    """Which frames to judge: up to `PER_SHOT` spread over each shot, `MOST` in all.

    Args:
        found: sequence of Shot.
        times: sequence of float. Of all frames, ascending.
        keys: sequence of float. Of key frames, which are taken where one is near: they are the
            least compressed, and quick to come by.

    Returns:
        For each shot its times, ascending; none for the shortest where there are too many shots.
    """
    total = sum(shot.end - shot.start for shot in found) or 1.0
    room, counts = MOST, dict[Shot, int]()
    for shot in sorted(found, key=lambda shot: shot.start - shot.end):
        share = int(MOST * (shot.end - shot.start) / total)
        counts[shot] = min(PER_SHOT, max(1, share), room)
        room -= counts[shot]
    chosen: list[list[float]] = []
    for shot in found:
        step = (shot.end - shot.start) / max(1, counts[shot])
        middles = [shot.start + step * (i + 0.5) for i in range(counts[shot])]
        nearest = {_nearest(keys, t, step / 4) or _nearest(times, t, step / 2) for t in middles}
        chosen.append(sorted(t for t in nearest if t is not None and shot.start <= t <= shot.end))
    return chosen


def fuller_times(
    lacking: Sequence[tuple[float, float, int]], times: Sequence[float], known: Sequence[float]
) -> list[float]:
    """Up to `CLOSER` more frames of people of whom too few faces are judged to say anything.

    Args:
        lacking: sequence of (start, end, count). Between which moments there are to be how many
            more frames, the most important first.
        times: sequence of float. Of all frames, ascending.
        known: sequence of float. Of those that have been judged.

    Returns:
        Times between them, each as far as can be from what is known; ascending.
    """
    chosen: list[float] = []
    for start, end, count in lacking:
        # Not at its edges, where one picture may fade into another.
        margin = (end - start) / 16
        inside = times[bisect_left(times, start + margin) : bisect_right(times, end - margin)]
        inside = inside[:: max(1, len(inside) // FINE)]
        there = {time for time in (*known, *chosen) if start <= time <= end}
        for _ in range(min(count, CLOSER - len(chosen))):
            free = [time for time in inside if time not in there]
            if not free:
                break
            chosen.append(max(free, key=lambda time: _distance(time, there)))
            there.add(chosen[-1])
    return sorted(chosen)


def closer_times(
    doubtful: Sequence[tuple[float, float]],
    times: Sequence[float],
    keys: Sequence[float],
    known: Sequence[float],
    most: int = CLOSER,
) -> list[float]:
    """More frames, where the score is near the threshold.

    Args:
        doubtful: sequence of (start, end). Between neighbouring samples, in seconds.
        times: sequence of float. Of all frames, ascending.
        keys: sequence of float. Of key frames, which are taken where there is one.
        known: sequence of float. Of those that have been judged.
        most: int. How many frames there may be. Defaults to `CLOSER`.

    Returns:
        Times between them, ascending.
    """
    widest = sorted(doubtful, key=lambda part: part[0] - part[1])[:most]
    judged = set(known)
    rest = [time for time in keys if time not in judged]
    chosen = set()
    for start, end in widest:
        middle, within = (start + end) / 2, (end - start) / 2
        # Any key frame in between: another one may take seconds of film to decode.
        chosen.add(_nearest(rest, middle, within) or _nearest(times, middle, within))
    return sorted(time for time in chosen - judged if time is not None)


def between(
    samples: Sequence[float],
    found: Sequence[Shot],
    times: Sequence[float],
    keys: Sequence[float],
) -> list[float]:
    """What `closer_times` says if the scores of all samples are near the threshold.

    Args:
        samples: sequence of float. When the frames are shown that are judged, ascending.
        found: sequence of Shot. Between samples of two shots nothing is looked at.
        times: sequence of float. Of all frames, ascending.
        keys: sequence of float. Of key frames.
    """
    pairs = [(a, b) for a, b in pairwise(samples) if number_of(found, a) == number_of(found, b)]
    return closer_times(pairs, times, keys, samples)


def _nearest(times: Sequence[float], time: float, within: float) -> float | None:
    place = bisect_left(times, time)
    near = [times[i] for i in (place - 1, place) if 0 <= i < len(times)]
    best = min(near, key=lambda t: abs(t - time), default=None)
    return best if best is not None and abs(best - time) <= within + 1e-9 else None


def _distance(time: float, others: Collection[float]) -> float:
    """To the nearest of the others."""
    return min((abs(time - other) for other in others), default=inf)


def _is_cut(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return True
    changed = np.abs(one.astype(np.int16) - other.astype(np.int16)).mean()
    return bool(changed > CHANGED and _common(one, other) < COMMON)


def _common(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection of the histograms of brightness, in [0, 1]."""
    histograms = [
        np.histogram(pixels.mean(axis=2), BINS, (0, 256))[0] / pixels[..., 0].size
        for pixels in (one, other)
    ]
    return float(np.minimum(*histograms).sum())
